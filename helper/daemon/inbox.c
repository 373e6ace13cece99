/* SPDX-License-Identifier: MIT */
/* inbox - where an answer goes whose asker has died */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/daemon/inbox.h"

#define LEFT_SIZE SEAL_SIZE(MSG_MAX)
#define PURPOSE "sasl-bearer answer "
#define SUFFIX "#reply" /* '#' is in no account's name */

void
inbox_init(struct inbox *b)
{
	*b = (struct inbox){.dirfd = -1, .fd = -1};
}

void
inbox_prepare(struct inbox *b, int dirfd, const struct seal_ring *ring,
    const char *name, const char *refresh_token)
{
	unsigned char md[EVP_MAX_MD_SIZE];

	b->dirfd = dirfd;
	b->ring = ring;
	snprintf(b->name, sizeof(b->name), "%s", name);
	if (!EVP_Digest(refresh_token, strlen(refresh_token), md, NULL,
		EVP_sha256(), NULL))
		return;
	util_hex_format(b->id, md, (INBOX_ID_SIZE - 1) / 2);
}

static void
file_name(const char *name, char ret[ACCOUNT_NAME_MAX + sizeof(SUFFIX)])
{
	snprintf(ret, ACCOUNT_NAME_MAX + sizeof(SUFFIX), "%s" SUFFIX, name);
}

/* Open or make the file. Returns 0, with or without a descriptor. */
static int
open_file(struct inbox *b)
{
	int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	char file[ACCOUNT_NAME_MAX + sizeof(SUFFIX)];

	file_name(b->name, file);
	b->fd = openat(b->dirfd, file, flags);
	if (b->fd < 0 && errno == EROFS) /* what was left may be of use */
		b->fd = openat(b->dirfd, file, (flags & ~O_ACCMODE) | O_RDONLY);
	if (b->fd < 0 && errno != ENOENT)
		return -errno;
	/* a disk that is full is no reason not to ask */
	if (b->fd < 0)
		b->fd = openat(b->dirfd, file, flags | O_CREAT | O_EXCL, 0600);
	return 0;
}

/* The keys that are good for this answer. */
static int
derive(const struct inbox *b, struct seal_ring *ret)
{
	char purpose[sizeof(PURPOSE) + INBOX_ID_SIZE];

	snprintf(purpose, sizeof(purpose), PURPOSE "%s", b->id);
	return seal_derive(b->ring, purpose, ret);
}

void
inbox_put(const struct inbox *b, struct msg_writer *w)
{
	char hex[SEAL_KEY_DIGITS + 1];
	struct seal_ring keys = {0};
	int r = 0;

	if (b->ring && b->ring->seals)
		r = derive(b, &keys);
	if (r == 0 && keys.seals) {
		util_hex_format(hex, keys.keys[0].key, SEAL_KEY_SIZE);
		msg_put(w, "seal_key", hex);
		util_wipe(hex, sizeof(hex));
	}
	util_wipe(&keys, sizeof(keys));
	/* without this the child leaves nothing; never in clear instead */
	if (r == 0)
		msg_put(w, "exchange", b->id);
}

/* Put what is sealed in its place. What does not open is left as it is. */
static int
unseal(struct inbox *b)
{
	const struct seal_bond bond = {.name = b->id};
	struct seal_ring keys = {0};
	char *plain = malloc(LEFT_SIZE);
	size_t len = 0;
	int r = plain ? derive(b, &keys) : -ENOMEM;

	if (r == 0)
		r = seal_open(&keys, &bond, b->buf, plain, &len);
	util_wipe(&keys, sizeof(keys));
	if (r < 0) {
		free(plain);
		return r == -ENOMEM ? r : 0;
	}
	free(b->buf);
	b->buf = plain;
	b->len = len;
	return 0;
}

/* Read the whole answer to our exchange, or nothing. */
static int
read_left(struct inbox *b, const struct stat *st)
{
	const char *id;
	int r;

	if (st->st_size >= (off_t)LEFT_SIZE)
		return 0;
	b->buf = calloc(1, LEFT_SIZE);
	if (!b->buf)
		return -ENOMEM;
	r = util_read_all(b->fd, b->buf, LEFT_SIZE - 1, &b->len);
	if (r == 0 && b->ring)
		r = unseal(b);
	if (r < 0)
		return r;
	if (msg_parse(&b->left, b->buf, b->len) < 0)
		b->left.count = 0;
	id = msg_get(&b->left, "exchange");
	if (!id || strcmp(id, b->id) != 0)
		b->left.count = 0;
	b->age_s = time(NULL) - st->st_mtime;
	return 0;
}

int
inbox_open(struct inbox *b)
{
	struct stat st;
	int r = 0;

	b->error = 0;
	if (!*b->id)
		return 0;
	r = open_file(b);
	if (r == 0 && b->fd < 0)
		return 0;
	if (r == 0 && flock(b->fd, LOCK_EX | LOCK_NB) < 0)
		r = -errno;
	if (r == 0 && fstat(b->fd, &st) < 0)
		r = -errno;
	if (r == 0 && st.st_size > 0)
		r = read_left(b, &st);
	/* of another exchange, or half of one: that is nobody's */
	if (r == 0 && b->left.count == 0 && st.st_size > 0 &&
	    ftruncate(b->fd, 0) < 0)
		inbox_clear(b);
	if (r < 0)
		inbox_clear(b);
	b->error = r;
	return r;
}

void
inbox_clear(struct inbox *b)
{
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
	util_wipe(b->buf, b->len);
	free(b->buf);
	b->buf = NULL;
	b->len = 0;
	b->left.count = 0;
}

void
inbox_remove(int dirfd, const char *name)
{
	char file[ACCOUNT_NAME_MAX + sizeof(SUFFIX)];

	file_name(name, file);
	unlinkat(dirfd, file, 0);
}

int
inbox_waits(int dirfd, const struct seal_ring *ring, const char *name,
    const char *refresh_token)
{
	char file[ACCOUNT_NAME_MAX + sizeof(SUFFIX)];
	struct inbox b;
	struct stat st;
	int waits;

	file_name(name, file);
	if (!refresh_token ||
	    fstatat(dirfd, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	inbox_init(&b);
	inbox_prepare(&b, dirfd, ring, name, refresh_token);
	waits = inbox_open(&b) < 0 || b.left.count > 0;
	inbox_clear(&b);
	if (!waits)
		inbox_remove(dirfd, name);
	return waits;
}
