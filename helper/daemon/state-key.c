/* SPDX-License-Identifier: MIT */
/* state-key - the keys of the state files, from where the settings say */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/util.h"
#include "helper/config/secret.h"
#include "helper/daemon/state-key.h"

static int
out_of_memory(char why[CONF_TEXT_MAX])
{
	snprintf(why, CONF_TEXT_MAX, "state_key: out of memory");
	return -ENOMEM;
}

/* The file of a key: a path, or the name of a systemd credential. */
static int
find_file(
    const char *setting, const char *word, char *path, char why[CONF_TEXT_MAX])
{
	if (*word == '/') {
		snprintf(path, PATH_MAX, "%s", word);
		return 0;
	}
	if (!strchr(word, '/'))
		return secret_credential(setting, word, path, why);
	snprintf(why, CONF_TEXT_MAX,
	    "%s: \"%.200s\" is neither an absolute path nor the name of a "
	    "systemd credential",
	    setting, word);
	return -EINVAL;
}

/* Say what is wrong with a file, and what to do. */
static int
explain(int r, int is_old, const char *text, char why[CONF_TEXT_MAX])
{
	const char *setting = is_old ? "state_key_old" : "state_key";
	const char *advice = "; make a key with \"openssl rand -hex 32\"";

	if (is_old)
		advice = "; put it back from a backup, or take it out of "
			 "state_key_old";
	if (r == -EPERM || r == -EACCES)
		advice = ""; /* the text names the command */
	snprintf(why, CONF_TEXT_MAX, "%s: %.850s%s", setting, text, advice);
	return r;
}

static int
add_key(struct seal_ring *ring, int is_old, const char *word,
    char why[CONF_TEXT_MAX])
{
	char path[PATH_MAX], text[CONF_TEXT_MAX], *hex = NULL;
	int r =
	    find_file(is_old ? "state_key_old" : "state_key", word, path, why);

	if (r < 0)
		return r;
	r = secret_read(path, SEAL_KEY_DIGITS, &hex, text);
	if (r < 0)
		return explain(r, is_old, text, why);
	r = seal_add(ring, hex);
	util_secret_free(hex);
	if (r == -ENOMEM)
		return out_of_memory(why);
	if (r == 0)
		return 0;
	if (r == -ENOSPC)
		snprintf(text, sizeof(text), "%.700s: more than %d keys", path,
		    SEAL_RING_MAX);
	else
		snprintf(text, sizeof(text),
		    "%.700s: not %d hexadecimal digits", path, SEAL_KEY_DIGITS);
	return explain(r, is_old, text, why);
}

int
state_key_load(
    const struct settings *s, struct seal_ring **ret, char why[CONF_TEXT_MAX])
{
	struct seal_ring *ring;
	char **word;
	int r = 0;

	if (!s->state_key && !s->state_key_old) {
		*ret = NULL;
		return 0;
	}
	ring = calloc(1, sizeof(*ring));
	if (!ring)
		return out_of_memory(why);
	mlock(ring, sizeof(*ring));
	ring->seals = s->state_key != NULL;
	if (s->state_key)
		r = add_key(ring, 0, s->state_key, why);
	for (word = s->state_key_old; r == 0 && word && *word; word++)
		r = add_key(ring, 1, *word, why);
	if (r == 0)
		*ret = ring;
	else
		state_key_free(ring);
	return r;
}

void
state_key_check(const struct settings *s, struct conf_errors *e)
{
	struct seal_ring *ring = NULL;
	char why[CONF_TEXT_MAX];
	int r = state_key_load(s, &ring, why);

	if (r == -ENXIO)
		conf_warning(e, "sasl-bearer.conf", "not checked: %s", why);
	else if (r < 0)
		conf_error(e, "sasl-bearer.conf", 0, "%s", why);
	state_key_free(ring);
}

void
state_key_free(struct seal_ring *ring)
{
	util_wipe(ring, sizeof(*ring));
	free(ring);
}
