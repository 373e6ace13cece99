/* SPDX-License-Identifier: MIT */
/* allow - the uids of the names in an account's file */
#include "config.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>

#include "common/util.h"
#include "helper/daemon/allow.h"
#include "helper/daemon/daemon.h"
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
allow_find(char *const *names, struct allow *ret)
{
	struct allow allow = {0};
	size_t i, n = 0;
	uid_t uid = 0;

	while (names && names[n])
		n++;
	allow.uids = calloc(n + 1, sizeof(*allow.uids));
	if (!allow.uids)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		if (find_uid(names[i], &uid) == 0)
			allow.uids[allow.count++] = uid;
		else
			allow.unknown = 1;
	}
	*ret = allow;
	return 0;
}

void
allow_warn(const struct daemon *d)
{
	const struct account *a;
	size_t i;
	uid_t uid;
	char **name;

	for (i = 0; i < d->table.count; i++) {
		a = d->table.by_name[i];
		if (!a->allow_unknown)
			continue;
		for (name = a->conf->allow; name && *name; name++)
			if (find_uid(*name, &uid) < 0)
				account_log(a, LEVEL_WARNING, "allow",
				    "allow names \"%s\", which is no user here "
				    "(yet)",
				    *name);
	}
}
