/* SPDX-License-Identifier: MIT */
/* main - sasl-bearer-fetch: one message in, one exchange, one message out */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <curl/curl.h>

#include "common/child.h"
#include "common/util.h"
#include "helper/fetch/clock.h"
#include "helper/fetch/confine.h"
#include "helper/fetch/discover.h"
#include "helper/fetch/form.h"
#include "helper/fetch/http.h"
#include "helper/fetch/oauth.h"
#include "helper/seal/seal.h"

#define TIMEOUT_MS 20000
#define TIMEOUT_MAX_MS 600000
#define KEEP_MS 600000
#define ACK_FD 3      /* of the daemon: a byte, and the answer is safe */
#define INBOX_FD 4    /* for the answer, where there is no daemon any more */
#define GRACE_MS 2000 /* beyond the timeout, then the process ends */
#define NO_SERVICE                                                     \
	"; this machine seems to have no metadata service: a managed " \
	"identity is for virtual machines of Azure"

/* All there is: about 750 KiB, and most of it secret. */
struct fetch {
	char in[MSG_MAX];
	struct msg request;
	const struct operation *op;
	struct url endpoint;
	struct json_object *metadata; /* NULL: nothing was discovered */
	struct form form;
	struct http http;
	struct http_answer answer;
	struct reply reply;
};

static int
is_identity(const struct fetch *f)
{
	return f->op->flags & OPERATION_IDENTITY;
}

/* Ask a provider. Returns 0 with f->answer, or -1 after reply_fail(). */
static int
exchange(struct fetch *f, const struct url *to, const struct form *form)
{
	char why[DETAIL_MAX + 1], quoted[DETAIL_MAX + 1];
	enum status s =
	    http_exchange(&f->http, to, form, &f->answer, why, sizeof(why));
	struct json_object *json = NULL;

	if (s == STATUS_OK)
		return 0;
	/*
	 * A whole JSON object is a whole answer, however the connection ended.
	 * It may hold the only copy of a replaced refresh token.
	 */
	if (f->answer.status != 0)
		json = field_parse(f->answer.body, f->answer.len);
	if (json) {
		json_object_put(json);
		return 0;
	}
	reply_quote(&f->reply, quoted, sizeof(quoted), why, strlen(why));
	reply_fail(&f->reply, s, "%s%s", quoted,
	    is_identity(f) && !f->answer.connected ? NO_SERVICE : "");
	return -1;
}

/* Get the metadata of an issuer. Returns 0, or -1 after reply_fail(). */
static int
discover(struct fetch *f, const char *text)
{
	struct url issuer, place;
	int i, r = url_parse(&issuer, text);

	for (i = 0; r == 0 && i < DISCOVER_PLACES; i++) {
		r = discover_place(&place, &issuer, i);
		if (r < 0)
			break;
		if (exchange(f, &place, NULL) < 0)
			return -1;
		r = discover_read(
		    text, issuer.host, &f->answer, &f->reply, &f->metadata);
		if (r <= 0)
			return r;
		r = 0; /* not here: the next place */
	}
	if (r < 0)
		reply_fail(
		    &f->reply, STATUS_CONFIG, "issuer %s", url_problem(r));
	return -1;
}

/* Find the URL to ask. Returns 0, or -1 after reply_fail(). */
static int
find_endpoint(struct fetch *f)
{
	const char *name = f->op->endpoint;
	const char *text = msg_get(&f->request, name);
	const char *issuer = msg_get(&f->request, "issuer");
	int r;

	if (!text && !issuer) {
		reply_fail(&f->reply, STATUS_CONFIG,
		    "neither %s nor issuer is known", name);
		return -1;
	}
	if (!text) {
		if (discover(f, issuer) < 0)
			return -1;
		text = field_text(f->metadata, name, URL_MAX - 1);
	}
	if (!text) {
		reply_fail(&f->reply, STATUS_CONFIG,
		    "the issuer \"%.300s\" has no %s", issuer, name);
		return -1;
	}
	r = is_identity(f) ? url_parse_identity(&f->endpoint, text)
			   : url_parse(&f->endpoint, text);
	if (r < 0)
		reply_fail(
		    &f->reply, STATUS_CONFIG, "%s %s", name, url_problem(r));
	return r;
}

/* GET of the machine's own service. Returns 0, or -1 after reply_fail(). */
static int
get(struct fetch *f)
{
	struct url whole;

	if (url_query(&whole, &f->endpoint, f->form.body) < 0) {
		reply_fail(&f->reply, STATUS_CONFIG,
		    "identity_endpoint and what is asked of it are too long");
		return -1;
	}
	return exchange(f, &whole, NULL);
}

