/* SPDX-License-Identifier: MIT */
/* request - what clients may ask for */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/daemon/admin.h"
#include "helper/daemon/daemon.h"
#include "helper/daemon/log.h"
#include "helper/daemon/mailbox.h"
#include "helper/daemon/request.h"

#define REPLY_SIZE (TOKEN_MAX + 4096)
#define DEADLINE_MS 25000
#define DEADLINE_MAX_MS 300000
#define VALIDITY_MAX_S 86400

/* What the journal has of a refusal. */
static const struct journal_field denied[] = {
    {"SASL_BEARER_EVENT", "denied"}, {NULL, NULL}};

void
request_refuse(struct conn *c, enum status s, const char *reason)
{
	char buf[2048], clean[REASON_SIZE];
	struct msg_writer w;

	util_sanitise(clean, sizeof(clean), reason ? reason : "",
	    reason ? strlen(reason) : 0);
	msg_begin(&w, buf, sizeof(buf));
	msg_put(&w, "status", status_name(s));
	msg_put(&w, "reason", clean);
	if (msg_end(&w) == 0)
		conn_send(c, &w);
	conn_finish(c);
}

void
request_ok(struct conn *c, const char *name, const char *value)
{
	char buf[256];
	struct msg_writer w;

	msg_begin(&w, buf, sizeof(buf));
	msg_put(&w, "status", status_name(STATUS_OK));
	if (name)
		msg_put(&w, name, value);
	if (msg_end(&w) == 0)
		conn_send(c, &w);
	conn_finish(c);
}

static void
send_hello(struct conn *c)
{
	char buf[256];
	struct msg_writer w;

	msg_begin(&w, buf, sizeof(buf));
	msg_put(&w, "status", status_name(STATUS_OK));
	msg_put(&w, "mechanisms", "OAUTHBEARER XOAUTH2");
	msg_put(&w, "version", PACKAGE_VERSION);
	msg_put_number(&w, "uid", geteuid());
	if (msg_end(&w) == 0)
		conn_send(c, &w);
	conn_finish(c);
}

static void
serve_hello(struct conn *c, const struct msg *m)
{
	(void)m;
	if (table_serves(&c->daemon->table, c->uid))
		send_hello(c);
	else
		request_refuse(c, STATUS_DENIED,
		    "no account may be used by this uid; see allow in "
		    "sasl-bearer.conf(5)");
}

/* The name to log in as: RFC 7628's authzid, XOAUTH2's user. */
static const char *
sasl_user(const struct account_conf *conf, const struct msg *m)
{
	const char *user = msg_get(m, "authzid");
	const char *service = msg_get(m, "service");
	unsigned bit = service ? service_parse(service) : 0;

	if (!user && bit == SERVICE_IMAP)
		user = conf->sasl_user_imap;
	if (!user && bit == SERVICE_POP)
		user = conf->sasl_user_pop;
	if (!user && bit == SERVICE_SMTP)
		user = conf->sasl_user_smtp;
	if (!user)
		user = conf->sasl_user;
	return user ? user : msg_get(m, "user");
}

/* Send the token an account has now. */
static void
send_token(struct conn *c, const struct account *a)
{
	char *buf = malloc(REPLY_SIZE);
	struct msg_writer w;

	if (!buf) {
		request_refuse(c, STATUS_TEMPORARY, "out of memory");
		return;
	}
	msg_begin(&w, buf, REPLY_SIZE);
	msg_put(&w, "status", status_name(STATUS_OK));
	msg_put(&w, "token", a->tokens.access_token);
	msg_put(&w, "token_id", a->token_id);
	msg_put_number(&w, "expires_at", account_expires_at(a));
	msg_put(&w, "sasl_user", c->wanted);
	if (msg_end(&w) == 0)
		conn_send(c, &w);
	util_wipe(buf, w.len);
	free(buf);
	conn_finish(c);
}

/* Temporary trouble: say when it makes sense to ask again. */
static void
refuse_later(struct conn *c, const struct account *a, const char *reason)
{
	int64_t wait_ms = a->life.retry_ms - daemon_now_ms();
	char buf[2048];
	struct msg_writer w;

	msg_begin(&w, buf, sizeof(buf));
	msg_put(&w, "status", status_name(STATUS_TEMPORARY));
	msg_put(&w, "reason", reason);
	if (wait_ms > 0)
		msg_put_number(&w, "retry_after", wait_ms / 1000 + 1);
	if (msg_end(&w) == 0)
		conn_send(c, &w);
	conn_finish(c);
}

static void
on_token(struct waiter *w, struct account *a, enum status s, const char *reason)
{
	struct conn *c = conn_of(w);

	if (!a)
		request_refuse(c, STATUS_DENIED, "the account was removed");
	else if (s == STATUS_OK)
		send_token(c, a);
	else if (s == STATUS_TEMPORARY)
		refuse_later(c, a, reason);
	else
		request_refuse(c, s, reason);
}

/* Check the lengths of the names in a request. */
static const char *
check_names(const struct msg *m)
{
	const char *user = msg_get(m, "user"), *authzid = msg_get(m, "authzid");
	const char *host = msg_get(m, "host");

	if (!user)
		return "the request has no user";
	if (strlen(user) > USER_MAX || (authzid && strlen(authzid) > USER_MAX))
		return "a user name is longer than 320 bytes";
	if (host && strlen(host) > HOST_MAX)
		return "the host name is longer than 255 bytes";
	return NULL;
}

