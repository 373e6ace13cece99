/* SPDX-License-Identifier: MIT */
/* names - what accounts, providers and services are called */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/config/file.h"
#include "helper/config/settings.h"

#define SUFFIX ".conf"
#define NAMES_MAX 4096

/* A list that grows. */
struct names {
	char **list; /* of list_add() */
	size_t count;
};

int
account_name_valid(const char *name)
{
	size_t len = strspn(name,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789@._+-");

	return len > 0 && len <= ACCOUNT_NAME_MAX && !name[len] &&
	    strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

int
account_path(const struct settings *s, const char *name, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s/%s" SUFFIX, s->accounts_dir, name);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

unsigned
service_parse(const char *name)
{
	unsigned i;

	if (util_case_equal(name, "lmtp"))
		return SERVICE_SMTP;
	for (i = 0; service_names[i]; i++)
		if (util_case_equal(name, service_names[i]))
			return 1U << i;
	return 0;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Length of the name that "NAME.conf" stands for, or 0. */
static size_t
name_length(const char *file)
{
	size_t len = strlen(file), suffix = strlen(SUFFIX);

	if (len <= suffix || strcmp(file + len - suffix, SUFFIX) != 0)
		return 0;
	return len - suffix;
}

/* Collect the names in a directory that is open. */
static int
collect(DIR *d, const char *dir, struct names *names, struct conf_errors *e)
{
	char name[NAME_MAX + 1];
	struct dirent *entry;
	size_t len;
	int r = 0;

	for (errno = 0; r == 0 && (entry = readdir(d)); errno = 0) {
		len = name_length(entry->d_name);
		if (len == 0 || len >= sizeof(name))
			continue;
		memcpy(name, entry->d_name, len);
		name[len] = '\0';
		if (account_name_valid(name))
			r = names->count++ < NAMES_MAX
			    ? list_add(&names->list, name, len)
			    : -E2BIG;
		else
			conf_error(e, dir, 0,
			    "ignoring \"%s.conf\": a name is 1 to %d of "
			    "A-Z a-z 0-9 @ . _ + -",
			    name, ACCOUNT_NAME_MAX);
	}
	return r == 0 && errno != 0 ? -errno : r;
}

int
grant_takes_glob(enum grant grant)
{
	return grant == GRANT_CLIENT_CREDENTIALS || grant == GRANT_JWT_BEARER ||
	    grant == GRANT_MANAGED_IDENTITY;
}

/* Sort, and keep one of those that are the same. */
static void
sort(struct names *names)
{
	size_t i, last = 0;

	if (names->count < 2)
		return;
	qsort(names->list, names->count, sizeof(*names->list), compare);
	for (i = 1; i < names->count; i++) {
		if (strcmp(names->list[i], names->list[last]) == 0)
			free(names->list[i]);
		else
			names->list[++last] = names->list[i];
	}
	names->list[last + 1] = NULL;
}

/* Add the names in a directory; one that is not there has none. */
static int
add_directory(const char *dir, struct names *names, struct conf_errors *e)
{
	DIR *d = opendir(dir);
	char text[64];
	int r = 0;

	if (!d && errno != ENOENT)
		r = -errno;
	if (!names->list && !(names->list = calloc(1, sizeof(*names->list))))
		r = -ENOMEM;
	if (d && r == 0)
		r = collect(d, dir, names, e);
	if (d)
		closedir(d);
	if (r < 0)
		conf_error(
		    e, dir, 0, "cannot list: %s", file_error(dir, &r, text));
	return r;
}

/* The names in one directory or more. */
static int
names_in(char *const *dirs, char ***ret, struct conf_errors *e)
{
	struct names names = {0};
	int r = 0;

	for (; r == 0 && *dirs; dirs++)
		r = add_directory(*dirs, &names, e);
	if (r < 0) {
		list_free(names.list);
		return r;
	}
	sort(&names);
	*ret = names.list;
	return 0;
}

int
account_names(const struct settings *s, char ***ret, struct conf_errors *e)
{
	char *const dirs[] = {s->accounts_dir, NULL};

	return names_in(dirs, ret, e);
}

int
provider_names(const struct settings *s, char ***ret, struct conf_errors *e)
{
	return names_in(s->providers_dir, ret, e);
}
