/* SPDX-License-Identifier: MIT */
/* pkce - what binds the parts of a sign-in together (RFC 7636) */
#include "config.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "common/util.h"
#include "helper/cli/pkce.h"

#define OCTETS 32

/* RFC 4648 section 5, without padding. */
static void
base64url(const unsigned char octets[OCTETS], char buf[PKCE_SIZE])
{
	unsigned char plain[PKCE_SIZE + 1]; /* with one "=" and a NUL */

	EVP_EncodeBlock(plain, octets, OCTETS);
	memcpy(buf, plain, PKCE_SIZE - 1);
	buf[PKCE_SIZE - 1] = '\0';
	for (; *buf; buf++)
		if (*buf == '+')
			*buf = '-';
		else if (*buf == '/')
			*buf = '_';
	util_wipe(plain, sizeof(plain));
}

int
pkce_random(char buf[PKCE_SIZE])
{
	unsigned char octets[OCTETS];

	if (RAND_bytes(octets, sizeof(octets)) != 1)
		return -EIO;
	base64url(octets, buf);
	util_wipe(octets, sizeof(octets));
	return 0;
}

int
pkce_challenge(const char *verifier, char buf[PKCE_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(verifier, strlen(verifier), digest, NULL, EVP_sha256(),
		NULL) != 1)
		return -EIO;
	base64url(digest, buf);
	return 0;
}

int
pkce_equal(const char *a, const char *b)
{
	size_t len = strlen(a);

	return len == strlen(b) && CRYPTO_memcmp(a, b, len) == 0;
}
