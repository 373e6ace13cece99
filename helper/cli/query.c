/* SPDX-License-Identifier: MIT */
/* query - names and values in the query of a URL */
#include "config.h"

#include <string.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/query.h"

static int
is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

/* The length of a text when it is encoded. */
static size_t
encoded_length(const char *text)
{
	size_t len = 0;

	for (; *text; text++)
		len += is_unreserved(*text) ? 1 : 3;
	return len;
}

/* Encode into a place that has room. Returns its end. */
static char *
encode(char *to, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *text; text++) {
		if (is_unreserved(*text)) {
			*to++ = *text;
			continue;
		}
		*to++ = '%';
		*to++ = hex[(unsigned char)*text >> 4];
		*to++ = hex[(unsigned char)*text & 15];
	}
	return to;
}

/* What stands between a URL and its next parameter. */
static const char *
separator(const char *url)
{
	const char *query = strchr(url, '?');
	size_t len = strlen(url);

	if (!query)
		return "?";
	return url[len - 1] == '?' || url[len - 1] == '&' ? "" : "&";
}

int
query_add(char *url, size_t size, const char *name, const char *value)
{
	const char *mark = separator(url);
	size_t len = strlen(url);
	char *end = url + len;

	if (!value || !*value)
		return 0;
	if (len + strlen(mark) + strlen(name) + 1 + encoded_length(value) >=
	    size)
		return -ERR_TOOBIG;
	end = encode(stpcpy(end, mark), name);
	*end++ = '=';
	*encode(end, value) = '\0';
	return 0;
}

int
query_add_raw(char *url, size_t size, const char *text)
{
	const char *mark = separator(url);
	size_t len = strlen(url), text_len;

	if (!text || !*text)
		return 0;
	text_len = strlen(text);
	if (len + strlen(mark) + text_len >= size)
		return -ERR_TOOBIG;
	memcpy(stpcpy(url + len, mark), text, text_len + 1);
	return 0;
}

/*
 * Decode len bytes into a text of size bytes, its NUL included. Returns 0 or a
 * negative code; after one, what is in buf is of no use.
 */
static int
decode(const char *text, size_t len, char *buf, size_t size)
{
	size_t i, out = 0;
	int high, low;

	for (i = 0; i < len; i++) {
		if (out + 1 >= size)
			return -ERR_TOOBIG;
		if (text[i] != '%') {
			buf[out++] = (char)(text[i] == '+' ? ' ' : text[i]);
			continue;
		}
		high = len - i > 2 ? util_hex_digit(text[i + 1]) : -1;
		low = len - i > 2 ? util_hex_digit(text[i + 2]) : -1;
		if (high < 0 || low < 0)
			return -ERR_FORMAT;
		buf[out++] = (char)(high << 4 | low);
		i += 2;
	}
	buf[out] = '\0';
	return memchr(buf, '\0', out) ? -ERR_CONTROL : 0;
}

int
query_get(const char *query, const char *name, char *buf, size_t size)
{
	const char *value = NULL, *at = query;
	size_t name_len = strlen(name), len = 0, n;
	int r;

	for (; *at && *at != '#'; at += n + (at[n] == '&')) {
		n = strcspn(at, "&#");
		if (n <= name_len || at[name_len] != '=' ||
		    memcmp(at, name, name_len) != 0)
			continue;
		if (value)
			return -ERR_TWICE;
		value = at + name_len + 1;
		len = n - name_len - 1;
	}
	if (!value || len == 0)
		return 0;
	r = decode(value, len, buf, size);
	return r < 0 ? r : 1;
}
