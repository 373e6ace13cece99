/* SPDX-License-Identifier: MIT */
/* store.h - credentials on disk, one file an account */
#ifndef SASL_BEARER_STORE_H
#define SASL_BEARER_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "helper/seal/seal.h"

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
	int64_t obtained_at;		/* Unix seconds */
	int64_t refresh_obtained_at;	/* Unix seconds, of the refresh token */
	int64_t refresh_expires_at;	/* likewise; 0: nobody said */
	int64_t certificate_expires_at; /* of what signed for them; or 0 */
};

/* How a file lies on the disk. */
enum storage {
	STORAGE_NONE = -1, /* there is no file */
	STORAGE_PLAIN,
	STORAGE_SEALED,	    /* with the first key of the ring */
	STORAGE_SEALED_OLD, /* with another, so that it is to be written anew */
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

/* Make a directory and those on the way to it, mode 0700, if that can be. */
void store_make_directories(const char *path);

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

/* How store_save() writes a file: sealed, if the ring seals. */
enum storage store_storage(const struct seal_ring *ring);

/*
 * Make the bytes of a file, see sasl-bearer-protocol(7).
 *
 *	ring	NULL: there is no key
 *	name	of the file: a seal is good for no other
 *	buf	MSG_MAX bytes; wipe them
 *	ret_len	written only on success
 *
 * Returns 0 or a negative code; -ERR_TOOBIG when it would be too long.
 */
int store_format(const struct seal_ring *ring, const char *name,
    const struct tokens *t, char *buf, size_t *ret_len);

/*
 * Read the bytes of a file.
 *
 *	ring	NULL: there is no key
 *	buf	len bytes; changed, wipe them
 *	ret	written only on success; tokens_clear() it
 *
 * Returns how the file lies there, an enum storage from STORAGE_PLAIN on; or
 * -ERR_KEY or -ERR_SEAL when it is sealed and cannot be read, -ENOMEM, what
 * msg_parse() returns, or -ERR_FORMAT when there is no token in it.
 */
int store_parse(const struct seal_ring *ring, const char *name, char *buf,
    size_t len, struct tokens *ret);

/*
 * Replace the stored credentials of one account.
 *
 *	dirfd	of store_open()
 *	ring	NULL: there is no key
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
int store_save(int dirfd, const struct seal_ring *ring, const char *name,
    const struct tokens *t, int sync);

/*
 * Read the stored credentials of one account.
 *
 *	ret	written only on success; tokens_clear() it
 *
 * Returns as store_parse() does; -ENOENT when there are none; a negative code
 * when the file cannot be read. The file is left as it is.
 */
int store_load(int dirfd, const struct seal_ring *ring, const char *name,
    struct tokens *ret);

/*
 * Which key a file is sealed with.
 *
 *	id	always written: "" when that cannot be told
 */
void store_key_id(int dirfd, const char *name, char id[SEAL_ID_SIZE]);

/*
 * Call found() for every file whose name begins with a character, or with '\0'
 * for every file. It may remove or replace that file.
 */
void store_each(int dirfd, char first,
    void (*found)(void *context, const char *name), void *context);

/* Remove them. Returns 0, also when there were none, or a negative errno. */
int store_remove(int dirfd, const char *name);

#endif