static void
ask(struct fetch *f)
{
	if (find_endpoint(f) < 0)
		return;
	if (form_build(&f->form, f->op, &f->request) < 0) {
		reply_fail(&f->reply, STATUS_BAD,
		    "client_auth is neither post nor basic, or client_id or "
		    "client_secret is too long");
		return;
	}
	if ((is_identity(f) ? get(f) : exchange(f, &f->endpoint, &f->form)) < 0)
		return;
	oauth_read(f->op, f->endpoint.host, &f->answer, &f->reply);
	if (f->reply.status != STATUS_OK)
		return;
	msg_put(&f->reply.w, "exchange", msg_get(&f->request, "exchange"));
	if (f->metadata)
		msg_put(&f->reply.w, "token_endpoint",
		    field_text(f->metadata, "token_endpoint", URL_MAX - 1));
}

/* See whether the endpoint answers, and by which clock. Nothing is sent. */
static void
reach(struct fetch *f)
{
	if (find_endpoint(f) < 0 || exchange(f, &f->endpoint, NULL) < 0)
		return;
	reply_ok(&f->reply);
	msg_put_number(&f->reply.w, "http_status", f->answer.status);
	msg_put(&f->reply.w, "host", f->endpoint.host);
	if (*f->answer.date && clock_of(&f->answer) > 0)
		msg_put_number(&f->reply.w, "date", clock_of(&f->answer));
	msg_put_number(&f->reply.w, "now", f->answer.now_s);
}

/* Take the settings. Returns 0, or -1 after reply_fail(). */
static int
prepare(struct fetch *f)
{
	int64_t timeout_ms = TIMEOUT_MS;
	const char *lacking;

	if (msg_get_number(&f->request, "timeout_ms", 1, TIMEOUT_MAX_MS,
		&timeout_ms) < 0) {
		reply_fail(&f->reply, STATUS_BAD, "timeout_ms is not 1..%d",
		    TIMEOUT_MAX_MS);
		return -1;
	}
	f->op = operation_find(&f->request);
	if (!f->op) {
		reply_fail(&f->reply, STATUS_BAD,
		    "the operation or the grant is not known");
		return -1;
	}
	lacking = operation_lacks(f->op, &f->request);
	if (lacking) {
		reply_fail(
		    &f->reply, STATUS_BAD, "the request has no %s", lacking);
		return -1;
	}
	f->http.deadline_ms = util_now_ms() + timeout_ms;
	f->http.ca_file = msg_get(&f->request, "ca_file");
	if (is_identity(f)) /* its rules: this header, and no proxy */
		f->http.header = "Metadata: true";
	else
		f->http.proxy = msg_get(&f->request, "proxy");
	child_set_alarm(timeout_ms + GRACE_MS);
	return 0;
}

static void
run(struct fetch *f)
{
	if (prepare(f) < 0)
		return;
	if (f->op->kind == OPERATION_REACH) {
		reach(f);
	} else if (f->op->kind != OPERATION_DISCOVER) {
		ask(f);
	} else if (discover(f, msg_get(&f->request, "issuer")) == 0) {
		reply_ok(&f->reply);
		discover_put(&f->reply, f->metadata);
	}
}

/* Leave the answer to the next daemon, sealed where its state files are. */
static void
leave(const struct reply *r, const char *exchange, const char *seal_key)
{
	struct seal_bond bond = {.name = exchange};
	struct seal_ring ring = {0};
	char *sealed;

	if (!seal_key) {
		(void)!util_write_all(INBOX_FD, r->w.buf, r->w.len);
		return;
	}
	sealed = malloc(SEAL_SIZE(r->w.len));
	if (sealed && seal_add(&ring, seal_key) == 0 &&
	    seal_make(&ring.keys[0], &bond, r->w.buf, r->w.len, sealed) == 0)
		(void)!util_write_all(INBOX_FD, sealed, strlen(sealed));
	free(sealed);
	util_wipe(&ring, sizeof(ring));
}

/*
 * This may be the only copy of a new refresh token. The daemon says with a byte
 * that it is on the disk. If it ends without that, the answer is left where the
 * next one will find it.
 */
static void
keep(const struct reply *r, const struct msg *request)
{
	char byte;
	ssize_t n;

	close(STDOUT_FILENO); /* that was all */
	child_set_alarm(KEEP_MS);
	do
		n = read(ACK_FD, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		leave(r, msg_get(request, "exchange"),
		    msg_get(request, "seal_key"));
}

int
main(int argc, char **argv)
{
	static struct fetch f;
	int code = child_usage("sasl-bearer-fetch", argc, argv);

	if (code >= 0)
		return code;
	if (child_begin(INBOX_FD) < 0)
		return EX_SOFTWARE;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return EX_SOFTWARE;
	f.reply.request = &f.request;
	if (confine_calls(&f.reply) == 0 &&
	    child_receive(&f.request, f.in, &f.reply) == 0 &&
	    confine_files(msg_get(&f.request, "ca_file"), &f.reply) == 0)
		run(&f);
	code = child_send(&f.reply);
	if (f.reply.status == STATUS_OK && msg_get(&f.request, "exchange"))
		keep(&f.reply, &f.request);
	util_wipe(&f, sizeof(f));
	/* at once: a resolver thread may still hang */
	_exit(code);
}
