/* SPDX-License-Identifier: MIT */
/* pkce.h - what binds the parts of a sign-in together (RFC 7636) */
#ifndef SASL_BEARER_PKCE_H
#define SASL_BEARER_PKCE_H

#define PKCE_SIZE 44 /* 32 octets in base64url, and a NUL */

/*
 * Make 256 random bits as base64url: a code_verifier (section 4.1), or a state
 * (RFC 6749 section 10.12).
 *
 * Returns 0, or -EIO when the system has no random numbers.
 */
int pkce_random(char buf[PKCE_SIZE]);

/* The code_challenge of a verifier by S256 (section 4.2). Returns 0 or -EIO. */
int pkce_challenge(const char *verifier, char buf[PKCE_SIZE]);

/* Whether two texts are equal, in a time that does not depend on where not. */
int pkce_equal(const char *a, const char *b);

#endif
