/* SPDX-License-Identifier: MIT */
/* file - open a file only when no stranger can have changed it */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/config/file.h"

#define GROUPS_MAX 256

/* Why a file cannot be opened by a process that keeps to some; NULL: to none */
static const char *confined;

static int
is_trusted(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

static int
check_dir(const char *dir, char why[FILE_WHY])
{
	char text[64];
	struct stat st;
	int r;

	if (lstat(dir, &st) < 0) {
		r = -errno;
		snprintf(why, FILE_WHY, "cannot look at %.200s: %s", dir,
		    err_text(r, text, sizeof(text)));
		return r;
	}
	if (!is_trusted(st.st_uid)) {
		snprintf(why, FILE_WHY,
		    "%.200s belongs to uid %lu, who could replace the file",
		    dir, (unsigned long)st.st_uid);
		return -EPERM;
	}
	if (S_ISDIR(st.st_mode) && (st.st_mode & 022) &&
	    !(st.st_mode & S_ISVTX)) {
		snprintf(why, FILE_WHY,
		    "directory %.200s is writable by others; run: "
		    "chmod go-w %.200s",
		    dir, dir);
		return -EPERM;
	}
	return 0;
}

/* Check "/" and every further prefix of an absolute path. */
static int
check_prefixes(const char *path, char why[FILE_WHY])
{
	char dir[PATH_MAX];
	size_t i;
	int r;

	for (i = 0; i < sizeof(dir) && path[i]; i++) {
		if (path[i] != '/')
			continue;
		memcpy(dir, path, i);
		dir[i] = '\0';
		r = check_dir(i == 0 ? "/" : dir, why);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Check the directories as they are written, since a symbolic link among them
 * may be a stranger's, and those they lead to.
 */
static int
check_way(const char *path, char why[FILE_WHY])
{
	char dir[PATH_MAX], real[PATH_MAX + 1], text[64];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	int r = 0;

	if (strlen(path) >= sizeof(dir)) {
		snprintf(why, FILE_WHY, "the path is too long");
		return -ENAMETOOLONG;
	}
	memcpy(dir, path, len);
	dir[len] = '\0';
	if (!realpath(len ? dir : slash ? "/" : ".", real)) {
		r = -errno;
		snprintf(why, FILE_WHY, "cannot open: %s",
		    err_text(r, text, sizeof(text)));
		return r;
	}
	if (*path == '/')
		r = check_prefixes(path, why);
	if (r < 0 || strcmp(real, "/") == 0)
		return r;
	len = strlen(real);
	memcpy(real + len, "/", 2);
	return check_prefixes(real, why);
}

void
file_set_confined(const char *text)
{
	confined = text;
}

const char *
file_error(const char *path, int *code, char buf[64])
{
	if (*code == -ELOOP)
		return "it is a symbolic link";
	/* Landlock refuses to open what may be read */
	if (*code != -EACCES || !confined || access(path, R_OK) < 0)
		return err_text(*code, buf, 64);
	*code = -EPERM;
	return confined;
}

int
file_open(const char *path, struct stat *ret_st, char why[FILE_WHY])
{
	char text[64];
	struct stat st;
	int fd, r;

	r = check_way(path, why);
	if (r < 0)
		return r;
	fd = open(
	    path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		snprintf(why, FILE_WHY, "cannot open: %s",
		    file_error(path, &r, text));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		r = -EINVAL;
		snprintf(why, FILE_WHY, "not a regular file");
		goto out;
	}
	*ret_st = st;
	return fd;
out:
	if (fd >= 0)
		close(fd);
	return r < 0 ? r : -EIO;
}

int
file_check_writers(const char *path, const struct stat *st, char why[FILE_WHY])
{
	if (!is_trusted(st->st_uid)) {
		snprintf(why, FILE_WHY,
		    "belongs to uid %lu; run: chown %lu %.300s",
		    (unsigned long)st->st_uid, (unsigned long)geteuid(), path);
		return -EPERM;
	}
	if (st->st_mode & 022) {
		snprintf(why, FILE_WHY,
		    "writable by others; run: chmod go-w %.300s", path);
		return -EPERM;
	}
	return 0;
}

static int
is_own_group(gid_t gid)
{
	gid_t groups[GROUPS_MAX];
	int i, n;

	if (gid == 0 || gid == getegid() || geteuid() == 0)
		return 1;
	n = getgroups(GROUPS_MAX, groups);
	for (i = 0; i < n; i++)
		if (groups[i] == gid)
			return 1;
	return 0;
}

/* The group that the helper will read secrets by. */
static void
helper_group(char *buf, size_t size)
{
	const struct group *g = geteuid() == 0 ? NULL : getgrgid(getegid());

	snprintf(buf, size, "%s", g ? g->gr_name : RUN_AS);
}

int
file_check_readers(const char *path, const struct stat *st, char why[FILE_WHY])
{
	unsigned mode = st->st_mode & 07777;
	char group[64];

	helper_group(group, sizeof(group));
	if (st->st_uid == geteuid() && (mode & 0177) == 0)
		return 0;
	if (st->st_uid == 0 && (mode & 0137) == 0 && is_own_group(st->st_gid))
		return 0;
	if (st->st_uid == 0)
		snprintf(why, FILE_WHY,
		    "holds a secret that others may read; run: "
		    "chown root:%s %.180s && chmod 640 %.180s",
		    group, path, path);
	else if (st->st_uid == geteuid())
		snprintf(why, FILE_WHY,
		    "holds a secret that others may read; run: chmod 600 "
		    "%.300s",
		    path);
	else
		snprintf(why, FILE_WHY,
		    "holds a secret and belongs to uid %lu; run: "
		    "chown %lu %.200s && chmod 600 %.200s",
		    (unsigned long)st->st_uid, (unsigned long)geteuid(), path,
		    path);
	return -EPERM;
}

int
file_read(
    const char *path, struct conf_text *text, size_t max, char why[FILE_WHY])
{
	char buf[64];
	struct stat st;
	int fd, r;

	fd = file_open(path, &st, why);
	if (fd < 0)
		return fd;
	r = file_check_writers(path, &st, why);
	if (r == 0) {
		r = util_read_all(fd, text->buf, max, &text->len);
		if (r == -ERR_TOOBIG)
			snprintf(why, FILE_WHY, "longer than %zu bytes", max);
		else if (r < 0)
			snprintf(why, FILE_WHY, "cannot read: %s",
			    err_text(r, buf, sizeof(buf)));
	}
	close(fd);
	return r;
}
