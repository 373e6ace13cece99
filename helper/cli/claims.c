/* SPDX-License-Identifier: MIT */
/* claims - what an access token says of itself, where it is a JWT */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "helper/cli/claims.h"
#include "helper/cli/jwt.h"

/* Exchange Online in the clouds there are, and its number there. */
static const char *const audiences[] = {
    "https://outlook.office.com",
    "https://outlook.office365.com",
    "https://outlook.office365.us",
    "https://webmail.apps.mil",
    "https://partner.outlook.cn",
    "00000002-0000-0ff1-ce00-000000000000",
};

static const struct {
	enum service service;
	const char *delegated, *app;
} permissions[] = {
    {SERVICE_IMAP, "IMAP.AccessAsUser.All", "IMAP.AccessAsApp"},
    {SERVICE_POP, "POP.AccessAsUser.All", "POP.AccessAsApp"},
    {SERVICE_SMTP, "SMTP.Send", "SMTP.SendAsApp"},
};

/* Append a claim's text to a list. */
static void
add(char *buf, size_t size, struct json_object *value)
{
	const char *text = jwt_text(value);
	size_t len = strlen(buf);

	if (!text || !*text || len + 2 > size)
		return;
	if (len > 0)
		buf[len++] = ' ';
	util_sanitise(buf + len, size - len, text, strlen(text));
}

/* Take a claim: a text, or an array of them. */
static void
take(char *buf, size_t size, struct json_object *json, const char *name)
{
	struct json_object *value = NULL;
	size_t i;

	if (*buf || !json_object_object_get_ex(json, name, &value))
		return;
	if (!json_object_is_type(value, json_type_array))
		add(buf, size, value);
	else
		for (i = 0; i < json_object_array_length(value); i++)
			add(buf, size, json_object_array_get_idx(value, i));
}

static int64_t
number(struct json_object *json, const char *name)
{
	struct json_object *value = NULL;
	int64_t n;

	json_object_object_get_ex(json, name, &value);
	if (!json_object_is_type(value, json_type_int))
		return 0;
	n = json_object_get_int64(value);
	return n > 0 ? n : 0;
}

int
claims_parse(const char *token, struct claims *ret)
{
	static const char *const users[] = {
	    "upn", "preferred_username", "unique_name", "email"};
	struct claims c = {.exp = 0};
	struct json_object *json;
	size_t i;
	int r = jwt_claims(token, &json);

	if (r < 0)
		return r;
	take(c.aud, sizeof(c.aud), json, "aud");
	take(c.scp, sizeof(c.scp), json, "scp");
	take(c.scp, sizeof(c.scp), json, "scope"); /* RFC 9068 */
	take(c.roles, sizeof(c.roles), json, "roles");
	for (i = 0; i < COUNT_OF(users); i++)
		take(c.upn, sizeof(c.upn), json, users[i]);
	take(c.app, sizeof(c.app), json, "appid");
	take(c.app, sizeof(c.app), json, "azp");
	take(c.app, sizeof(c.app), json, "client_id");
	take(c.tid, sizeof(c.tid), json, "tid");
	c.exp = number(json, "exp");
	json_object_put(json);
	*ret = c;
	return 0;
}

int
claims_for_exchange(const struct claims *c)
{
	char slash[64];
	size_t i;

	for (i = 0; i < COUNT_OF(audiences); i++) {
		snprintf(slash, sizeof(slash), "%s/", audiences[i]);
		if (util_has_word(c->aud, audiences[i]) ||
		    util_has_word(c->aud, slash))
			return 1;
	}
	return 0;
}

const char *
claims_lacks(const struct claims *c, enum service service)
{
	size_t i = 0;

	while (permissions[i].service != service)
		i++;
	if (*c->scp)
		return util_has_word(c->scp, permissions[i].delegated)
		    ? NULL
		    : permissions[i].delegated;
	if (*c->roles && service != SERVICE_SMTP)
		return util_has_word(c->roles, permissions[i].app)
		    ? NULL
		    : permissions[i].app;
	return NULL;
}
