/* SPDX-License-Identifier: MIT */
/* challenge.h - what a server says when it refuses a token */
#ifndef SASL_BEARER_CHALLENGE_H
#define SASL_BEARER_CHALLENGE_H

#include <stddef.h>

/*
 * Put a server's error challenge into words.
 *
 *	json	len bytes as libsasl2 decoded them: by RFC 7628 section 3.2.2 a
 *		flat JSON object, but anything is taken
 *	buf	one line, at most size - 1 bytes, no control byte
 *
 * The status may be a string or a number, an HTTP status or an OAuth error
 * word. Where there is no status to be found the challenge itself is quoted.
 * The scope is named since a wrong one is a common cause.
 */
void challenge_describe(const char *json, size_t len, char *buf, size_t size);

/*
 * Whether the server says that it could not check the token, as Dovecot does
 * while the provider does not answer it: then nothing is wrong with the token.
 */
int challenge_is_outage(const char *json, size_t len);

#endif
