/* SPDX-License-Identifier: MIT */
/* setup-postfix-layout - how the Postfix of this machine is laid out */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/cli/setup-postfix-layout.h"

#define LINE_MAX_BYTES 65536
#define FIELDS 8 /* name type private unpriv chroot wakeup maxproc command */

enum { FIELD_NAME = 0, FIELD_TYPE = 1, FIELD_CHROOT = 4, FIELD_COMMAND = 7 };

static const char *const config_dirs[] = {
    "/etc/postfix", "/usr/local/etc/postfix"};

/* Where Debian, Fedora, SUSE, and BSDs and Alpine have them. */
static const char *const ca_files[] = {"/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem"};

/* What is read, and what of it is wanted. */
struct reading {
	struct postfix_layout *layout;
	int jail_by_default;  /* what "-" means in the column chroot */
	const char *password; /* whose user is wanted */
	char *user;	      /* USER_MAX + 1 bytes; "": not found yet */
	int several;	      /* users have that password */
};

/* A line and those that continue it: they begin with a blank. */
static void
take_lines(FILE *f, void (*take)(struct reading *, char *), struct reading *r)
{
	char *line = NULL, *whole = calloc(1, LINE_MAX_BYTES);
	size_t size = 0, used = 0, len;

	while (whole && getline(&line, &size, f) >= 0) {
		len = strcspn(line, "\n");
		line[len] = '\0';
		if (line[strspn(line, " \t")] == '#' ||
		    !line[strspn(line, " \t")])
			continue;
		if (!isspace((unsigned char)*line)) {
			take(r, whole);
			used = 0;
		}
		if (len < LINE_MAX_BYTES - used) {
			memcpy(whole + used, line, len + 1);
			used += len;
		}
	}
	if (whole)
		take(r, whole);
	free(whole);
	free(line);
}

/* Keep the value of a line NAME = VALUE, if that is its name. */
static void
keep_value(const char *line, const char *name, char *buf, size_t size)
{
	size_t len = strlen(name);
	const char *value;

	if (strncmp(line, name, len) != 0)
		return;
	value = line + len + strspn(line + len, " \t");
	if (*value++ != '=')
		return;
	value += strspn(value, " \t");
	len = strlen(value);
	while (len > 0 && isspace((unsigned char)value[len - 1]))
		len--;
	if (len > 0 && len < size && !memchr(value, '$', len))
		snprintf(buf, size, "%.*s", (int)len, value);
}

static void
take_main(struct reading *r, char *line)
{
	char level[16] = "", maps[PATH_MAX] = "";
	const char *path;

	keep_value(line, "queue_directory", r->layout->queue_dir,
	    sizeof(r->layout->queue_dir));
	keep_value(
	    line, "mail_owner", r->layout->owner, sizeof(r->layout->owner));
	keep_value(line, "compatibility_level", level, sizeof(level));
	if (*level)
		r->jail_by_default = atoi(level) < 1;
	keep_value(line, "smtp_sasl_password_maps", maps, sizeof(maps));
	/* TYPE:PATH, of which a table is made or not; the first one */
	maps[strcspn(maps, ", \t")] = '\0';
	path = strchr(maps, ':');
	if (path && path[1] == '/')
		snprintf(r->layout->passwords, sizeof(r->layout->passwords),
		    "%s", path + 1);
}

/* A line of sasl_passwd: KEY USER:PASSWORD. */
static void
take_password(struct reading *r, char *line)
{
	char *save = NULL, *user, *password;
	size_t len = strlen(r->password), n;

	strtok_r(line, " \t", &save);
	user = strtok_r(NULL, " \t", &save);
	password = user ? strchr(user, ':') : NULL;
	if (!password)
		return;
	*password++ = '\0';
	n = strlen(password);
	if (*password != '/' || n > len || !*user || strlen(user) > USER_MAX ||
	    strcmp(r->password + len - n, password) != 0)
		return;
	r->several |= *r->user && strcmp(r->user, user) != 0;
	snprintf(r->user, USER_MAX + 1, "%s", user);
}

static void
add_name(char list[LAYOUT_NAMES], const char *name)
{
	size_t len = strlen(list);

	snprintf(list + len, LAYOUT_NAMES - len, "%s%s", len ? ", " : "", name);
}

/* A service: whether it is an smtp(8), and where that lives. */
static void
take_master(struct reading *r, char *line)
{
	char *field[FIELDS], *save = NULL;
	size_t n = 0;
	int jailed;

	while (
	    n < FIELDS && (field[n] = strtok_r(n ? NULL : line, " \t", &save)))
		n++;
	if (n < FIELDS || strcmp(field[FIELD_TYPE], "unix") != 0 ||
	    strcmp(field[FIELD_COMMAND], "smtp") != 0)
		return;
	jailed = *field[FIELD_CHROOT] == '-' ? r->jail_by_default
					     : *field[FIELD_CHROOT] == 'y';
	add_name(
	    jailed ? r->layout->jailed : r->layout->free, field[FIELD_NAME]);
}

/* Read a file. Returns whether it is there. */
static int
read_path(
    struct reading *r, const char *path, void (*take)(struct reading *, char *))
{
	FILE *f = fopen(path, "re");

	if (!f)
		return 0;
	take_lines(f, take, r);
	fclose(f);
	return 1;
}

/* Read a file of config_dir. */
static int
read_file(
    struct reading *r, const char *name, void (*take)(struct reading *, char *))
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/%s", r->layout->config_dir, name);
	return read_path(r, path, take);
}

static const char *
find_config_dir(void)
{
	const char *named = getenv("MAIL_CONFIG");
	size_t i;

	if (named && *named)
		return named;
	for (i = 0; i < COUNT_OF(config_dirs); i++)
		if (access(config_dirs[i], F_OK) == 0)
			return config_dirs[i];
	return config_dirs[0];
}

void
postfix_layout_read(struct postfix_layout *ret)
{
	struct reading r = {.layout = ret, .jail_by_default = 1};

	*ret = (struct postfix_layout){.found = 0};
	snprintf(
	    ret->config_dir, sizeof(ret->config_dir), "%s", find_config_dir());
	snprintf(ret->queue_dir, sizeof(ret->queue_dir), "/var/spool/postfix");
	snprintf(ret->owner, sizeof(ret->owner), "postfix");
	snprintf(ret->passwords, sizeof(ret->passwords), "%.*s/sasl_passwd",
	    PATH_MAX - 16, ret->config_dir);
	read_file(&r, "main.cf", take_main);
	ret->found = read_file(&r, "master.cf", take_master);
}

int
postfix_layout_user(const struct postfix_layout *layout, const char *path,
    char user[USER_MAX + 1])
{
	struct reading r = {.password = path, .user = user};

	*user = '\0';
	read_path(&r, layout->passwords, take_password);
	return r.several ? -EEXIST : 0;
}

const char *
postfix_layout_ca_file(void)
{
	size_t i;

	for (i = 0; i < COUNT_OF(ca_files); i++)
		if (access(ca_files[i], R_OK) == 0)
			return ca_files[i];
	return NULL;
}

int
postfix_layout_is_ca_file(const char *path)
{
	size_t i;

	for (i = 0; i < COUNT_OF(ca_files); i++)
		if (strcmp(ca_files[i], path) == 0)
			return 1;
	return 0;
}
