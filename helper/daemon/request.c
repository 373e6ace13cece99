/* SPDX-License-Identifier: MIT */
/* request - what clients may ask for */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/daemon/daemon.h"
#include "helper/daemon/fetch.h"
#include "helper/daemon/load.h"
#include "helper/daemon/log.h"
#include "helper/daemon/policy.h"
#include "helper/daemon/request.h"
#include "helper/daemon/save.h"

#define REPLY_SIZE (TOKEN_MAX + 4096)
#define DEADLINE_MS 25000
#define DEADLINE_MAX_MS 300000
#define REFRESH_MS 60000
#define VALIDITY_MAX_S 86400
#define EXPIRES_IN_DEFAULT 600
#define EXPIRES_IN_MAX (10 * 366 * 86400LL)

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

static void
reply_ok(struct conn *c, const char *name, const char *value)
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
serve_hello(struct conn *c, const struct msg *m)
{
	(void)m;
	if (table_serves(&c->daemon->table, c->uid))
		reply_ok(c, "mechanisms", "OAUTHBEARER XOAUTH2");
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

static struct conn *
conn_of(struct waiter *w)
{
	return (struct conn *)(void *)((char *)w -
	    offsetof(struct conn, waiter));
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

static struct account *
account_of(const struct conn *c)
{
	return table_find(&c->daemon->table, c->action);
}

static void
on_token(struct waiter *w, enum status s, const char *reason)
{
	struct conn *c = conn_of(w);
	struct account *a = account_of(c);

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
	if (strlen(user) > USER_MAX ||
	    (authzid && strlen(authzid) > USER_MAX))
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
		log_line(LEVEL_INFO, "denied: uid %lu pid %ld host %s: %s",
		    (unsigned long)c->uid, (long)c->pid,
		    w.host ? w.host : "-", reason);
	return s;
}

static void
serve_token(struct conn *c, const struct msg *m)
{
	char reason[REASON_SIZE];
	int64_t deadline_ms = DEADLINE_MS, validity_s = 0;
	struct account *a = NULL;
	enum status s;

	if (msg_get_number(m, "deadline_ms", 0, DEADLINE_MAX_MS,
		&deadline_ms) < 0 ||
	    msg_get_number(m, "min_validity", 0, VALIDITY_MAX_S,
		&validity_s) < 0) {
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
	c->action = a->name;
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
	if (a->conf->user[0] != '*')
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

	if (s != STATUS_OK) {
		request_refuse(c, s, reason);
		return;
	}
	if (detail)
		util_sanitise(words, sizeof(words), detail, strlen(detail));
	log_line(LEVEL_WARNING,
	    "account \"%s\": %s does not accept token %.16s: %s", a->name,
	    host ? host : "the server", id ? id : "-", words);
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
	reply_ok(c, "action", actions & ACTION_FETCH ? "refresh" : "none");
}

/* What a screen shows of an account. */
static void
send_listed(struct conn *c, const struct account *a)
{
	int64_t now = daemon_now_ms(), wall = daemon_wall_s();
	const struct tokens *t = &a->tokens;
	char buf[4096];
	struct msg_writer w;

	msg_begin(&w, buf, sizeof(buf));
	msg_put(&w, "account", a->name);
	msg_put(&w, "user", a->conf->user);
	msg_put(&w, "provider", a->conf->provider);
	msg_put(&w, "grant", grant_names[a->conf->grant]);
	msg_put(&w, "state", state_name(state_shown(&a->life, now)));
	msg_put(&w, "token_id", a->token_id);
	if (a->life.expires_ms)
		msg_put_number(&w, "expires_at", account_expires_at(a));
	if (state_next(&a->life) != INT64_MAX)
		msg_put_number(&w, "refresh_at",
		    wall + (state_next(&a->life) - now) / 1000);
	if (t->refresh_token && t->refresh_obtained_at)
		msg_put_number(&w, "refresh_token_age",
		    wall > t->refresh_obtained_at
			? wall - t->refresh_obtained_at
			: 0);
	msg_put(&w, "last_error",
	    a->unsaved ? "the disk refuses the tokens; see the log"
		       : a->last_error);
	if (a->last_used_at)
		msg_put_number(&w, "last_used", a->last_used_at);
	if (msg_end(&w) == 0)
		conn_send(c, &w);
}

static void
serve_list(struct conn *c, const struct msg *m)
{
	const struct table *t = &c->daemon->table;
	const char *user = msg_get(m, "user");
	struct msg_writer w;
	char buf[256];
	size_t i;
	int64_t n = 0;

	msg_begin(&w, buf, sizeof(buf));
	msg_put(&w, "status", status_name(STATUS_OK));
	msg_end(&w);
	conn_send(c, &w);
	for (i = 0; i < t->count; i++) {
		if ((c->uid != geteuid() &&
			!account_allows(t->by_name[i], c->uid)) ||
		    (user && strcmp(t->by_name[i]->name, user) != 0 &&
			policy_user(t->by_name[i]->conf->user, user) ==
			    MATCH_NONE))
			continue;
		send_listed(c, t->by_name[i]);
		n++;
	}
	msg_begin(&w, buf, sizeof(buf));
	msg_put(&w, "status", status_name(STATUS_OK));
	msg_put_number(&w, "count", n);
	msg_end(&w);
	conn_send(c, &w);
	conn_finish(c);
}

/* The account a privileged request names; refused when there is none. */
static struct account *
named_account(struct conn *c, const struct msg *m)
{
	const char *name = msg_get(m, "account");
	struct account *a = name ? table_find(&c->daemon->table, name) : NULL;
	char reason[REASON_SIZE];

	if (a)
		return a;
	snprintf(reason, sizeof(reason), "there is no account \"%.64s\" in %s",
	    name ? name : "", c->daemon->settings.accounts_dir);
	request_refuse(c, STATUS_BAD, reason);
	return NULL;
}

static char *
dup_attribute(const struct msg *m, const char *name, const char *fallback)
{
	const char *value = msg_get(m, name);

	if (!value)
		value = fallback;
	return value ? strdup(value) : NULL;
}

/* Why a sign-in cannot be stored, or NULL. */
static const char *
check_store(const struct account *a, const struct msg *m, int64_t *expires_in)
{
	const char *id = msg_get(m, "config_id");
	const char *refresh = msg_get(m, "refresh_token");
	const char *access = msg_get(m, "access_token");

	if (*a->broken)
		return a->broken;
	if (id && strcmp(id, a->config_id) != 0)
		return "the tokens are of another client_id, endpoint or scope "
		       "than the account's file names; sign in again";
	if (!refresh && !access)
		return "neither refresh_token nor access_token is given";
	if (refresh && strlen(refresh) > TOKEN_MAX)
		return "refresh_token is longer than 16384 bytes";
	if (access && !util_b64token_valid(access))
		return "access_token is not a token (RFC 6750)";
	if (msg_get_number(m, "expires_in", 1, EXPIRES_IN_MAX, expires_in) < 0)
		return "expires_in is not a number in its bounds";
	return NULL;
}

static void
on_stored(struct account *a, struct tokens *t, int r, void *context)
{
	struct conn *c = context;

	account_set_tokens(a, t, 0);
	log_line(LEVEL_INFO, "account \"%s\": a sign-in was stored", a->name);
	account_event(a, EVENT_TIMER, NULL);
	if (!a->tokens.access_token)
		account_event(a, EVENT_MENDED, NULL);
	if (!a->life.fetching)
		account_settle(a);
	if (r == 0)
		reply_ok(c, NULL, NULL);
	else
		request_refuse(c, STATUS_TEMPORARY,
		    "the sign-in is in use, but the disk refuses it: it is "
		    "kept in memory and saved as soon as it is possible; see "
		    "the log");
}

static void
serve_store(struct conn *c, const struct msg *m)
{
	struct account *a = named_account(c, m);
	int64_t expires_in = EXPIRES_IN_DEFAULT;
	const char *wrong;
	struct tokens t = {0};

	if (!a)
		return;
	wrong = check_store(a, m, &expires_in);
	if (wrong) {
		request_refuse(c, STATUS_BAD, wrong);
		return;
	}
	t.refresh_token =
	    dup_attribute(m, "refresh_token", a->tokens.refresh_token);
	t.access_token = dup_attribute(m, "access_token", NULL);
	t.scope = dup_attribute(m, "scope", NULL);
	t.flow = dup_attribute(m, "flow", NULL);
	t.config_id = strdup(a->config_id);
	t.obtained_at = daemon_wall_s();
	t.refresh_obtained_at = msg_get(m, "refresh_token")
	    ? t.obtained_at
	    : a->tokens.refresh_obtained_at;
	t.expires_at = t.access_token ? t.obtained_at + expires_in : 0;
	/* a fetch under way is of the grant before */
	a->generation++;
	if (save_start(a, &t, 1, on_stored, c) < 0) {
		tokens_clear(&t);
		request_refuse(c, STATUS_TEMPORARY, "out of memory");
	}
}

static void
send_forgotten(struct conn *c)
{
	char buf[2048];
	struct msg_writer w;

	msg_begin(&w, buf, sizeof(buf));
	msg_put(&w, "status", status_name(STATUS_OK));
	msg_put(&w, "revoked", c->action);
	msg_put(&w, "reason", c->wanted);
	if (msg_end(&w) == 0)
		conn_send(c, &w);
	conn_finish(c);
}

static void
on_forgotten(struct account *a, struct tokens *t, int r, void *context)
{
	struct conn *c = context;
	char reason[REASON_SIZE], text[64];

	(void)t;
	if (r == 0) {
		log_line(LEVEL_INFO, "account \"%s\": its tokens are gone",
		    a->name);
		send_forgotten(c);
		return;
	}
	snprintf(reason, sizeof(reason), "cannot remove %s/%s: %s",
	    c->daemon->settings.state_dir, a->name,
	    err_text(r, text, sizeof(text)));
	request_refuse(c, STATUS_TEMPORARY, reason);
}

static void
forget(struct conn *c, struct account *a)
{
	a->generation++;
	tokens_clear(&a->tokens);
	a->unsaved = 0;
	a->life.fetching = 0;
	account_review(a);
	account_settle(a);
	if (save_remove(a, on_forgotten, c) < 0)
		request_refuse(c, STATUS_TEMPORARY, "out of memory");
}

static void
on_revoked(struct account *a, const char *reason, void *context)
{
	struct conn *c = context;

	c->action = reason ? "no" : "yes";
	c->wanted = reason ? strdup(reason) : NULL;
	if (reason)
		log_line(LEVEL_WARNING,
		    "account \"%s\": the provider did not revoke the grant: %s",
		    a->name, reason);
	forget(c, a);
}

static void
serve_forget(struct conn *c, const struct msg *m)
{
	struct account *a = named_account(c, m);
	const char *revoke = msg_get(m, "revoke");

	if (!a)
		return;
	c->action = "unsupported";
	if (revoke && strcmp(revoke, "yes") == 0) {
		if (fetch_revoke(a, on_revoked, c) == 0)
			return;
	} else {
		c->action = "kept";
	}
	forget(c, a);
}

static void
on_refreshed(struct waiter *w, enum status s, const char *reason)
{
	struct conn *c = conn_of(w);

	if (s == STATUS_OK)
		reply_ok(c, NULL, NULL);
	else
		request_refuse(c, s, reason);
}

static void
serve_refresh(struct conn *c, const struct msg *m)
{
	struct account *a = named_account(c, m);

	if (!a)
		return;
	c->waiter.answer = on_refreshed;
	account_refresh(a, &c->waiter, REFRESH_MS);
}

static void
on_reloaded(void *context, const char *first_error)
{
	struct conn *c = context;

	if (first_error)
		request_refuse(c, STATUS_CONFIG, first_error);
	else
		reply_ok(c, NULL, NULL);
}

static void
serve_reload(struct conn *c, const struct msg *m)
{
	(void)m;
	if (load_start(c->daemon, 1, on_reloaded, c) < 0)
		request_refuse(c, STATUS_TEMPORARY,
		    "a reload is under way already; try again");
}

static const struct {
	const char *name;
	void (*serve)(struct conn *c, const struct msg *m);
	int privileged; /* for root and the daemon's own uid */
} requests[] = {
    {"token", serve_token, 0},
    {"hello", serve_hello, 0},
    {"reject", serve_reject, 0},
    {"list", serve_list, 0},
    {"store", serve_store, 1},
    {"forget", serve_forget, 1},
    {"refresh", serve_refresh, 1},
    {"reload", serve_reload, 1},
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
		log_line(LEVEL_INFO, "denied: uid %lu pid %ld: request %s",
		    (unsigned long)c->uid, (long)c->pid, name);
		request_refuse(c, STATUS_DENIED,
		    "this is for root and the helper's own user");
	} else {
		requests[i].serve(c, m);
	}
}
