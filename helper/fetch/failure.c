/* SPDX-License-Identifier: MIT */
/* failure - from an answer that is of no use to a reply that says why */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "common/util.h"
#include "helper/explain/explain.h"
#include "helper/fetch/clock.h"
#include "helper/fetch/failure.h"
#include "helper/fetch/meaning.h"

#define WORD_MAX 64  /* bytes of an error word */
#define TEXT_MAX 400 /* bytes quoted of an error_description */
#define TRACE_MAX 36 /* a GUID */

/* An error as the provider tells it, fit to be shown. */
struct trouble {
	char word[WORD_MAX + 1]; /* "": there is none */
	char text[TEXT_MAX + 1];
	int64_t aadsts; /* 0: there is none */
};

int64_t
failure_retry_after(const struct http_answer *http)
{
	size_t len = strlen(http->retry_after);
	int64_t n = -1;
	int64_t until, now = clock_of(http);

	if (len == 0)
		return -1;
	if (strspn(http->retry_after, "0123456789") == len) {
		if (util_number_parse(
			http->retry_after, 0, RETRY_AFTER_MAX, &n))
			n = RETRY_AFTER_MAX;
		return n;
	}
	until = curl_getdate(http->retry_after, NULL);
	if (until == -1 || !strchr(http->retry_after, ' '))
		return -1;
	if (until <= now)
		return 0;
	n = until - now;
	return n > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : n;
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

/*
 * What to do: a number of Microsoft's says more than the word, but does not know
 * what was asked. Whoever hears STATUS_LOGIN_REQUIRED says how to sign in.
 */
static void
advise(const struct meaning *m, int64_t aadsts, const struct msg *request,
    char advice[EXPLAIN_ADVICE_SIZE])
{
	const struct explanation *e = explain_code((long)aadsts);
	const struct explain_names names = {
	    .client_id = msg_get(request, "client_id"),
	};

	advice[0] = '\0';
	if (e && (e->who != EXPLAIN_SIGN_IN || !m->advice))
		explain_advice(advice, EXPLAIN_ADVICE_SIZE, e, &names);
	else if (m->advice)
		snprintf(advice, EXPLAIN_ADVICE_SIZE, "%s", m->advice);
}

static void
put_error(const struct answered *a, const struct trouble *t, struct reply *r)
{
	struct meaning m =
	    meaning_find(a->op, r->request, a->http->status, t->word);
	char http[32] = "", clock[CLOCK_DOUBT_SIZE];
	char advice[EXPLAIN_ADVICE_SIZE];

	advise(&m, t->aadsts, r->request, advice);
	if (m.status == STATUS_TEMPORARY && a->http->status != 400)
		snprintf(http, sizeof(http), "HTTP %ld: ", a->http->status);
	clock_doubt(a->http, a->host, clock);
	reply_fail(r, m.status, "%s: %s%s%s%s%s%s%s", a->host, http,
	    *t->word ? t->word : "an error without a known name",
	    *t->text ? ": " : "", t->text, *advice ? "; " : "", advice, clock);
	msg_put(&r->w, "error", t->word);
	if (t->aadsts)
		msg_put_number(&r->w, "aadsts", t->aadsts);
}

/* What there is instead of an error: no JSON, or JSON that says nothing. */
static void
describe(const struct answered *a, const char *missing, const struct reply *r,
    char what[TEXT_MAX])
{
	const struct http_answer *http = a->http;
	char type[sizeof(http->content_type)];
	size_t len = strcspn(http->content_type, ";");

	reply_quote(r, type, sizeof(type), http->content_type, len);
	if (http->status >= 300 && http->status < 400)
		snprintf(what, TEXT_MAX, ", a redirect, which is not followed");
	else if (http->len == 0)
		snprintf(what, TEXT_MAX, " without a body");
	else if (!a->json && (!*type || strstr(type, "json")))
		snprintf(
		    what, TEXT_MAX, " with a body that is not a JSON object");
	else if (!a->json)
		snprintf(what, TEXT_MAX, " with a %s body", type);
	else if (http->status >= 200 && http->status < 300)
		snprintf(what, TEXT_MAX, " without %s", missing);
	else
		snprintf(what, TEXT_MAX, " without an error name");
}

/* The name of the endpoint, where this looks as if it were none; or NULL. */
static const char *
doubt_endpoint(const struct answered *a)
{
	if (!a->op || a->json || meaning_later(a->http->status))
		return NULL;
	return a->op->endpoint;
}

static void
put_nothing(const struct answered *a, const char *missing, struct reply *r)
{
	struct meaning m =
	    meaning_find(a->op, r->request, a->http->status, NULL);
	const char *endpoint = doubt_endpoint(a);
	char what[TEXT_MAX], clock[CLOCK_DOUBT_SIZE], advice[160] = "";

	describe(a, missing, r, what);
	clock_doubt(a->http, a->host, clock);
	if (m.advice)
		snprintf(advice, sizeof(advice), "; %s", m.advice);
	else if (endpoint)
		snprintf(advice, sizeof(advice), "; check %s", endpoint);
	reply_fail(r, m.status, "%s: HTTP %ld%s%s%s", a->host, a->http->status,
	    what, advice, clock);
}

int
failure_has_error(struct json_object *json)
{
	size_t len;

	if (field_bytes(json, "error", &len))
		return len > 0;
	return field_present(json, "error");
}

void
failure_put(const struct answered *a, const char *missing, struct reply *r)
{
	struct trouble t = {0};
	int64_t wait = failure_retry_after(a->http);

	if (failure_has_error(a->json) && a->http->status / 100 != 3) {
		read_word(&t, a->json, r);
		read_text(&t, a->json, r);
		read_aadsts(&t, a->json);
		put_error(a, &t, r);
	} else {
		put_nothing(a, missing, r);
	}
	msg_put_number(&r->w, "http_status", a->http->status);
	if (wait >= 0)
		msg_put_number(&r->w, "retry_after", wait);
}
