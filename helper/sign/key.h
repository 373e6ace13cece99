/* SPDX-License-Identifier: MIT */
/* key.h - the key of an application, its certificate, and whether both do */
#ifndef SASL_BEARER_KEY_H
#define SASL_BEARER_KEY_H

#include <stdint.h>

#include <json-c/json_object.h>

#include "helper/sign/bundle.h"

#define KEY_FILE_MAX 65536 /* bytes of a file with a key or a certificate */
#define KEY_BITS_MIN 2048  /* RFC 7518 sections 3.3 and 3.5 */

/* What a key is loaded from. */
struct key_files {
	struct bundle_file key;
	struct bundle_file cert; /* data is NULL: perhaps it is with the key */
	const char *password;	 /* NULL: none */
};

struct key {
	EVP_PKEY *key;		     /* RSA, KEY_BITS_MIN or more */
	X509 *cert;		     /* its certificate; NULL: none */
	int64_t cert_expires_at;     /* Unix seconds; 0: no certificate */
	struct json_object *account; /* of a JSON key file, else NULL */
};

/*
 * Load a key and its certificate, and check that they can be used at now_s.
 *
 *	k	zeroed by the caller, and cleared by it whatever is returned
 *	now_s	Unix seconds
 *
 * The key is the first in its file; of several certificates the one that
 * belongs to it counts, the rest may be a chain.
 *
 * Returns 0, or a negative code after reply_fail() with the first thing that
 * is wrong.
 */
int key_load(
    struct key *k, const struct key_files *f, int64_t now_s, struct reply *r);

/* Free, and wipe what is held of the key. */
void key_clear(struct key *k);

#endif
