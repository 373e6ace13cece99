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
#define TIME_MAX (INT64_MAX / 2000) /* room for milliseconds, and sums */

/* The texts of struct tokens; the attributes have the members' names. */
static const struct {
	const char *name;
	size_t offset;
} texts[] = {
#define TEXT(m)                                \
	{                                      \
#m, offsetof(struct tokens, m) \
	}
    TEXT(refresh_token),
    TEXT(access_token),
    TEXT(scope),
    TEXT(flow),
    TEXT(config_id),
    TEXT(account),
    TEXT(mailbox),
#undef TEXT
};

static char **
text_of(struct tokens *t, size_t i)
{
	return (void *)((char *)t + texts[i].offset);
}

void
tokens_clear(struct tokens *t)
{
	size_t i;

	for (i = 0; i < COUNT_OF(texts); i++)
		util_secret_free(*text_of(t, i));
	*t = (struct tokens){0};
}

char *
tokens_text(const char *text, int *error)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		*error = -ENOMEM;
	return copy;
}

int
tokens_copy(const struct tokens *t, struct tokens *ret)
{
	struct tokens copy = *t;
	size_t i;
	int r = 0;

	for (i = 0; i < COUNT_OF(texts); i++)
		*text_of(&copy, i) = tokens_text(*text_of(&copy, i), &r);
	if (r == 0)
		*ret = copy;
	else
		tokens_clear(&copy);
	return r;
}

