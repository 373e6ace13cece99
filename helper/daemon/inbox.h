/* SPDX-License-Identifier: MIT */
/* inbox.h - where an answer goes whose asker has died */
#ifndef SASL_BEARER_INBOX_H
#define SASL_BEARER_INBOX_H

#include <stddef.h>

#include "common/msg.h"
#include "helper/config/settings.h"
#include "helper/seal/seal.h"

#define INBOX_ID_SIZE 17

/*
 * A provider may end a refresh token as soon as it has answered with the next
 * one (RFC 6749 section 6). So the child that has that answer keeps it until
 * the daemon has it on the disk, or, when there is no daemon any more, writes
 * it into a file of the state directory, which it was given open and locked.
 * The next daemon finds the lock, and waits, or the answer, and takes it. So it
 * never uses a refresh token twice.
 *
 * The file is named after the account; what is in it is the child's message,
 * with exchange= saying which refresh token it is the answer to. Where state
 * files are sealed this is, too, with a key for this one answer: the child is
 * given no other.
 */
struct inbox {
	int dirfd;
	const struct seal_ring *ring; /* NULL: there is no key */
	char name[ACCOUNT_NAME_MAX + 1];
	char id[INBOX_ID_SIZE]; /* of the refresh token; "": no inbox is used */
	int fd;			/* for the child; -1: none */
	int error;		/* why it cannot be used now; or 0 */
	int64_t age_s;		/* of what was left */
	char *buf;		/* a secret */
	size_t len;
	struct msg left; /* with a count of 0: nothing was left */
};

/* Make one that is not used. */
void inbox_init(struct inbox *b);

/*
 * Say whose it is, and which refresh token is about to be used.
 *
 *	ring	kept, not copied; NULL: there is no key
 */
void inbox_prepare(struct inbox *b, int dirfd, const struct seal_ring *ring,
    const char *name, const char *refresh_token);

/*
 * Lock it, and read what was left. Waits for the disk, not for the lock.
 *
 * Returns 0: either b->left is the answer, or b->fd is for the child, unless it
 * is -1, since the disk takes no new files. A negative errno, also in b->error:
 * -EWOULDBLOCK while the child of a daemon before us has it. Then nothing may
 * be asked of the provider.
 */
int inbox_open(struct inbox *b);

/* Put into the child's request how it is to leave its answer. */
void inbox_put(const struct inbox *b, struct msg_writer *w);

/* Close and wipe. */
void inbox_clear(struct inbox *b);

/* Remove the file: what is stored is newer than what it may have. */
void inbox_remove(int dirfd, const char *name);

/* At the start: whether an answer was left, or may still come. */
int inbox_waits(int dirfd, const struct seal_ring *ring, const char *name,
    const char *refresh_token);

#endif
