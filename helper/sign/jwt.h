/* SPDX-License-Identifier: MIT */
/* jwt.h - signed JSON: base64url, thumbprints and signatures */
#ifndef SASL_BEARER_JWT_H
#define SASL_BEARER_JWT_H

#include <stddef.h>
#include <sys/types.h>

#include <json-c/json_object.h>
#include <openssl/x509.h>

#include "common/util.h"

#define JWT_SIZE (TOKEN_MAX + 1) /* bytes of a token with its NUL */
#define JWT_THUMBPRINT 44	 /* bytes of a thumbprint with its NUL */

/* RFC 7518 section 3.1. Both hash by SHA-256. */
enum jwt_alg {
	JWT_PS256, /* RSASSA-PSS, MGF1 with SHA-256, a salt of 32 bytes */
	JWT_RS256, /* RSASSA-PKCS1-v1_5 */
};

/* The registered name of an algorithm. */
const char *jwt_alg_name(enum jwt_alg alg);

/*
 * Write bytes in base64url without padding, RFC 7515 section 2.
 *
 *	dst	terminated on success
 *	size	at least (len + 2) / 3 * 4 + 1
 *
 * Returns the length, or -ERR_TOOBIG.
 */
ssize_t
jwt_base64url(char *dst, size_t size, const unsigned char *src, size_t len);

/*
 * The digest of a certificate, in base64url: the member x5t#S256 (RFC 7515
 * section 4.1.8) with EVP_sha256(), x5t (4.1.7) with EVP_sha1().
 *
 * Returns 0, or -EIO when libcrypto fails.
 */
int jwt_thumbprint(
    char buf[JWT_THUMBPRINT], const X509 *cert, const EVP_MD *digest);

/*
 * Sign, in the compact serialization of RFC 7515 section 3.1.
 *
 *	buf	JWT_SIZE bytes; terminated on success
 *	header	its member alg is set here
 *	key	RSA, private
 *
 * Returns 0, -ERR_TOOBIG when it would be longer than TOKEN_MAX, -EIO when
 * libcrypto fails.
 */
int jwt_sign(char *buf, struct json_object *header, struct json_object *claims,
    EVP_PKEY *key, enum jwt_alg alg);

#endif
