/* SPDX-License-Identifier: MIT */
/* oauth - what a provider's answer means; no network, no clock */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "common/util.h"
#include "helper/fetch/field.h"
#include "helper/fetch/oauth.h"

#define EXPIRES_MISSING 600
#define EXPIRES_MAX (INT64_C(31536000) * 10)
#define DEVICE_EXPIRES 900 /* Microsoft's; RFC 8628 requires the field */
#define DEVICE_INTERVAL 5  /* RFC 8628 section 3.2 */
#define SCOPE_MAX 4096
#define CODE_MAX 128 /* bytes of a user_code */
#define WORD_MAX 64  /* bytes of an error word */
#define TEXT_MAX 600 /* bytes quoted of an error_description */
#define TRACE_MAX 36 /* a GUID */

/* What an error word means, and what there is to do about it in general. */
struct meaning {
	const char *word;
	enum status status;
	const char *advice; /* NULL: none */
};

static const struct meaning meanings[] = {
    {"invalid_grant", STATUS_LOGIN_REQUIRED, NULL},
    {"interaction_required", STATUS_LOGIN_REQUIRED, NULL},
    {"consent_required", STATUS_LOGIN_REQUIRED, NULL},
    {"login_required", STATUS_LOGIN_REQUIRED, NULL},
    {"expired_token", STATUS_LOGIN_REQUIRED, NULL},
    {"bad_verification_code", STATUS_LOGIN_REQUIRED, NULL},
    {"access_denied", STATUS_DENIED, NULL},
    {"invalid_client", STATUS_CONFIG, "check client_id and client_secret"},
    {"deleted_client", STATUS_CONFIG, "check client_id"},
    {"disabled_client", STATUS_CONFIG, "check client_id"},
    {"unauthorized_client", STATUS_CONFIG,
	"check client_id, and that its registration allows this grant"},
    {"admin_policy_enforced", STATUS_CONFIG,
	"ask the administrator of the domain to allow this client_id"},
    {"invalid_scope", STATUS_CONFIG, "check scope"},
    {"invalid_resource", STATUS_CONFIG, "check scope and resource"},
    {"invalid_target", STATUS_CONFIG, "check resource and audience"},
    {"unsupported_grant_type", STATUS_CONFIG, "check grant and token_endpoint"},
    {"unsupported_token_type", STATUS_CONFIG, "check revocation_endpoint"},
    {"redirect_uri_mismatch", STATUS_CONFIG,
	"add the redirect URI to the registration of the client"},
    {"invalid_request", STATUS_CONFIG,
	"check tenant, client_id, scope and client_secret"},
};

static const struct meaning unknown = {NULL, STATUS_TEMPORARY, NULL};

/* An error as the provider tells it, fit to be shown. */
struct trouble {
	char word[WORD_MAX + 1]; /* "": there is none */
	char text[TEXT_MAX + 1];
	int64_t aadsts; /* 0: there is none */
};

int
oauth_later(long http_status)
{
	return http_status == 408 || http_status == 425 || http_status == 429 ||
	    http_status >= 500;
}

int64_t
oauth_retry_after(const struct http_answer *a)
{
	size_t len = strlen(a->retry_after);
	int64_t n = -1;
	time_t until, now;

	if (len == 0)
		return -1;
	if (strspn(a->retry_after, "0123456789") == len) {
		if (util_number_parse(a->retry_after, 0, OAUTH_RETRY_MAX, &n))
			n = OAUTH_RETRY_MAX;
		return n;
	}
	until = curl_getdate(a->retry_after, NULL);
	now = curl_getdate(a->date, NULL);
	if (now == -1)
		now = (time_t)a->now_s;
	if (until == -1 || !strchr(a->retry_after, ' '))
		return -1;
	if (until <= now)
		return 0;
	n = (int64_t)until - (int64_t)now;
	return n > OAUTH_RETRY_MAX ? OAUTH_RETRY_MAX : n;
}

static const struct meaning *
find_meaning(const char *word)
{
	size_t i;

	for (i = 0; i < COUNT_OF(meanings); i++)
		if (strcmp(word, meanings[i].word) == 0)
			return &meanings[i];
	return &unknown;
}

/* RFC 6749 section 5.2: printable ASCII but for '"' and '\'. */
static int
word_valid(const char *word)
{
	for (; *word; word++)
		if (*word < 0x20 || *word > 0x7e || *word == '"' ||
		    *word == '\\')
			return 0;
	return 1;
}

static void
read_word(struct trouble *t, struct json_object *json, const struct reply *r)
{
	size_t len;
	const char *word = field_bytes(json, "error", &len);

	if (!word || len > WORD_MAX || len != strlen(word) || !word_valid(word))
		return;
	/* Microsoft's spelling; RFC 8628 section 3.5 has the other */
	if (strcmp(word, "authorization_declined") == 0)
		word = "access_denied";
	reply_quote(r, t->word, sizeof(t->word), word, strlen(word));
}

