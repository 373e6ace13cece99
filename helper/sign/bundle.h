/* SPDX-License-Identifier: MIT */
/* bundle.h - the private key and the certificates that a file holds */
#ifndef SASL_BEARER_BUNDLE_H
#define SASL_BEARER_BUNDLE_H

#include <stddef.h>

#include <openssl/x509.h>

#include "common/reply.h"

/* The contents of a file, and what reasons call it. */
struct bundle_file {
	const char *path;
	const char *data; /* len bytes, anything */
	size_t len;
};

struct bundle {
	EVP_PKEY *key;		/* NULL: none that can be read */
	STACK_OF(X509) * certs; /* NULL or empty: none */
};

enum bundle_want {
	BUNDLE_KEY,   /* and the certificates that are with it */
	BUNDLE_CERTS, /* a key in PEM is not looked at */
};

/*
 * Find the first private key of a file, and all its certificates: PEM, in any
 * order and with anything between, or PKCS#12.
 *
 *	b	zeroed by the caller, and cleared by it whatever is returned
 *	password	NULL: none. Up to 1023 bytes. A key in PEM that needs
 *		none is read all the same
 *
 * Returns 0, also when there is nothing of the kind in the file; -EACCES when
 * the password is missing or wrong, -ENOTSUP when libcrypto cannot decrypt the
 * file, -ENOMEM; all after reply_fail().
 */
int bundle_read(struct bundle *b, const struct bundle_file *f,
    const char *password, enum bundle_want want, struct reply *r);

/* Free, and wipe the key. */
void bundle_clear(struct bundle *b);

#endif
