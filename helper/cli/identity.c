/* SPDX-License-Identifier: MIT */
/* identity - who an id_token is about */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json_object.h>
#include <json-c/json_tokener.h>

#include "common/err.h"
#include "helper/cli/identity.h"

/* The first is the one that people know best. */
static const char *const claims[IDENTITY_NAMES] = {
    "email", "preferred_username", "upn", "unique_name", "sub"};

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
	struct json_tokener *tok = json_tokener_new_ex(IDENTITY_DEPTH);
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

/* A string without a NUL in it, or NULL. */
static const char *
text_of(struct json_object *value)
{
	const char *text;

	if (!json_object_is_type(value, json_type_string))
		return NULL;
	text = json_object_get_string(value);
	if (strlen(text) != (size_t)json_object_get_string_len(value))
		return NULL;
	return text;
}

/* Case does not count: a GUID may be written either way. */
static int
is_client(struct json_object *value, const char *client_id)
{
	const char *text = text_of(value);

	return text && util_case_equal(text, client_id);
}

/* Whether aud, a string or an array of them, names the client. */
static int
is_for(struct json_object *json, const char *client_id)
{
	struct json_object *aud = NULL;
	size_t i;

	json_object_object_get_ex(json, "aud", &aud);
	if (!json_object_is_type(aud, json_type_array))
		return is_client(aud, client_id);
	for (i = 0; i < json_object_array_length(aud); i++)
		if (is_client(json_object_array_get_idx(aud, i), client_id))
			return 1;
	return 0;
}

/* One '@' with something on both sides, and no blank. */
static int
is_address(const char *text)
{
	const char *at = strchr(text, '@');

	return at && at != text && at[1] && !strchr(at + 1, '@') &&
	    !strchr(text, ' ');
}

static void
add_name(struct json_object *json, const char *claim, struct identity *id)
{
	struct json_object *value = NULL;
	const char *text;
	size_t len;

	json_object_object_get_ex(json, claim, &value);
	text = text_of(value);
	len = text ? strlen(text) : 0;
	if (len == 0 || len > USER_MAX || !util_text_valid(text, len))
		return;
	/* what most providers put there is a number of theirs */
	if (strcmp(claim, "sub") == 0 && !is_address(text))
		return;
	memcpy(id->names[id->count++], text, len + 1);
}

static int
read_claims(
    const char *text, size_t len, const char *client_id, struct identity *ret)
{
	struct json_object *json = parse_json(text, len);
	struct identity id = {0};
	size_t i;
	int r = 0;

	if (!json)
		return -ERR_FORMAT;
	if (!is_for(json, client_id))
		r = -EACCES;
	for (i = 0; r == 0 && i < COUNT_OF(claims); i++)
		add_name(json, claims[i], &id);
	json_object_put(json);
	if (r == 0)
		*ret = id;
	return r;
}

int
identity_parse(
    const char *id_token, const char *client_id, struct identity *ret)
{
	size_t len = 0, out_len = 0;
	const char *payload = find_payload(id_token, &len);
	char *buf;
	int r;

	if (!payload || len == 0 || len > TOKEN_MAX)
		return -ERR_FORMAT;
	buf = malloc(len);
	if (!buf)
		return -ENOMEM;
	r = decode(payload, len, buf, &out_len);
	if (r == 0)
		r = read_claims(buf, out_len, client_id, ret);
	util_wipe(buf, len);
	free(buf);
	return r;
}

int
identity_has(const struct identity *id, const char *name)
{
	size_t i;

	for (i = 0; i < id->count; i++)
		if (util_case_equal(id->names[i], name))
			return 1;
	return 0;
}
