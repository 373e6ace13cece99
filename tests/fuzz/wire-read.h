/* SPDX-License-Identifier: MIT */
/* wire-read.h - read a client's response as a mail server does */
#ifndef SASL_BEARER_FUZZ_WIRE_READ_H
#define SASL_BEARER_FUZZ_WIRE_READ_H

#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "common/wire.h"

#define WIRE_READ_SIZE (TOKEN_MAX + 1)

/* "" is what was not there. */
struct wire_read {
	char user[WIRE_READ_SIZE];
	char host[WIRE_READ_SIZE];
	char port[WIRE_READ_SIZE];
	char token[WIRE_READ_SIZE];
};

/* Take text up to a byte off the front; that byte must be there. */
static inline void
wire_take(const char **at, const char *end, char until, char *buf)
{
	const char *stop = memchr(*at, until, (size_t)(end - *at));

	if (!stop || stop - *at >= WIRE_READ_SIZE)
		abort();
	memcpy(buf, *at, (size_t)(stop - *at));
	buf[stop - *at] = '\0';
	*at = stop + 1;
}

/* Whether a text is next; it is taken off the front. */
static inline int
wire_next(const char **at, const char *end, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(end - *at) < len || memcmp(*at, text, len) != 0)
		return 0;
	*at += len;
	return 1;
}

/* RFC 5801 section 4: =2C and =3D, and no other '='. */
static inline void
wire_unescape(char *name)
{
	char *to = name;

	for (; *name; name++) {
		if (*name != '=') {
			*to++ = *name;
			continue;
		}
		if (strncmp(name, "=2C", 3) != 0 &&
		    strncmp(name, "=3D", 3) != 0)
			abort();
		*to++ = name[1] == '2' ? ',' : '=';
		name += 2;
	}
	*to = '\0';
}

/* Abort unless buf is one response, and nothing but that. */
static inline void
wire_read(
    enum wire_mech mech, const char *buf, size_t len, struct wire_read *ret)
{
	const char *at = buf, *end = buf + len;

	memset(ret, 0, sizeof(*ret));
	if (mech == WIRE_XOAUTH2) {
		if (!wire_next(&at, end, "user="))
			abort();
		wire_take(&at, end, 1, ret->user);
	} else {
		if (!wire_next(&at, end, "n,a="))
			abort();
		wire_take(&at, end, ',', ret->user);
		wire_unescape(ret->user);
		if (!wire_next(&at, end, "\001"))
			abort();
		if (wire_next(&at, end, "host="))
			wire_take(&at, end, 1, ret->host);
		if (wire_next(&at, end, "port="))
			wire_take(&at, end, 1, ret->port);
	}
	if (!wire_next(&at, end, "auth=Bearer "))
		abort();
	wire_take(&at, end, 1, ret->token);
	if (!wire_next(&at, end, "\001") || at != end)
		abort();
	if (!util_text_valid(ret->user, strlen(ret->user)) ||
	    !util_text_valid(ret->host, strlen(ret->host)) ||
	    !util_b64token_valid(ret->token))
		abort();
}

#endif