/* The human text; {"error": {"message": ...}} is met as well. */
static const char *
find_text(struct json_object *json, size_t *ret_len)
{
	struct json_object *inner = NULL;
	const char *text = field_bytes(json, "error_description", ret_len);

	if (!text && json)
		json_object_object_get_ex(json, "error", &inner);
	if (!text && json_object_is_type(inner, json_type_object))
		text = field_bytes(inner, "message", ret_len);
	if (!text)
		text = field_bytes(json, "message", ret_len);
	return text;
}

/*
 * Microsoft ends its texts with "Trace ID: GUID", "Correlation ID: GUID" and
 * "Timestamp: ..."; the first is what its support asks for.
 */
static void
read_text(struct trouble *t, struct json_object *json, const struct reply *r)
{
	static const char label[] = "Trace ID: ";
	char quoted[TEXT_MAX - TRACE_MAX - 16];
	size_t len, cut, n = 0;
	const char *text = find_text(json, &len), *tail, *trace;

	if (!text)
		return;
	tail = memmem(text, len, label, strlen(label));
	cut = tail ? (size_t)(tail - text) : len;
	reply_quote(r, quoted, sizeof(quoted), text, cut);
	/* a JSON string of json-c ends with a NUL */
	trace = tail ? tail + strlen(label) : "";
	n = strspn(trace, "0123456789abcdefABCDEF-");
	if (n > 0 && n <= TRACE_MAX)
		snprintf(t->text, sizeof(t->text), "%s (trace %.*s)", quoted,
		    (int)n, trace);
	else
		snprintf(t->text, sizeof(t->text), "%s", quoted);
}

static void
read_aadsts(struct trouble *t, struct json_object *json)
{
	struct json_object *codes = NULL, *first = NULL;
	const char *digits = strstr(t->text, "AADSTS");
	int64_t n = 0;

	json_object_object_get_ex(json, "error_codes", &codes);
	if (json_object_is_type(codes, json_type_array))
		first = json_object_array_get_idx(codes, 0);
	if (json_object_is_type(first, json_type_int))
		n = json_object_get_int64(first);
	else if (digits)
		n = strtoll(digits + strlen("AADSTS"), NULL, 10);
	if (n > 0 && n <= INT32_MAX)
		t->aadsts = n;
}

/* What the words stand for depends on who could do something about it. */
static enum status
judge(const struct operation *op, long http_status, const struct meaning *m)
{
	if (oauth_later(http_status))
		return STATUS_TEMPORARY;
	if (m->status == STATUS_LOGIN_REQUIRED &&
	    (op->flags & OPERATION_UNATTENDED))
		return STATUS_CONFIG;
	if (m->status == STATUS_DENIED && !(op->flags & OPERATION_INTERACTIVE))
		return STATUS_CONFIG;
	return m->status;
}

static void
fail_with_error(const struct operation *op, const char *host,
    const struct http_answer *a, const struct trouble *t, struct reply *r)
{
	const struct meaning *m = find_meaning(t->word);
	enum status s = judge(op, a->status, m);
	const char *advice = s == STATUS_CONFIG ? m->advice : NULL;
	char http[32] = "";

	if (s == STATUS_CONFIG && !advice)
		advice = "check the account's settings and its registration";
	if (s == STATUS_TEMPORARY && a->status != 400)
		snprintf(http, sizeof(http), "HTTP %ld: ", a->status);
	reply_fail(r, s, "%s: %s%s%s%s%s%s", host, http,
	    *t->word ? t->word : "an error without a known name",
	    *t->text ? ": " : "", t->text, advice ? "; " : "",
	    advice ? advice : "");
	msg_put(&r->w, "error", t->word);
	if (t->aadsts)
		msg_put_number(&r->w, "aadsts", t->aadsts);
}

/* An answer that is not JSON, or JSON that says nothing. */
static void
fail_without_error(const char *host, const struct http_answer *a, int is_object,
    const char *missing, struct reply *r)
{
	char type[sizeof(a->content_type)];
	size_t len = strcspn(a->content_type, ";");

	reply_quote(r, type, sizeof(type), a->content_type, len);
	if (a->status >= 300 && a->status < 400)
		reply_fail(r, STATUS_TEMPORARY,
		    "%s: HTTP %ld, a redirect, which is not followed", host,
		    a->status);
	else if (a->len == 0)
		reply_fail(r, STATUS_TEMPORARY, "%s: HTTP %ld without a body",
		    host, a->status);
	else if (!is_object && strstr(type, "json"))
		reply_fail(r, STATUS_TEMPORARY,
		    "%s: HTTP %ld with a body that is not a JSON object", host,
		    a->status);
	else if (!is_object)
		reply_fail(r, STATUS_TEMPORARY, "%s: HTTP %ld with a %s body",
		    host, a->status, *type ? type : "strange");
	else if (a->status >= 200 && a->status < 300)
		reply_fail(r, STATUS_TEMPORARY, "%s: HTTP %ld without %s", host,
		    a->status, missing);
	else
		reply_fail(r, STATUS_TEMPORARY,
		    "%s: HTTP %ld without an error name", host, a->status);
}

