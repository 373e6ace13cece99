/* SPDX-License-Identifier: MIT */
/* reply - what of a provider's words may be shown */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "common/util.h"
#include "helper/fetch/reply.h"

#define QUOTE_MAX 4096 /* bytes of foreign text that are looked at */
#define SECRET_PART 12 /* this much of a secret is a secret */
#define BASIC_MIN 16   /* fewer characters may well be a word */
#define SECRET_MIN 4   /* a shorter one would only make texts unreadable */

static const char *const secret_names[] = {
    "client_secret", "refresh_token", "device_code", "token", "code",
    "code_verifier", "assertion", "client_assertion",
    "proxy", /* may have a password */
};

/* The byte at s, which may be written as %XX; *ret_width is 1 or 3. */
static char
decode(const char *s, size_t len, size_t *ret_width)
{
	int high, low;

	*ret_width = 1;
	if (*s != '%' || len < 3)
		return *s;
	high = util_hex_digit(s[1]);
	low = util_hex_digit(s[2]);
	if (high < 0 || low < 0)
		return *s;
	*ret_width = 3;
	return (char)(high << 4 | low);
}

/*
 * How many bytes of text agree with the secret, which may be percent-encoded
 * there; *ret_n: with how many of the secret.
 */
static size_t
agree(const char *text, size_t len, const char *secret, int encoded,
    size_t *ret_n)
{
	size_t pos = 0, n = 0, width = 1;
	char c;

	while (pos < len && secret[n]) {
		c = text[pos];
		if (encoded)
			c = decode(text + pos, len - pos, &width);
		if (c != secret[n])
			break;
		pos += width;
		n++;
	}
	*ret_n = n;
	return pos;
}

/*
 * How many bytes of text are the secret, or enough of any part of it. Of a
 * proxy it is the beginning: its name is what people need to see.
 */
static size_t
match(const char *text, size_t len, const char *secret, int encoded, int parts)
{
	const char *at = secret;
	size_t pos, n, width = 1;
	char first = *text;

	if (encoded)
		first = decode(text, len, &width);
	pos = agree(text, len, secret, encoded, &n);
	if (n >= SECRET_MIN && !secret[n])
		return pos;
	while (n < SECRET_PART) {
		at = parts && first ? strchr(at + 1, first) : NULL;
		if (!at)
			return 0;
		pos = agree(text, len, at, encoded, &n);
	}
	return pos;
}

/* How many bytes are credentials of RFC 7617, as client_auth=basic has them. */
static size_t
match_basic(const char *text, size_t len)
{
	static const char scheme[] = "Basic ";
	size_t pos = sizeof(scheme) - 1, begin = pos;

	if (len < pos || strncasecmp(text, scheme, pos) != 0)
		return 0;
	while (pos < len && text[pos] &&
	    strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		   "0123456789+/=",
		text[pos]))
		pos++;
	return pos - begin >= BASIC_MIN ? pos : 0;
}

static size_t
match_any(const struct msg *request, const char *text, size_t len)
{
	size_t i, n, longest = match_basic(text, len);
	const char *secret, *name;

	for (i = 0; i < 2 * COUNT_OF(secret_names); i++) {
		name = secret_names[i / 2];
		secret = msg_get(request, name);
		n = secret ? match(text, len, secret, (int)(i % 2),
				 strcmp(name, "proxy") != 0)
			   : 0;
		if (n > longest)
			longest = n;
	}
	return longest;
}

void
reply_quote(
    const struct reply *r, char *dst, size_t size, const char *src, size_t len)
{
	char text[3 * QUOTE_MAX];
	size_t pos = 0, out = 0, n;

	if (len > QUOTE_MAX)
		len = QUOTE_MAX;
	while (pos < len) {
		n = match_any(r->request, src + pos, len - pos);
		if (n > 0) {
			memset(text + out, '*', 3);
			out += 3;
			pos += n;
		} else {
			text[out++] = src[pos++];
		}
	}
	util_sanitise(dst, size, text, out);
}
