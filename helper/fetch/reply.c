/* SPDX-License-Identifier: MIT */
/* reply - what of a provider's words may be shown */
#include "config.h"

#include <string.h>

#include "common/util.h"
#include "helper/fetch/reply.h"

#define QUOTE_MAX 4096 /* bytes of foreign text that are looked at */
#define SECRET_PART 12 /* this much of a secret is a secret */
#define SECRET_MIN 4   /* a shorter one would only make texts unreadable */

static const char *const secret_names[] = {
    "client_secret", "refresh_token", "device_code", "token", "code",
    "code_verifier", "assertion", "client_assertion",
    "proxy", /* may have a password */
};

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte at s, which may be written as %XX; *ret_width is 1 or 3. */
static char
decode(const char *s, size_t len, size_t *ret_width)
{
	*ret_width = 1;
	if (*s != '%' || len < 3 || hex_digit(s[1]) < 0 || hex_digit(s[2]) < 0)
		return *s;
	*ret_width = 3;
	return (char)(hex_digit(s[1]) << 4 | hex_digit(s[2]));
}

/*
 * How many bytes of text are the secret, or enough of its beginning; written
 * as it is, or percent-encoded.
 */
static size_t
match(const char *text, size_t len, const char *secret, int encoded)
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
	if (n >= SECRET_PART || (n >= SECRET_MIN && !secret[n]))
		return pos;
	return 0;
}

static size_t
match_any(const struct msg *request, const char *text, size_t len)
{
	const char *secret;
	size_t i, n, longest = 0;

	for (i = 0; i < 2 * COUNT_OF(secret_names); i++) {
		secret = msg_get(request, secret_names[i / 2]);
		n = secret ? match(text, len, secret, (int)(i % 2)) : 0;
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
