/* SPDX-License-Identifier: MIT */
/* store - credentials on disk, one file an account */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/msg.h"
#include "common/util.h"
#include "helper/daemon/store.h"

#define TEMP_SUFFIX "#new" /* '#' is in no account's name */
#define NAME_SIZE 80

static const struct {
	const char *name;
	size_t offset;
} text_fields[] = {
    {"refresh_token", offsetof(struct tokens, refresh_token)},
    {"access_token", offsetof(struct tokens, access_token)},
    {"scope", offsetof(struct tokens, scope)},
    {"flow", offsetof(struct tokens, flow)},
    {"config_id", offsetof(struct tokens, config_id)},
};

static const struct {
	const char *name;
	size_t offset;
} time_fields[] = {
    {"expires_at", offsetof(struct tokens, expires_at)},
    {"obtained_at", offsetof(struct tokens, obtained_at)},
    {"refresh_obtained_at", offsetof(struct tokens, refresh_obtained_at)},
};

static char **
text_field(struct tokens *t, size_t i)
{
	return (char **)(void *)((char *)t + text_fields[i].offset);
}

static char *
text_of(const struct tokens *t, size_t i)
{
	char *text;

	memcpy(&text, (const char *)t + text_fields[i].offset, sizeof(text));
	return text;
}

static int64_t
time_of(const struct tokens *t, size_t i)
{
	int64_t time;

	memcpy(&time, (const char *)t + time_fields[i].offset, sizeof(time));
	return time;
}

void
tokens_clear(struct tokens *t)
{
	size_t i;

	for (i = 0; i < COUNT_OF(text_fields); i++)
		util_secret_free(*text_field(t, i));
	*t = (struct tokens){0};
}

int
tokens_copy(const struct tokens *t, struct tokens *ret)
{
	struct tokens copy = *t;
	size_t i;
	int r = 0;

	for (i = 0; i < COUNT_OF(text_fields); i++) {
		*text_field(&copy, i) = NULL;
		if (text_of(t, i)) {
			*text_field(&copy, i) = strdup(text_of(t, i));
			if (!*text_field(&copy, i))
				r = -ENOMEM;
		}
	}
	if (r == 0)
		*ret = copy;
	else
		tokens_clear(&copy);
	return r;
}

static void
remove_temporaries(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	const char *hash;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(dir))) {
		hash = strchr(e->d_name, '#');
		if (hash && strcmp(hash, TEMP_SUFFIX) == 0)
			unlinkat(dirfd, e->d_name, 0);
	}
	closedir(dir);
}

/* Make a directory and those on the way to it, as mkdir -p does. */
static void
make_directories(const char *path)
{
	char part[4096];
	size_t i, len = strlen(path);

	if (len >= sizeof(part))
		return;
	for (i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		mkdir(part, 0700);
	}
}

int
store_open(const char *path)
{
	struct stat st;
	int fd, r = 0;

	make_directories(path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		r = -EPERM;
	else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	remove_temporaries(fd);
	return fd;
}

/* Format t into buf, of MSG_MAX bytes. */
static int
tokens_format(const struct tokens *t, char *buf, size_t *ret_len)
{
	struct msg_writer w;
	size_t i;
	int r;

	msg_begin(&w, buf, MSG_MAX);
	for (i = 0; i < COUNT_OF(text_fields); i++)
		msg_put(&w, text_fields[i].name, text_of(t, i));
	for (i = 0; i < COUNT_OF(time_fields); i++)
		if (time_of(t, i))
			msg_put_number(&w, time_fields[i].name, time_of(t, i));
	r = msg_end(&w);
	if (r == 0)
		*ret_len = w.len;
	return r;
}

/* Write and close a new file, on the disk if sync. */
static int
write_new(int dirfd, const char *temp, const char *buf, size_t len, int sync)
{
	int fd, r;

	unlinkat(dirfd, temp, 0);
	fd = openat(dirfd, temp,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = util_write_all(fd, buf, len);
	if (r == 0 && sync && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

int
store_save(int dirfd, const char *name, const struct tokens *t, int sync)
{
	char temp[NAME_SIZE];
	char *buf = malloc(MSG_MAX);
	size_t len = 0;
	int r;

	if (!buf)
		return -ENOMEM;
	snprintf(temp, sizeof(temp), "%s" TEMP_SUFFIX, name);
	r = tokens_format(t, buf, &len);
	if (r == 0)
		r = write_new(dirfd, temp, buf, len, sync);
	if (r == 0 && renameat(dirfd, temp, dirfd, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dirfd, temp, 0);
	else if (sync && fsync(dirfd) < 0)
		r = -errno;
	util_wipe(buf, len);
	free(buf);
	return r;
}

static int
tokens_parse(char *buf, size_t len, struct tokens *ret)
{
	struct tokens t = {0};
	struct msg m;
	const char *value;
	size_t i;
	int64_t time;
	int r = msg_parse(&m, buf, len);

	for (i = 0; r == 0 && i < COUNT_OF(text_fields); i++) {
		value = msg_get(&m, text_fields[i].name);
		if (!value)
			continue;
		*text_field(&t, i) = strdup(value);
		if (!*text_field(&t, i))
			r = -ENOMEM;
	}
	for (i = 0; r == 0 && i < COUNT_OF(time_fields); i++) {
		time = 0;
		r = msg_get_number(
		    &m, time_fields[i].name, 0, INT64_MAX / 2000, &time);
		memcpy((char *)&t + time_fields[i].offset, &time, sizeof(time));
	}
	if (r == 0)
		*ret = t;
	else
		tokens_clear(&t);
	return r;
}

int
store_load(int dirfd, const char *name, struct tokens *ret)
{
	char *buf;
	size_t len = 0;
	struct stat st;
	int r = 0;
	int fd = openat(
	    dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	buf = malloc(MSG_MAX);
	if (!buf)
		r = -ENOMEM;
	else if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -ERR_FORMAT;
	if (r == 0)
		r = util_read_all(fd, buf, MSG_MAX, &len);
	if (r == 0)
		r = tokens_parse(buf, len, ret);
	close(fd);
	util_wipe(buf, len);
	free(buf);
	return r;
}

int
store_remove(int dirfd, const char *name)
{
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return fsync(dirfd) < 0 ? -errno : 0;
}
