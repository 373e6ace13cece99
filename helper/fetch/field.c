/* SPDX-License-Identifier: MIT */
/* field - the values of a JSON object from elsewhere, of whatever type */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json_tokener.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/fetch/field.h"

#define BOM "\xef\xbb\xbf"

struct json_object *
field_parse(const char *body, size_t len)
{
	struct json_tokener *tok = json_tokener_new_ex(FIELD_DEPTH);
	struct json_object *json;

	if (!tok)
		return NULL;
	if (len >= 3 && memcmp(body, BOM, 3) == 0) {
		body += 3;
		len -= 3;
	}
	json = json_tokener_parse_ex(tok, body, (int)len);
	json_tokener_free(tok);
	if (json && !json_object_is_type(json, json_type_object)) {
		json_object_put(json);
		json = NULL;
	}
	return json;
}

static struct json_object *
get(struct json_object *json, const char *name)
{
	struct json_object *value = NULL;

	if (json)
		json_object_object_get_ex(json, name, &value);
	return value;
}

const char *
field_bytes(struct json_object *json, const char *name, size_t *ret_len)
{
	struct json_object *value = get(json, name);

	if (!json_object_is_type(value, json_type_string))
		return NULL;
	*ret_len = (size_t)json_object_get_string_len(value);
	return json_object_get_string(value);
}

const char *
field_text(struct json_object *json, const char *name, size_t max)
{
	size_t len;
	const char *text = field_bytes(json, name, &len);

	if (!text || len == 0 || len > max || !util_text_valid(text, len))
		return NULL;
	return text;
}

int
field_present(struct json_object *json, const char *name)
{
	return get(json, name) != NULL;
}

int
field_true(struct json_object *json, const char *name)
{
	struct json_object *value = get(json, name);

	return json_object_is_type(value, json_type_boolean) &&
	    json_object_get_boolean(value);
}

static int
from_double(double d, int64_t *ret)
{
	if (isnan(d))
		return -ERR_NUMBER;
	if (d > 9e18)
		*ret = INT64_MAX;
	else if (d < -9e18)
		*ret = INT64_MIN;
	else
		*ret = (int64_t)d;
	return 0;
}

static int
from_string(const char *text, size_t len, int64_t *ret)
{
	if (len == 0 || len > 64 || strspn(text, "0123456789.") != len ||
	    strspn(text, ".") == len)
		return -ERR_NUMBER;
	return from_double(strtod(text, NULL), ret);
}

int
field_number(struct json_object *json, const char *name, int64_t *ret)
{
	struct json_object *value = get(json, name);

	switch (json_object_get_type(value)) {
	case json_type_int:
		*ret = json_object_get_int64(value);
		return 0;
	case json_type_double:
		return from_double(json_object_get_double(value), ret);
	case json_type_string:
		return from_string(json_object_get_string(value),
		    (size_t)json_object_get_string_len(value), ret);
	default:
		return -ERR_NUMBER;
	}
}

int64_t
field_seconds(struct json_object *json, const char *name, int64_t min,
    int64_t max, int64_t missing)
{
	int64_t n;

	if (field_number(json, name, &n) < 0)
		return missing;
	if (n < min)
		return min;
	return n > max ? max : n;
}
