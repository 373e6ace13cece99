/* SPDX-License-Identifier: MIT */
/* util - bytes, numbers and the clock */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"

#define REDACT_MIN 12 /* this much of a secret is a secret */

int64_t
util_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
util_wipe(void *mem, size_t len)
{
	if (mem)
		explicit_bzero(mem, len);
}

void
util_secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

static int
is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

/*
 * Length of the UTF-8 character at s: 1 to 4, or 0 when it is not one. The
 * second byte's range keeps out overlong forms, surrogates and what is above
 * U+10FFFF (RFC 3629 section 4).
 */
static size_t
utf8_length(const unsigned char *s, size_t left)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t len, i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (left < len)
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (i = 2; i < len; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return len;
}

int
util_text_valid(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t i, n;

	for (i = 0; i < len; i += n) {
		n = utf8_length(s + i, len - i);
		if (n == 0 || is_control(s[i]))
			return 0;
	}
	return 1;
}

static int
is_b64token_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || (c && strchr("-._~+/", c));
}

int
util_b64token_valid(const char *token)
{
	size_t i = 0;

	while (is_b64token_char(token[i]))
		i++;
	if (i == 0)
		return 0;
	while (token[i] == '=')
		i++;
	return i <= TOKEN_MAX && token[i] == '\0';
}

static char
ascii_lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		c = (char)(c | 0x20);
	return c;
}

int
util_case_equal(const char *a, const char *b)
{
	while (*a && ascii_lower(*a) == ascii_lower(*b)) {
		a++;
		b++;
	}
	return *a == *b;
}

int
util_has_word(const char *list, const char *word)
{
	size_t i;

	for (; *list; list += strcspn(list, " ")) {
		list += strspn(list, " ");
		for (i = 0; word[i]; i++)
			if (ascii_lower(list[i]) != ascii_lower(word[i]))
				break;
		if (i > 0 && !word[i] && (!list[i] || list[i] == ' '))
			return 1;
	}
	return 0;
}

/*
 * Whether a character moves the cursor, ends a line or turns the direction of
 * what follows: C0 and C1, U+2028 to U+202E, U+2066 to U+2069.
 */
static int
is_steering(const unsigned char *s, size_t len)
{
	if (len == 2)
		return s[0] == 0xc2 && s[1] < 0xa0;
	if (len == 3 && s[0] == 0xe2)
		return (s[1] == 0x80 && s[2] >= 0xa8 && s[2] <= 0xae) ||
		    (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9);
	return is_control(s[0]);
}

void
util_sanitise(char *dst, size_t size, const char *src, size_t len)
{
	const unsigned char *s = (const unsigned char *)src;
	size_t i, n, out = 0;

	for (i = 0; i < len; i += n) {
		n = utf8_length(s + i, len - i);
		if (out + (n ? n : 1) >= size)
			break;
		if (n == 0) {
			dst[out++] = '?';
			n = 1;
		} else if (is_steering(s + i, n) || s[i] == ' ') {
			if (out > 0 && dst[out - 1] != ' ')
				dst[out++] = ' ';
		} else {
			memcpy(dst + out, src + i, n);
			out += n;
		}
	}
	while (out > 0 && dst[out - 1] == ' ')
		out--;
	dst[out] = '\0';
}

/* How many bytes of text are a part of the secret; few of them are none. */
static size_t
shared_run(const char *text, const char *secret, size_t len)
{
	const char *at, *end = secret + len;
	size_t n = REDACT_MIN;

	if (strnlen(text, n) < n)
		return 0;
	at = memmem(secret, len, text, n);
	if (!at)
		return 0;
	while (text[n] && at + n < end && at[n] == text[n])
		n++;
	return n;
}

void
util_redact(char *text, const char *secret, size_t len)
{
	char *out = text;
	size_t n;

	while (*text) {
		n = shared_run(text, secret, len);
		if (n > 0) {
			memset(out, '*', 3);
			out += 3;
			text += n;
		} else {
			*out++ = *text++;
		}
	}
	*out = '\0';
}

int
util_number_parse(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	int64_t n = 0;

	if (!*text)
		return -ERR_NUMBER;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' ||
		    n > (INT64_MAX - (*text - '0')) / 10)
			return -ERR_NUMBER;
		n = n * 10 + (*text - '0');
	}
	if (n < min || n > max)
		return -ERR_NUMBER;
	*ret = n;
	return 0;
}

int
util_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void
util_hex_format(char *dst, const unsigned char *src, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	for (; size > 0; size--, src++) {
		*dst++ = digits[*src >> 4];
		*dst++ = digits[*src & 15];
	}
	*dst = '\0';
}

int
util_read_all(int fd, char *buf, size_t size, size_t *ret_len)
{
	char extra;
	ssize_t n;

	*ret_len = 0;
	for (;;) {
		if (*ret_len < size)
			n = read(fd, buf + *ret_len, size - *ret_len);
		else
			n = read(fd, &extra, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		if (*ret_len == size)
			return -ERR_TOOBIG;
		*ret_len += (size_t)n;
	}
}

int
util_write_all(int fd, const char *buf, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, buf, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}
