/* SPDX-License-Identifier: MIT */
/* oauth - what a provider's answer means; no network, no clock */
#include "config.h"

#include <string.h>

#include "common/util.h"
#include "helper/fetch/clock.h"
#include "helper/fetch/failure.h"
#include "helper/fetch/oauth.h"

#define EXPIRES_MISSING 600
#define EXPIRES_MAX (INT64_C(31536000) * 10)
#define DEVICE_EXPIRES 900 /* Microsoft's; RFC 8628 requires the field */
#define DEVICE_INTERVAL 5  /* RFC 8628 section 3.2 */
#define SCOPE_MAX 4096
#define CODE_MAX 128 /* bytes of a user_code */
#define TYPE_MAX 64  /* bytes of a token_type */

/* Seconds until expires_on, which is Unix time; 0 when there is none. */
static int64_t
read_end(struct json_object *json, int64_t now_s)
{
	int64_t n;

	if (field_number(json, "expires_on", &n) < 0)
		return 0;
	if (n <= now_s)
		return 1;
	n -= now_s;
	return n > EXPIRES_MAX ? EXPIRES_MAX : n;
}

/*
 * Seconds until the access token expires. expires_in does not depend on our
 * clock; but a machine's own service gives the same token again for hours, and
 * may count from when it got it.
 */
static int64_t
read_expiry(const struct answered *a)
{
	int64_t in = field_seconds(a->json, "expires_in", 1, EXPIRES_MAX, 0);
	int64_t end = read_end(a->json, clock_of(a->http));

	if (in && (a->op->flags & OPERATION_IDENTITY) && end > 1 && end < in)
		return end;
	if (in || end)
		return in ? in : end;
	return EXPIRES_MISSING;
}

/* Optional, and left out rather than passed on as zero. */
static void
put_seconds(struct msg_writer *w, const char *name, struct json_object *json,
    const char *from)
{
	int64_t n = field_seconds(json, from, 0, EXPIRES_MAX, 0);

	if (n > 0)
		msg_put_number(w, name, n);
}

static void
put_tokens(const struct answered *a, const char *access, const char *refresh,
    struct reply *r)
{
	struct json_object *json = a->json;

	reply_ok(r);
	msg_put(&r->w, "access_token", access);
	msg_put(&r->w, "refresh_token", refresh);
	msg_put_number(&r->w, "expires_in", read_expiry(a));
	put_seconds(&r->w, "refresh_in", json, "refresh_in");
	put_seconds(&r->w, "refresh_token_expires_in", json,
	    "refresh_token_expires_in");
	msg_put(&r->w, "scope", field_text(json, "scope", SCOPE_MAX));
	if (a->op->flags & OPERATION_INTERACTIVE)
		msg_put(
		    &r->w, "id_token", field_text(json, "id_token", TOKEN_MAX));
}

static void
read_token(const struct answered *a, struct reply *r)
{
	struct json_object *json = a->json;
	const char *access = field_text(json, "access_token", TOKEN_MAX);
	const char *type = field_text(json, "token_type", TYPE_MAX);
	const char *refresh = NULL;
	size_t len = 0;

	if (!access || !util_b64token_valid(access)) {
		failure_put(a, "a usable access_token", r);
		return;
	}
	if (field_present(json, "token_type") &&
	    (!type || !util_case_equal(type, "bearer"))) {
		reply_fail(r, STATUS_CONFIG,
		    "%s: the token_type is not Bearer; mail servers take no "
		    "other",
		    a->host);
		return;
	}
	/* without a person there is nothing to refresh */
	if (!(a->op->flags & OPERATION_UNATTENDED) &&
	    field_bytes(json, "refresh_token", &len) && len > 0) {
		refresh = field_text(json, "refresh_token", TOKEN_MAX);
		if (!refresh) {
			failure_put(a, "a usable refresh_token", r);
			return;
		}
	}
	put_tokens(a, access, refresh, r);
}

static const char *
read_page(struct json_object *json, const char *name)
{
	const char *text = field_text(json, name, URL_MAX - 1);
	struct url page;

	return text && url_parse(&page, text) == 0 ? text : NULL;
}

static void
read_device(const struct answered *a, struct reply *r)
{
	struct json_object *json = a->json;
	const char *device = field_text(json, "device_code", TOKEN_MAX);
	const char *user = field_text(json, "user_code", CODE_MAX);
	const char *page = read_page(json, "verification_uri");
	const char *text, *missing = NULL;
	char message[DETAIL_MAX + 1];
	size_t len;

	if (!page) /* Google's name for it */
		page = read_page(json, "verification_url");
	if (!device)
		missing = "a usable device_code";
	else if (!user)
		missing = "a usable user_code";
	else if (!page)
		missing = "a usable verification_uri";
	if (missing) {
		failure_put(a, missing, r);
		return;
	}
	reply_ok(r);
	msg_put(&r->w, "device_code", device);
	msg_put(&r->w, "user_code", user);
	msg_put(&r->w, "verification_uri", page);
	msg_put(&r->w, "verification_uri_complete",
	    read_page(json, "verification_uri_complete"));
	msg_put_number(&r->w, "expires_in",
	    field_seconds(json, "expires_in", 1, 86400, DEVICE_EXPIRES));
	msg_put_number(&r->w, "interval",
	    field_seconds(json, "interval", 1, 3600, DEVICE_INTERVAL));
	text = field_bytes(json, "message", &len);
	if (text) {
		reply_quote(r, message, sizeof(message), text, len);
		msg_put(&r->w, "message", message);
	}
}

/*
 * RFC 7009 section 2.2: 200 whatever the body. Google calls a token that is
 * already dead an error; it is what was wanted.
 */
static void
read_revoke(const struct answered *a, struct reply *r)
{
	const char *word = field_text(a->json, "error", TYPE_MAX);
	long status = a->http->status;

	if (status == 200 ||
	    (status == 400 && word && strcmp(word, "invalid_token") == 0))
		reply_ok(r);
	else
		failure_put(a, "HTTP 200", r);
}

void
oauth_read(const struct operation *op, const char *host,
    const struct http_answer *http, struct reply *r)
{
	struct answered a = {
	    .op = op,
	    .host = host,
	    .http = http,
	    .json = field_parse(http->body, http->len),
	};

	if (op->kind == OPERATION_REVOKE)
		read_revoke(&a, r);
	else if (http->status < 200 || http->status > 299 ||
	    failure_has_error(a.json))
		failure_put(&a, "", r);
	else if (op->kind == OPERATION_TOKEN)
		read_token(&a, r);
	else
		read_device(&a, r);
	json_object_put(a.json);
}
