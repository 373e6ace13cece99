/* SPDX-License-Identifier: MIT */
/* store.h - credentials on disk, one file an account */
#ifndef SASL_BEARER_STORE_H
#define SASL_BEARER_STORE_H

#include <stdint.h>

/* What is kept of an account. Strings are on the heap, NULL when absent. */
struct tokens {
	char *refresh_token;
	char *access_token;
	char *scope;	    /* granted */
	char *flow;	    /* how the person signed in, for example "device" */
	char *config_id;    /* of the registration they belong to */
	char *account;	    /* of a mailbox's own tokens: whose account */
	char *mailbox;	    /* ... and which mailbox */
	int64_t expires_at; /* Unix seconds, of the access token */
	int64_t obtained_at;	     /* Unix seconds */
	int64_t refresh_obtained_at; /* Unix seconds, of the refresh token */
};

/* Lifetime of an access token, in seconds: where none is given, at most. */
#define EXPIRES_IN_DEFAULT 600
#define EXPIRES_IN_MAX (10 * 366 * 86400LL)

/* Wipe and free what t holds, and zero it. */
void tokens_clear(struct tokens *t);

/* Copy a text that may be NULL; *error becomes -ENOMEM when that fails. */
char *tokens_text(const char *text, int *error);

/* Copy t. Returns 0, or -ENOMEM with *ret untouched. */
int tokens_copy(const struct tokens *t, struct tokens *ret);

/*
 * Open a state directory and lock it against other daemons.
 *
 *	path	made with mode 0700 where it is not there
 *
 * Left-over temporary files of a crash are removed.
 *
 * Returns a descriptor to keep, or a negative errno: -EWOULDBLOCK when another
 * daemon has it, -EPERM when it is not a directory of the effective uid closed
 * to others.
 */
int store_open(const char *path);

/*
 * Replace the stored credentials of one account.
 *
 *	dirfd	of store_open()
 *	name	account name: 1..64 bytes of [A-Za-z0-9@._+-], not "." or ".."
 *	t	what to store; not changed, not kept
 *	sync	0 only when losing the change to a power cut costs nothing, as
 *		with an access token alone
 *
 * When this returns 0 after sync the new file is on the disk. A crash at any
 * point leaves the old file or the new one, whole. Call it before anyone uses a
 * token that came with a rotated refresh token: RFC 6749 section 6 lets the
 * server kill the old one at once.
 *
 * Returns 0 or a negative errno; on failure the old file stands. Does not log.
 */
int store_save(int dirfd, const char *name, const struct tokens *t, int sync);

/*
 * Read the stored credentials of one account.
 *
 *	ret	written only on success; tokens_clear() it
 *
 * Returns 0; -ENOENT when there are none; a negative code when the file is
 * damaged or cannot be read. The file is left as it is.
 */
int store_load(int dirfd, const char *name, struct tokens *ret);

/*
 * Call found() for every file whose name begins with a character. It may remove
 * that file.
 */
void store_each(int dirfd, char first,
    void (*found)(void *context, const char *name), void *context);

/* Remove them. Returns 0, also when there were none, or a negative errno. */
int store_remove(int dirfd, const char *name);

#endif
