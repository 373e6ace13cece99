/* SPDX-License-Identifier: MIT */
/* seal.h - bytes that only the holder of a key can read or change */
#ifndef SASL_BEARER_SEAL_H
#define SASL_BEARER_SEAL_H

#include <stddef.h>

#define SEAL_KEY_SIZE 32   /* bytes of a key */
#define SEAL_KEY_DIGITS 64 /* hexadecimal digits of a key */
#define SEAL_ID_SIZE 9	   /* bytes of a key's id, its NUL included */
#define SEAL_RING_MAX 16   /* keys in a ring */

struct seal_key {
	unsigned char key[SEAL_KEY_SIZE];
	char id[SEAL_ID_SIZE];
};

/* The keys there are. All of them open; the first seals as well, if any does. */
struct seal_ring {
	int seals; /* 0: nothing is sealed any more */
	size_t count;
	struct seal_key keys[SEAL_RING_MAX];
};

/* What a seal is of: it opens for nothing else. */
struct seal_bond {
	const char *name;      /* of the file */
	const char *config_id; /* of the registration; NULL equals "" */
};

/* Bytes of a seal of len bytes, its NUL included. */
#define SEAL_SIZE(len) \
	(sizeof("v1:") - 1 + SEAL_ID_SIZE + 4 * ((12 + (len) + 16 + 2) / 3) + 1)

/*
 * Add a key to a ring.
 *
 *	hex	SEAL_KEY_DIGITS hexadecimal digits, and nothing else
 *
 * Returns 0; -EINVAL when hex is anything else, -ENOSPC when the ring is full,
 * -ENOMEM.
 */
int seal_add(struct seal_ring *ring, const char *hex);

/*
 * Make the keys of one purpose: who has such a key knows no other. It is the
 * HMAC-SHA256 (RFC 2104) of the purpose with the ring's key.
 *
 *	ring	may be empty
 *	ret	as many, in the same order; wipe it, also after a failure
 *
 * Returns 0, or -ENOMEM when libcrypto fails.
 */
int seal_derive(
    const struct seal_ring *ring, const char *purpose, struct seal_ring *ret);

/*
 * Seal bytes with a key: AES-256-GCM with a random nonce, see
 * sasl-bearer-protocol(7).
 *
 *	len	at most INT_MAX / 2
 *	out	SEAL_SIZE(len) bytes: one line of text
 *
 * Returns 0, or -ENOMEM when libcrypto fails.
 */
int seal_make(const struct seal_key *key, const struct seal_bond *bond,
    const char *plain, size_t len, char *out);

/*
 * Open a seal.
 *
 *	ring	NULL: no key
 *	bond	as when it was made
 *	plain	strlen(seal) bytes; wipe them
 *	ret_len	written only on success
 *
 * Returns the index in the ring of the key that opens it; -ERR_KEY when that
 * key is not there; -ERR_SEAL when what is there is not as it was made; -ENOMEM.
 */
int seal_open(const struct seal_ring *ring, const struct seal_bond *bond,
    const char *seal, char *plain, size_t *ret_len);

/*
 * Which key a seal was made with.
 *
 *	id	written only on success
 *
 * Returns 0, or -ERR_SEAL when it is no seal.
 */
int seal_id(const char *seal, char id[SEAL_ID_SIZE]);

#endif