static DIR *
list_directory(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

static void
remove_temporaries(int dirfd)
{
	DIR *dir = list_directory(dirfd);
	struct dirent *e;
	const char *hash;

	if (!dir)
		return;
	while ((e = readdir(dir))) {
		hash = strchr(e->d_name, '#');
		if (hash && strcmp(hash, TEMP_SUFFIX) == 0)
			unlinkat(dirfd, e->d_name, 0);
	}
	closedir(dir);
}

void
store_make_directories(const char *path)
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

	store_make_directories(path);
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

enum storage
store_storage(const struct seal_ring *ring)
{
	return ring && ring->seals ? STORAGE_SEALED : STORAGE_PLAIN;
}

/* Format t into buf, of MSG_MAX bytes. */
static int
tokens_format(const struct tokens *t, char *buf, size_t *ret_len)
{
	struct tokens view = *t;
	struct msg_writer w;
	size_t i;
	int r;

	msg_begin(&w, buf, MSG_MAX);
	for (i = 0; i < COUNT_OF(texts); i++)
		msg_put(&w, texts[i].name, *text_of(&view, i));
	msg_put_number(&w, "expires_at", t->expires_at);
	msg_put_number(&w, "obtained_at", t->obtained_at);
	msg_put_number(&w, "refresh_obtained_at", t->refresh_obtained_at);
	if (t->refresh_expires_at)
		msg_put_number(&w, "refresh_expires_at", t->refresh_expires_at);
	if (t->certificate_expires_at)
		msg_put_number(
		    &w, "certificate_expires_at", t->certificate_expires_at);
	r = msg_end(&w);
	if (r == 0)
		*ret_len = w.len;
	return r;
}

/* Put the message in buf into one with its seal. */
static int
seal(const struct seal_key *key, const struct seal_bond *bond, char *buf,
    size_t *len)
{
	char *text = malloc(SEAL_SIZE(*len));
	struct msg_writer w;
	int r;

	if (!text)
		return -ENOMEM;
	r = seal_make(key, bond, buf, *len, text);
	if (r == 0) {
		util_wipe(buf, *len);
		msg_begin(&w, buf, MSG_MAX);
		msg_put(&w, "config_id", bond->config_id);
		msg_put(&w, "sealed", text);
		r = msg_end(&w);
		*len = w.len;
	}
	free(text);
	return r;
}

int
store_format(const struct seal_ring *ring, const char *name,
    const struct tokens *t, char *buf, size_t *ret_len)
{
	const struct seal_bond bond = {name, t->config_id};
	size_t len = 0;
	int r = tokens_format(t, buf, &len);

	if (r == 0 && store_storage(ring) == STORAGE_SEALED)
		r = seal(&ring->keys[0], &bond, buf, &len);
	if (r == 0)
		*ret_len = len;
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
store_save(int dirfd, const struct seal_ring *ring, const char *name,
    const struct tokens *t, int sync)
{
	char temp[NAME_SIZE];
	char *buf = malloc(MSG_MAX);
	size_t len = 0;
	int r;

	if (!buf)
		return -ENOMEM;
	snprintf(temp, sizeof(temp), "%s" TEMP_SUFFIX, name);
	r = store_format(ring, name, t, buf, &len);
	if (r == 0)
		r = write_new(dirfd, temp, buf, len, sync);
	if (r == 0 && renameat(dirfd, temp, dirfd, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dirfd, temp, 0);
	else if (sync && fsync(dirfd) < 0)
		r = -errno;
	util_wipe(buf, MSG_MAX);
	free(buf);
	return r;
}

static int64_t
get_time(const struct msg *m, const char *name, int *error)
{
	int64_t time = 0;
	int r = msg_get_number(m, name, 0, TIME_MAX, &time);

	if (r < 0)
		*error = r;
	return time;
}

static int
tokens_take(const struct msg *m, struct tokens *ret)
{
	struct tokens t;
	size_t i;
	int r = 0;

	t = (struct tokens){
	    .expires_at = get_time(m, "expires_at", &r),
	    .obtained_at = get_time(m, "obtained_at", &r),
	    .refresh_obtained_at = get_time(m, "refresh_obtained_at", &r),
	    .refresh_expires_at = get_time(m, "refresh_expires_at", &r),
	    .certificate_expires_at = get_time(m, "certificate_expires_at", &r),
	};
	for (i = 0; i < COUNT_OF(texts); i++)
		*text_of(&t, i) = tokens_text(msg_get(m, texts[i].name), &r);
	/* none is written without; a damaged name must not look like that */
	if (r == 0 && !t.refresh_token && !t.access_token)
		r = -ERR_FORMAT;
	if (r == 0)
		*ret = t;
	else
		tokens_clear(&t);
	return r;
}

/* Open a seal and read the message in it. Returns as store_parse() does. */
static int
unseal(const struct seal_ring *ring, const struct seal_bond *bond,
    const char *text, struct tokens *ret)
{
	size_t size = strlen(text), len = 0;
	char *plain = malloc(size);
	struct msg m;
	int key, r = -ENOMEM;

	if (!plain)
		return -ENOMEM;
	key = seal_open(ring, bond, text, plain, &len);
	if (key >= 0)
		r = msg_parse(&m, plain, len);
	if (key >= 0 && r == 0)
		r = tokens_take(&m, ret);
	util_wipe(plain, size);
	free(plain);
	if (key < 0)
		return key;
	if (r < 0)
		return r == -ENOMEM ? r : -ERR_SEAL;
	return key == 0 && ring->seals ? STORAGE_SEALED : STORAGE_SEALED_OLD;
}

int
store_parse(const struct seal_ring *ring, const char *name, char *buf,
    size_t len, struct tokens *ret)
{
	/* a line of it even where the rest is no message */
	int sealed = memmem(buf, len, "\nsealed=", 8) != NULL;
	struct seal_bond bond = {.name = name};
	struct msg m;
	int r = msg_parse(&m, buf, len);

	if (sealed && (r < 0 || !msg_get(&m, "sealed")))
		return -ERR_SEAL;
	if (r < 0)
		return r;
	if (!sealed) {
		r = tokens_take(&m, ret);
		return r < 0 ? r : STORAGE_PLAIN;
	}
	bond.config_id = msg_get(&m, "config_id");
	return unseal(ring, &bond, msg_get(&m, "sealed"), ret);
}

/* A file in a new buffer of MSG_MAX bytes; or NULL, and *error says why. */
static char *
read_file(int dirfd, const char *name, size_t *len, int *error)
{
	struct stat st;
	char *buf = NULL;
	int r = 0;
	int fd =
	    openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -ERR_FORMAT;
	else if (!(buf = malloc(MSG_MAX)))
		r = -ENOMEM;
	else
		r = util_read_all(fd, buf, MSG_MAX, len);
	if (fd >= 0)
		close(fd);
	if (r < 0 && buf) {
		util_wipe(buf, MSG_MAX);
		free(buf);
		buf = NULL;
	}
	*error = r;
	return buf;
}

int
store_load(int dirfd, const struct seal_ring *ring, const char *name,
    struct tokens *ret)
{
	size_t len = 0;
	int r;
	char *buf = read_file(dirfd, name, &len, &r);

	if (!buf)
		return r;
	r = store_parse(ring, name, buf, len, ret);
	util_wipe(buf, len);
	free(buf);
	return r;
}

void
store_key_id(int dirfd, const char *name, char id[SEAL_ID_SIZE])
{
	struct msg m;
	const char *text = NULL;
	size_t len = 0;
	int r;
	char *buf = read_file(dirfd, name, &len, &r);

	*id = '\0';
	if (!buf)
		return;
	if (msg_parse(&m, buf, len) == 0)
		text = msg_get(&m, "sealed");
	if (text)
		seal_id(text, id);
	util_wipe(buf, len);
	free(buf);
}

void
store_each(int dirfd, char first,
    void (*found)(void *context, const char *name), void *context)
{
	DIR *dir = list_directory(dirfd);
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir)))
		if ((!first || e->d_name[0] == first) &&
		    !strchr(e->d_name, '#'))
			found(context, e->d_name);
	closedir(dir);
}

int
store_remove(int dirfd, const char *name)
{
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return fsync(dirfd) < 0 ? -errno : 0;
}
