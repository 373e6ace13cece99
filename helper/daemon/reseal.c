/* SPDX-License-Identifier: MIT */
/* reseal - state files under another key, and those that cannot be read */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper/daemon/log.h"
#include "helper/daemon/reseal.h"

struct refused {
	struct refused *next;
	int code;
	char id[SEAL_ID_SIZE];
	char file[];
};

struct walk {
	const struct daemon *daemon;
	unsigned written;
	unsigned left; /* not as they should be */
};

/* Complain about a file that is sealed and cannot be read. */
static void
report_refused(const struct daemon *d, const char *name, int code)
{
	char id[SEAL_ID_SIZE], text[64];

	store_key_id(d->state_fd, name, id);
	log_line(LEVEL_ERROR, "%s/%s: %s%s%s; the file is left as it is",
	    d->settings.state_dir, name, err_text(code, text, sizeof(text)),
	    *id ? ", key " : "", id);
}

static void
renew(void *context, const char *name)
{
	struct walk *w = context;
	const struct daemon *d = w->daemon;
	struct tokens t = {0};
	char text[64];
	int r = 0, storage = store_load(d->state_fd, d->ring, name, &t);

	if (storage == -ERR_KEY || storage == -ERR_SEAL) {
		report_refused(d, name, storage);
		w->left++;
	}
	if (storage >= 0 && storage != (int)store_storage(d->ring)) {
		r = store_save(d->state_fd, d->ring, name, &t, 1);
		w->written += r == 0;
		w->left += r < 0;
	}
	if (r < 0)
		log_line(LEVEL_ERROR,
		    "%s/%s: cannot write it anew: %s; it is as it was",
		    d->settings.state_dir, name,
		    err_text(r, text, sizeof(text)));
	tokens_clear(&t);
}

void
reseal_all(const struct daemon *d)
{
	const struct seal_ring *ring = d->ring;
	struct walk w = {.daemon = d};

	store_each(d->state_fd, '\0', renew, &w);
	if (w.written > 0 && ring && ring->seals)
		log_line(LEVEL_INFO, "state files sealed with key %s: %u more",
		    ring->keys[0].id, w.written);
	else if (w.written > 0)
		log_line(LEVEL_WARNING,
		    "state files that are not sealed any more, since there is "
		    "no state_key: %u",
		    w.written);
	if (w.left == 0 && ring && ring->count > (size_t)ring->seals)
		log_line(LEVEL_INFO, "no state file needs state_key_old");
}

void
reseal_explain(const struct account *a, char reason[REASON_SIZE])
{
	const struct daemon *d = a->daemon;
	const char *path = d->settings.state_dir, *name = a->conf->name;
	int person = a->conf->grant == GRANT_REFRESH_TOKEN;
	char cause[USER_MAX + 240], remedy[460];

	if (a->refused == -ERR_KEY) {
		snprintf(cause, sizeof(cause),
		    "the state file of account \"%s\" is sealed with key %s, "
		    "which is not given",
		    a->name, a->refused_id);
		snprintf(remedy, sizeof(remedy),
		    "name the file of that key in %s of sasl-bearer.conf and "
		    "restart sasl-bearerd",
		    d->ring && d->ring->seals ? "state_key_old" : "state_key");
	} else {
		snprintf(cause, sizeof(cause),
		    "the seal on the state file of account \"%s\" is broken: "
		    "it was changed, or is another account's",
		    a->name);
		snprintf(remedy, sizeof(remedy),
		    "put %.300s/%s back from a backup and restart sasl-bearerd",
		    path, a->file);
	}
	snprintf(reason, REASON_SIZE, "%s; %s, or run \"sasl-bearer %s %s\"",
	    cause, remedy, person ? "login" : "logout", name);
}

void
reseal_refuse(struct daemon *d, const char *file, int code)
{
	size_t size = strlen(file) + 1;
	struct refused *r = calloc(1, sizeof(*r) + size);

	if (!r)
		return;
	memcpy(r->file, file, size);
	r->code = code;
	store_key_id(d->state_fd, file, r->id);
	r->next = d->refused;
	d->refused = r;
}

void
reseal_look_up(struct account *a)
{
	const struct refused *r;

	for (r = a->daemon->refused; r; r = r->next) {
		if (strcmp(r->file, a->file) != 0)
			continue;
		a->refused = r->code;
		a->storage = STORAGE_SEALED;
		memcpy(a->refused_id, r->id, sizeof(a->refused_id));
	}
}

void
reseal_give_up(struct account *a)
{
	struct refused **p = &a->daemon->refused, *r;

	a->refused = 0;
	while ((r = *p)) {
		if (strcmp(r->file, a->file) == 0) {
			*p = r->next;
			free(r);
		} else {
			p = &r->next;
		}
	}
}

void
reseal_clear(struct daemon *d)
{
	struct refused *r;

	while ((r = d->refused)) {
		d->refused = r->next;
		free(r);
	}
}
