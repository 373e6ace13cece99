/* SPDX-License-Identifier: MIT */
/* discover - where a provider's endpoints are, by its own metadata */
#include "config.h"

#include <string.h>

#include "common/util.h"
#include "helper/fetch/discover.h"
#include "helper/fetch/failure.h"
#include "helper/fetch/meaning.h"

#define TENANT "{tenantid}"

static const char *const endpoints[] = {
    "token_endpoint",
    "authorization_endpoint",
    "device_authorization_endpoint",
    "revocation_endpoint",
};

int
discover_place(struct url *ret, const struct url *issuer, int place)
{
	if (place == 0)
		return url_extend(
		    ret, issuer, "", "/.well-known/openid-configuration");
	return url_extend(
	    ret, issuer, "/.well-known/oauth-authorization-server", "");
}

/* The length of an issuer without its last slash. */
static size_t
issuer_length(const char *issuer)
{
	size_t len = strlen(issuer);

	return len > 0 && issuer[len - 1] == '/' ? len - 1 : len;
}

int
discover_issuer_equal(const char *asked, const char *found)
{
	const char *hole = strstr(found, TENANT), *tail;
	size_t asked_len = issuer_length(asked), head, tail_len, part;

	if (!hole)
		return asked_len == issuer_length(found) &&
		    memcmp(asked, found, asked_len) == 0;
	head = (size_t)(hole - found);
	tail = hole + strlen(TENANT);
	tail_len = issuer_length(tail);
	if (asked_len <= head + tail_len || memcmp(asked, found, head) != 0 ||
	    memcmp(asked + asked_len - tail_len, tail, tail_len) != 0)
		return 0;
	part = asked_len - head - tail_len;
	return memchr(asked + head, '/', part) == NULL;
}

/* The first endpoint that may not be talked to; NULL when all may. */
static const char *
find_bad(struct json_object *json, int *ret_code)
{
	const char *text;
	struct url url;
	size_t i;

	for (i = 0; i < COUNT_OF(endpoints); i++) {
		if (!field_present(json, endpoints[i]))
			continue;
		text = field_text(json, endpoints[i], URL_MAX - 1);
		*ret_code = url_parse(&url, text ? text : "");
		if (*ret_code < 0)
			return endpoints[i];
	}
	return NULL;
}

static int
check(const char *issuer, const char *host, struct json_object *json,
    struct reply *r)
{
	const char *found = field_text(json, "issuer", URL_MAX - 1), *bad;
	char quoted[256];
	int code;

	if (!found)
		return 1;
	if (!discover_issuer_equal(issuer, found)) {
		reply_quote(r, quoted, sizeof(quoted), found, strlen(found));
		reply_fail(r, STATUS_CONFIG,
		    "%s: its metadata is for the issuer \"%s\"; if that is the "
		    "right one, set issuer to it",
		    host, quoted);
		return -1;
	}
	bad = find_bad(json, &code);
	if (bad) {
		reply_fail(r, STATUS_CONFIG, "%s: %s in its metadata %s", host,
		    bad, url_problem(code));
		return -1;
	}
	return 0;
}

/* Nothing here, as far as is known. */
static void
fail_missing(const char *issuer, const char *host, const struct http_answer *a,
    struct reply *r)
{
	int config = a->status >= 400 && a->status < 500;

	reply_fail(r, config ? STATUS_CONFIG : STATUS_TEMPORARY,
	    "%s: no metadata of the issuer \"%.300s\" (HTTP %ld); check issuer "
	    "or set the endpoints",
	    host, issuer, a->status);
	msg_put_number(&r->w, "http_status", a->status);
}

int
discover_read(const char *issuer, const char *host, const struct http_answer *a,
    struct reply *r, struct json_object **ret_json)
{
	struct json_object *json = field_parse(a->body, a->len);
	struct answered later = {.host = host, .http = a, .json = json};
	int result = 1;

	if (meaning_later(a->status)) {
		failure_put(&later, "", r);
		result = -1;
	} else if (a->status == 200 && json) {
		result = check(issuer, host, json, r);
	}
	if (result == 1)
		fail_missing(issuer, host, a, r);
	if (result == 0)
		*ret_json = json;
	else
		json_object_put(json);
	return result;
}

void
discover_put(struct reply *r, struct json_object *json)
{
	size_t i;

	msg_put(&r->w, "issuer", field_text(json, "issuer", URL_MAX - 1));
	for (i = 0; i < COUNT_OF(endpoints); i++)
		msg_put(&r->w, endpoints[i],
		    field_text(json, endpoints[i], URL_MAX - 1));
	if (field_true(json, "authorization_response_iss_parameter_supported"))
		msg_put(&r->w, "iss_parameter", "yes");
}
