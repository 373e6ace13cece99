/* SPDX-License-Identifier: MIT */
/* wire.h - the client's response of XOAUTH2 and OAUTHBEARER */
#ifndef SASL_BEARER_WIRE_H
#define SASL_BEARER_WIRE_H

#include <stddef.h>
#include <sys/types.h>

enum wire_mech {
	WIRE_OAUTHBEARER, /* RFC 7628 */
	WIRE_XOAUTH2,	  /* Google's and Microsoft's, no RFC */
};

struct wire_response {
	const char *user;  /* 1..USER_MAX bytes of UTF-8 */
	const char *host;  /* 1..HOST_MAX bytes, or NULL; OAUTHBEARER only */
	const char *port;  /* decimal, or NULL; OAUTHBEARER only */
	const char *token; /* b64token, 1..TOKEN_MAX bytes */
};

/* The registered name of a mechanism. */
const char *wire_name(enum wire_mech mech);

/* Bytes that are enough for the response; 0 when a limit is exceeded. */
size_t wire_size(const struct wire_response *r);

/*
 * Write a response as it goes to the server, before base64.
 *
 *	buf	wire_size() bytes; not terminated; holds a secret afterwards
 *
 * OAUTHBEARER: RFC 7628 section 3.1, with the user as authorization identity,
 * escaped as RFC 5801 section 4 wants. XOAUTH2 knows no escaping.
 *
 * Returns the length, or -ERR_CONTROL when user, host, port or token has a
 * byte that does not belong there (the separator 0x01 would add keys),
 * -ERR_TOOBIG above a limit.
 */
ssize_t
wire_format(enum wire_mech mech, const struct wire_response *r, char *buf);

#endif
