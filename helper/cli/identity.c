/* SPDX-License-Identifier: MIT */
/* identity - who an id_token is about */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "helper/cli/identity.h"
#include "helper/cli/jwt.h"

/* The first is the one that people know best. */
static const char *const claims[IDENTITY_NAMES] = {
    "email", "preferred_username", "upn", "unique_name", "sub"};

/* Case does not count: a GUID may be written either way. */
static int
is_client(struct json_object *value, const char *client_id)
{
	const char *text = jwt_text(value);

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
	text = jwt_text(value);
	len = text ? strlen(text) : 0;
	if (len == 0 || len > USER_MAX || !util_text_valid(text, len))
		return;
	/* what most providers put there is a number of theirs */
	if (strcmp(claim, "sub") == 0 && !is_address(text))
		return;
	memcpy(id->names[id->count++], text, len + 1);
}

int
identity_parse(
    const char *id_token, const char *client_id, struct identity *ret)
{
	struct json_object *json;
	struct identity id = {0};
	size_t i;
	int r = jwt_claims(id_token, &json);

	if (r < 0)
		return r;
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
identity_has(const struct identity *id, const char *name)
{
	size_t i;

	for (i = 0; i < id->count; i++)
		if (util_case_equal(id->names[i], name))
			return 1;
	return 0;
}
