/* SPDX-License-Identifier: MIT */
/* allow - the users that an account allows, as uids */
#include "config.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>

#include "common/util.h"
#include "helper/daemon/allow.h"
#include "helper/daemon/log.h"

#define PASSWD_SIZE 16384

/* Look up one word of allow. Returns 0, or -ENOENT. */
static int
find_uid(const char *name, uid_t *ret)
{
	struct passwd pw, *found = NULL;
	char *buf;
	int64_t n;

	if (util_number_parse(name, 0, UINT32_MAX - 1, &n) == 0) {
		*ret = (uid_t)n;
		return 0;
	}
	buf = malloc(PASSWD_SIZE);
	if (!buf)
		return -ENOENT;
	if (getpwnam_r(name, &pw, buf, PASSWD_SIZE, &found) == 0 && found)
		*ret = found->pw_uid;
	free(buf);
	return found ? 0 : -ENOENT;
}

int
allow_look_up(char *const *names, uid_t **ret, size_t *ret_count)
{
	size_t i, n = 0, count = 0;
	int unknown = 0;
	uid_t *uids;

	while (names && names[n])
		n++;
	uids = calloc(n + 1, sizeof(*uids));
	for (i = 0; uids && i < n; i++) {
		if (find_uid(names[i], &uids[count]) == 0)
			count++;
		else
			unknown = 1;
	}
	*ret = uids;
	*ret_count = count;
	return unknown;
}

void
allow_warn(struct account *a, void *context)
{
	uid_t uid;
	char **name;

	(void)context;
	if (!a->allow_unknown)
		return;
	for (name = a->conf->allow; name && *name; name++)
		if (find_uid(*name, &uid) < 0)
			log_line(LEVEL_WARNING,
			    "account \"%s\": allow names \"%s\", which is no "
			    "user here (yet)",
			    a->name, *name);
}
