/* SPDX-License-Identifier: MIT */
/* jwt - the claims of a JWT, which nobody has verified */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json_tokener.h>

#include "common/err.h"
#include "helper/cli/jwt.h"

/* The six bits of a letter (RFC 4648 section 5), or -1. */
static int
sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

/*
 * Decode base64url into buf, which has room for 3 bytes of each 4. Padding is
 * not used in a JWT, but there are some that have it.
 */
static int
decode(const char *text, size_t len, char *buf, size_t *ret_len)
{
	unsigned bits = 0;
	size_t i, n = 0;
	int six;

	while (len > 0 && text[len - 1] == '=')
		len--;
	if (len % 4 == 1)
		return -ERR_FORMAT;
	for (i = 0; i < len; i++) {
		six = sextet(text[i]);
		if (six < 0)
			return -ERR_FORMAT;
		bits = bits << 6 | (unsigned)six;
		if (i % 4 != 0)
			buf[n++] = (char)(bits >> (6 - i % 4 * 2) & 0xff);
	}
	*ret_len = n;
	return 0;
}

/* The second of exactly three parts (RFC 7515 section 3.1). */
static const char *
find_payload(const char *token, size_t *ret_len)
{
	const char *begin = strchr(token, '.'), *end;

	if (!begin)
		return NULL;
	end = strchr(++begin, '.');
	if (!end || strchr(end + 1, '.'))
		return NULL;
	*ret_len = (size_t)(end - begin);
	return begin;
}

static struct json_object *
parse_json(const char *text, size_t len)
{
	struct json_tokener *tok = json_tokener_new_ex(JWT_DEPTH);
	struct json_object *json;

	if (!tok)
		return NULL;
	/* or bytes that follow would be left out in silence */
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	json = json_tokener_parse_ex(tok, text, (int)len);
	json_tokener_free(tok);
	if (json && !json_object_is_type(json, json_type_object)) {
		json_object_put(json);
		json = NULL;
	}
	return json;
}

const char *
jwt_text(struct json_object *value)
{
	const char *text;

	if (!json_object_is_type(value, json_type_string))
		return NULL;
	text = json_object_get_string(value);
	if (strlen(text) != (size_t)json_object_get_string_len(value))
		return NULL;
	return text;
}

int
jwt_claims(const char *token, struct json_object **ret)
{
	size_t len = 0, out_len = 0;
	const char *payload = find_payload(token, &len);
	struct json_object *json = NULL;
	char *buf;
	int r;

	if (!payload || len == 0 || len > TOKEN_MAX)
		return -ERR_FORMAT;
	buf = malloc(len);
	if (!buf)
		return -ENOMEM;
	r = decode(payload, len, buf, &out_len);
	if (r == 0)
		json = parse_json(buf, out_len);
	util_wipe(buf, len);
	free(buf);
	if (!json)
		return -ERR_FORMAT;
	*ret = json;
	return 0;
}
