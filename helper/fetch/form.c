/* SPDX-License-Identifier: MIT */
/* form - the body of a request to a provider */
#include "config.h"

#include <string.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/fetch/form.h"

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/* Attributes that are fields by another name; NULL: not by their row. */
static const struct {
	const char *attribute, *field;
} aliases[] = {
    {"client_id", NULL}, /* put_client() */
    {"identity_endpoint", NULL},
    {"identity_resource", "resource"},
    {"identity_object_id", "object_id"},
    {"identity_resource_id", "msi_res_id"},
};

static int
is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

/* Append text, encoded, at *len. Returns 0, or -ERR_TOOBIG. */
static int
encode(char *buf, size_t size, size_t *len, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *text; text++) {
		if (size - *len < 4)
			return -ERR_TOOBIG;
		if (is_unreserved(*text)) {
			buf[(*len)++] = *text;
			continue;
		}
		buf[(*len)++] = '%';
		buf[(*len)++] = hex[(unsigned char)*text >> 4];
		buf[(*len)++] = hex[(unsigned char)*text & 15];
	}
	buf[*len] = '\0';
	return 0;
}

/* Add a field; a NULL value adds nothing. */
static int
put(struct form *f, const char *name, const char *value)
{
	size_t name_len = strlen(name);

	if (!value)
		return 0;
	if (name_len + 3 > sizeof(f->body) - f->len)
		return -ERR_TOOBIG;
	if (f->len > 0)
		f->body[f->len++] = '&';
	memcpy(f->body + f->len, name, name_len);
	f->len += name_len;
	f->body[f->len++] = '=';
	return encode(f->body, sizeof(f->body), &f->len, value);
}

/* Add an attribute of the request, under its name on the wire. */
static int
put_attribute(struct form *f, const struct msg *request, const char *name)
{
	const char *field = name;
	size_t i;

	for (i = 0; i < COUNT_OF(aliases); i++)
		if (strcmp(name, aliases[i].attribute) == 0)
			field = aliases[i].field;
	return field ? put(f, field, msg_get(request, name)) : 0;
}

static int
put_basic(struct form *f, const char *id, const char *secret)
{
	size_t user_len = 0, password_len = 0;
	int r = encode(f->user, sizeof(f->user), &user_len, id);

	if (r == 0)
		r = encode(
		    f->password, sizeof(f->password), &password_len, secret);
	f->basic = r == 0;
	return r;
}

static int
put_client(struct form *f, const struct msg *request)
{
	const char *id = msg_get(request, "client_id");
	const char *secret = msg_get(request, "client_secret");
	const char *assertion = msg_get(request, "client_assertion");
	const char *how = msg_get(request, "client_auth");
	int r;

	if (how && strcmp(how, "post") != 0 && strcmp(how, "basic") != 0)
		return -ERR_FORMAT;
	if (assertion)
		secret = NULL;
	if (id && secret && how && strcmp(how, "basic") == 0)
		return put_basic(f, id, secret);
	r = put(f, "client_id", id);
	if (r == 0)
		r = put(f, "client_secret", secret);
	if (r == 0 && assertion)
		r = put(f, "client_assertion_type", ASSERTION_TYPE);
	if (r == 0)
		r = put(f, "client_assertion", assertion);
	return r;
}

int
form_build(
    struct form *f, const struct operation *op, const struct msg *request)
{
	size_t i;
	int r;

	f->len = 0;
	f->basic = 0;
	r = op->first[0] ? put(f, op->first[0], op->first[1]) : 0;
	for (i = 0; r == 0 && op->needs[i]; i++)
		r = put_attribute(f, request, op->needs[i]);
	for (i = 0; r == 0 && op->also[i]; i++)
		r = put_attribute(f, request, op->also[i]);
	if (r == 0 && (op->flags & OPERATION_IDENTITY))
		return put(f, "client_id", msg_get(request, "client_id"));
	return r == 0 ? put_client(f, request) : r;
}