/* "error": "" and "error": null are none. */
static int
has_error(struct json_object *json)
{
	size_t len;

	if (field_bytes(json, "error", &len))
		return len > 0;
	return field_present(json, "error");
}

static void
fail(const struct operation *op, const char *host, const struct http_answer *a,
    struct json_object *json, const char *missing, struct reply *r)
{
	struct trouble t = {0};
	int64_t wait = oauth_retry_after(a);

	if (has_error(json) && a->status / 100 != 3) {
		read_word(&t, json, r);
		read_text(&t, json, r);
		read_aadsts(&t, json);
		fail_with_error(op, host, a, &t, r);
	} else {
		fail_without_error(host, a, json != NULL, missing, r);
	}
	msg_put_number(&r->w, "http_status", a->status);
	if (wait >= 0)
		msg_put_number(&r->w, "retry_after", wait);
}

void
oauth_fail(const struct operation *op, const char *host,
    const struct http_answer *a, const char *missing, struct reply *r)
{
	struct json_object *json = field_parse(a->body, a->len);

	fail(op, host, a, json, missing, r);
	json_object_put(json);
}

/* Seconds until the access token expires; expires_on is Unix time. */
static int64_t
read_expiry(struct json_object *json, int64_t now_s)
{
	int64_t n;

	if (field_number(json, "expires_in", &n) == 0)
		return field_seconds(json, "expires_in", 1, EXPIRES_MAX, 1);
	if (field_number(json, "expires_on", &n) < 0)
		return EXPIRES_MISSING;
	if (n <= now_s)
		return 1;
	n -= now_s;
	return n > EXPIRES_MAX ? EXPIRES_MAX : n;
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
read_token(const struct operation *op, const char *host,
    const struct http_answer *a, struct json_object *json, struct reply *r)
{
	const char *access = field_text(json, "access_token", TOKEN_MAX);
	const char *refresh = field_text(json, "refresh_token", TOKEN_MAX);
	const char *type = field_text(json, "token_type", WORD_MAX);
	size_t len = 0;

	if (!access || !util_b64token_valid(access)) {
		fail(op, host, a, json, "a usable access_token", r);
		return;
	}
	if (field_present(json, "token_type") &&
	    (!type || !util_case_equal(type, "bearer"))) {
		reply_fail(r, STATUS_CONFIG,
		    "%s: the token_type is not Bearer; mail servers take no "
		    "other",
		    host);
		return;
	}
	if (!refresh && field_bytes(json, "refresh_token", &len) && len > 0) {
		fail(op, host, a, json, "a usable refresh_token", r);
		return;
	}
	reply_ok(r);
	msg_put(&r->w, "access_token", access);
	msg_put(&r->w, "refresh_token", refresh);
	msg_put_number(&r->w, "expires_in", read_expiry(json, a->now_s));
	put_seconds(&r->w, "refresh_in", json, "refresh_in");
	put_seconds(&r->w, "refresh_token_expires_in", json,
	    "refresh_token_expires_in");
	msg_put(&r->w, "scope", field_text(json, "scope", SCOPE_MAX));
	if (op->flags & OPERATION_INTERACTIVE)
		msg_put(
		    &r->w, "id_token", field_text(json, "id_token", TOKEN_MAX));
}

static const char *
read_page(struct json_object *json, const char *name)
{
	const char *text = field_text(json, name, URL_MAX - 1);
	struct url page;

	return text && url_parse(&page, text) == 0 ? text : NULL;
}

static void
read_device(const struct operation *op, const char *host,
    const struct http_answer *a, struct json_object *json, struct reply *r)
{
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
		fail(op, host, a, json, missing, r);
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
read_revoke(const struct operation *op, const char *host,
    const struct http_answer *a, struct json_object *json, struct reply *r)
{
	const char *word = field_text(json, "error", WORD_MAX);

	if (a->status == 200 ||
	    (a->status == 400 && word && strcmp(word, "invalid_token") == 0))
		reply_ok(r);
	else
		fail(op, host, a, json, "HTTP 200", r);
}

void
oauth_read(const struct operation *op, const char *host,
    const struct http_answer *a, struct reply *r)
{
	struct json_object *json = field_parse(a->body, a->len);

	if (op->kind == OPERATION_REVOKE)
		read_revoke(op, host, a, json, r);
	else if (a->status < 200 || a->status > 299 || has_error(json))
		fail(op, host, a, json, "", r);
	else if (op->kind == OPERATION_TOKEN)
		read_token(op, host, a, json, r);
	else
		read_device(op, host, a, json, r);
	json_object_put(json);
}