static enum status
choose(struct conn *c, const struct msg *m, struct account **ret, char *reason)
{
	struct wanted w = {
	    .uid = c->uid,
	    .user = msg_get(m, "user"),
	    .account = msg_get(m, "account"),
	    .service = msg_get(m, "service"),
	    .host = msg_get(m, "host"),
	    .mechanism = msg_get(m, "mechanism"),
	};
	const char *wrong = check_names(m);
	enum status s;

	if (wrong) {
		snprintf(reason, REASON_SIZE, "%s", wrong);
		return STATUS_BAD;
	}
	s = table_choose(&c->daemon->table, &w, ret, reason);
	if (s == STATUS_DENIED)
		log_fields(LEVEL_INFO, denied,
		    "denied: uid %lu pid %ld host %s: %s",
		    (unsigned long)c->uid, (long)c->pid, w.host ? w.host : "-",
		    reason);
	return s;
}

static void
serve_token(struct conn *c, const struct msg *m)
{
	char reason[REASON_SIZE];
	int64_t deadline_ms = DEADLINE_MS, validity_s = 0;
	struct account *a = NULL;
	enum status s;

	if (msg_get_number(m, "deadline_ms", 0, DEADLINE_MAX_MS, &deadline_ms) <
		0 ||
	    msg_get_number(m, "min_validity", 0, VALIDITY_MAX_S, &validity_s) <
		0) {
		request_refuse(c, STATUS_BAD,
		    "deadline_ms or min_validity is not a number in its "
		    "bounds");
		return;
	}
	s = choose(c, m, &a, reason);
	if (s != STATUS_OK) {
		request_refuse(c, s, reason);
		return;
	}
	c->wanted = strdup(sasl_user(a->conf, m));
	if (mailbox_is_parent(a))
		a = mailbox_get(a, msg_get(m, "user"));
	if (!a) {
		request_refuse(c, STATUS_TEMPORARY,
		    "too many mailboxes of this account wait for a token; try "
		    "again");
		return;
	}
	c->waiter.min_validity_ms = validity_s * 1000;
	c->waiter.answer = on_token;
	account_ask(a, &c->waiter, deadline_ms - deadline_ms / 20);
}

/*
 * Whether a report of a rejection is to be acted upon. One mailbox of many that
 * share a token may have a fault of its own; two of them have not.
 */
static int
is_token_at_fault(struct account *a, const char *token_id, const char *user)
{
	int second;

	if (!token_id || strcmp(token_id, a->token_id) != 0)
		return 0;
	if (a->mailbox || a->conf->user[0] != '*')
		return 1;
	second = strcmp(a->reject_token, a->token_id) == 0 &&
	    !util_case_equal(a->reject_user, user);
	snprintf(a->reject_token, sizeof(a->reject_token), "%s", a->token_id);
	snprintf(a->reject_user, sizeof(a->reject_user), "%s", user);
	return second;
}

/* A mail server does not accept the token of an account. */
static void
serve_reject(struct conn *c, const struct msg *m)
{
	const char *detail = msg_get(m, "detail"), *id = msg_get(m, "token_id");
	const char *host = msg_get(m, "host");
	char reason[REASON_SIZE], words[DETAIL_MAX + 1] = "";
	struct account *a = NULL;
	unsigned actions = 0;
	enum status s = choose(c, m, &a, reason);
	const struct account *named;
	const char *token;

	if (s != STATUS_OK) {
		request_refuse(c, s, reason);
		return;
	}
	named = a;
	if (mailbox_is_parent(a) && mailbox_find(a, msg_get(m, "user")))
		a = mailbox_find(a, msg_get(m, "user"));
	token = a->tokens.access_token;
	if (detail)
		util_sanitise(words, sizeof(words), detail, strlen(detail));
	if (token) /* it may be what the server has said */
		util_redact(words, token, strlen(token));
	account_log(named, LEVEL_WARNING, "rejected",
	    "%s does not accept token %.16s: %s", host ? host : "the server",
	    id ? id : "-", words);
	if (is_token_at_fault(a, id, msg_get(m, "user")))
		actions = account_event(a, EVENT_REJECT, NULL);
	if (a->life.rejects > 1) {
		snprintf(reason, sizeof(reason),
		    "the mail server rejects fresh tokens too, so the token "
		    "is not what is wrong: %.900s; check scope, and what the "
		    "provider permits the application and the mailbox",
		    words);
		account_set_error(a, a->error_status, reason);
	}
	request_ok(c, "action", actions & ACTION_FETCH ? "refresh" : "none");
}

static const struct {
	const char *name;
	void (*serve)(struct conn *c, const struct msg *m);
	int privileged; /* for root and the daemon's own uid */
} requests[] = {
    {"token", serve_token, 0},
    {"hello", serve_hello, 0},
    {"reject", serve_reject, 0},
    {"list", admin_list, 0},
    {"store", admin_store, 1},
    {"forget", admin_forget, 1},
    {"refresh", admin_refresh, 1},
    {"reload", admin_reload, 1},
};

void
request_serve(struct conn *c, const struct msg *m)
{
	const char *name = msg_get(m, "request");
	size_t i;

	for (i = 0; name && i < COUNT_OF(requests); i++)
		if (strcmp(name, requests[i].name) == 0)
			break;
	if (!name || i == COUNT_OF(requests)) {
		request_refuse(c, STATUS_BAD, "there is no such request");
	} else if (requests[i].privileged && c->uid != 0 &&
	    c->uid != geteuid()) {
		log_fields(LEVEL_INFO, denied,
		    "denied: uid %lu pid %ld: request %s",
		    (unsigned long)c->uid, (long)c->pid, name);
		request_refuse(c, STATUS_DENIED,
		    "this is for root and the helper's own user; run it as "
		    "root");
	} else {
		requests[i].serve(c, m);
	}
}
