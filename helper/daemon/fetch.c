/* SPDX-License-Identifier: MIT */
/* fetch - get a token from the provider, through a child */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "helper/daemon/daemon.h"
#include "helper/daemon/exchange.h"
#include "helper/daemon/fetch.h"
#include "helper/daemon/foreign.h"
#include "helper/daemon/granted.h"
#include "helper/daemon/log.h"
#include "helper/daemon/save.h"

#define FETCHES_MAX 128	   /* at a time; well below SPAWN_MAX */
#define FETCHES_KEPT 32	   /* of them, for accounts with one token */
#define BOX_FETCHES_MAX 32 /* of them, for the mailboxes of one account */
#define AADSTS_FLOW_BLOCKED 530036

static void
put_token_request(struct msg_writer *w, const struct exchange *x)
{
	const struct account_conf *c = x->conf;

	msg_put(w, "operation", "token");
	msg_put(w, "grant", grant_names[c->grant]);
	if (c->grant == GRANT_MANAGED_IDENTITY) {
		msg_put(w, "identity_endpoint", c->identity_endpoint);
		msg_put(w, "identity_resource", c->identity_resource);
		msg_put(w, "identity_object_id", c->identity_object_id);
		msg_put(w, "identity_resource_id", c->identity_resource_id);
		return;
	}
	msg_put(w, "token_endpoint", exchange_endpoint(x));
	msg_put(w, "resource", c->resource);
	msg_put(w, "audience", c->audience);
	/* a refresh asks for what was granted: RFC 6749 section 6 */
	if (c->grant == GRANT_REFRESH_TOKEN)
		msg_put(w, "refresh_token", x->account->tokens.refresh_token);
	else if (c->grant == GRANT_CLIENT_CREDENTIALS)
		msg_put(w, "scope", c->scope);
}

/* Start anew by the definition that is valid now. Returns whether it did. */
static int
try_again(struct account *a)
{
	a->life.fetching = 0;
	if (!a->removed)
		account_event(a, EVENT_MENDED, NULL);
	return a->life.fetching;
}

/*
 * A fetch has failed. What is to be done about it follows from the status:
 * temporary trouble ends by itself. Trouble with a definition that a reload has
 * replaced is over.
 */
static void
fail(struct exchange *x, enum status s, const char *why, int64_t retry_after_s)
{
	struct account *a = x->account;
	struct life_info info = {
	    .jitter = daemon_jitter(),
	    .retry_after_ms = retry_after_s * 1000,
	};
	enum life_event e = EVENT_TEMPORARY;
	char reason[REASON_SIZE];

	if (!exchange_is_current(x) && try_again(a))
		return;
	if (s == STATUS_LOGIN_REQUIRED) {
		e = EVENT_LOGIN_REQUIRED;
		snprintf(reason, sizeof(reason),
		    "%.1050s; run \"sasl-bearer login %s\"", why,
		    a->conf->name);
	} else if (s == STATUS_CONFIG) {
		e = EVENT_CONFIG;
		snprintf(reason, sizeof(reason), "%.800s (account \"%s\")", why,
		    a->name);
	} else {
		s = STATUS_TEMPORARY;
		snprintf(reason, sizeof(reason), "%s", why);
	}
	account_set_error(a, s, reason);
	account_event(a, e, &info);
	account_log(
	    a, LEVEL_WARNING, status_name(s), "no new token: %s", reason);
	account_settle(a);
}

/* The credentials an answer brings, with the old ones where it has none. */
static int
make_tokens(
    const struct exchange *x, const struct granted *g, struct tokens *ret)
{
	const struct account *a = x->account;
	const char *refresh = g->refresh_token;
	struct tokens t;
	int r = 0;

	t = (struct tokens){
	    .access_token = tokens_text(g->access_token, &r),
	    .scope = tokens_text(g->scope ? g->scope : a->tokens.scope, &r),
	    .flow = tokens_text(a->tokens.flow, &r),
	    .config_id = tokens_text(x->config_id, &r),
	    .obtained_at = daemon_wall_s(),
	    .refresh_obtained_at = a->tokens.refresh_obtained_at,
	    .certificate_expires_at = a->certificate_expires_at,
	};
	t.expires_at = t.obtained_at + g->expires_in;
	if (a->mailbox) {
		t.account = tokens_text(x->conf->name, &r);
		t.mailbox = tokens_text(a->mailbox, &r);
	}
	if (x->conf->grant == GRANT_REFRESH_TOKEN) {
		if (g->refresh_expires_in)
			t.refresh_expires_at =
			    t.obtained_at + g->refresh_expires_in;
		else if (!refresh)
			t.refresh_expires_at = a->tokens.refresh_expires_at;
		if (refresh)
			t.refresh_obtained_at = t.obtained_at;
		else
			refresh = a->tokens.refresh_token;
		t.refresh_token = tokens_text(refresh, &r);
	}
	if (r == 0)
		*ret = t;
	else
		tokens_clear(&t);
	return r;
}

/*
 * The new token is ready to be given out. An account that was removed and made
 * again meanwhile has read what the disk had before.
 */
static void
succeed(struct account *a, struct tokens *t, int64_t refresh_in_s)
{
	struct account *heir = a->removed && !a->mailbox
	    ? table_find(&a->daemon->table, a->name)
	    : NULL;

	if (heir)
		a = heir;
	account_set_tokens(a, t, refresh_in_s);
	account_log(a, LEVEL_INFO, "token", "new token %s, valid for %lld s",
	    a->token_id,
	    (long long)(a->tokens.expires_at - a->tokens.obtained_at));
	/* of a registration that a reload has replaced */
	if (a->tokens_unusable && try_again(a))
		return;
	account_settle(a);
}

static void
on_saved(struct account *a, struct tokens *t, int r, void *context)
{
	struct exchange *x = context;

	/* logged; the token is served from memory */
	x->safe = r == 0;
	if (exchange_is_wanted(x))
		succeed(a, t, x->refresh_in_s);
	exchange_free(x);
}

/*
 * Take over what an answer brings. A refresh token that is new must be on the
 * disk before anyone uses what came with it: the old one may be dead. Returns 1
 * when x lives on until then.
 */
static int
take(struct exchange *x, const struct granted *g)
{
	struct account *a = x->account;
	struct tokens t = {0}, copy = {0};

	if (make_tokens(x, g, &t) < 0) {
		x->safe = 0;
		fail(x, STATUS_TEMPORARY, "out of memory", 0);
		return 0;
	}
	x->refresh_in_s = g->refresh_in;
	if (t.refresh_token &&
	    strcmp(t.refresh_token, a->tokens.refresh_token) != 0) {
		if (save_start(a, &t, 1, on_saved, x) == 0)
			return 1;
		a->unsaved = UNSAVED_REFUSED;
		x->safe = 0;
	}
	if (tokens_copy(&t, &copy) == 0 &&
	    save_start(a, &copy, a->unsaved, NULL, NULL) < 0)
		tokens_clear(&copy);
	succeed(a, &t, x->refresh_in_s);
	return 0;
}

/* Returns as take() does. */
static int
take_reply(struct exchange *x, const struct msg *reply)
{
	struct granted g;

	if (granted_parse(reply, &g) < 0) {
		fail(x, STATUS_TEMPORARY,
		    "sasl-bearer-fetch sent a reply that makes no sense", 0);
		return 0;
	}
	if (x->inbox.left.count > 0 && x->inbox.age_s > 0) {
		g.expires_in -= x->inbox.age_s;
		g.refresh_in = 0;
		if (g.refresh_expires_in > x->inbox.age_s)
			g.refresh_expires_in -= x->inbox.age_s;
		if (g.expires_in < 1)
			g.expires_in = 1;
	}
	if (msg_get(reply, "token_endpoint") && exchange_is_current(x))
		account_set_endpoint(
		    x->account, msg_get(reply, "token_endpoint"));
	return take(x, &g);
}

/* What a number of Microsoft's means for whoever signed in; or NULL. */
static const char *
flow_advice(const struct exchange *x, const struct msg *reply)
{
	const char *flow = x->account->tokens.flow;
	int64_t aadsts = 0;

	msg_get_number(reply, "aadsts", 1, INT32_MAX, &aadsts);
	if (aadsts != AADSTS_FLOW_BLOCKED || !flow ||
	    strcmp(flow, "device") != 0)
		return NULL;
	return "this one was made with a device code: use --browser or --paste";
}

static void
on_reply(struct exchange *x, const struct msg *reply, const char *why)
{
	enum status s = STATUS_TEMPORARY;
	const char *advice = NULL;
	char text[CONF_TEXT_MAX];
	int64_t retry_after = 0;
	int lives = 0;

	if (reply) {
		s = status_parse(msg_get(reply, "status"));
		why = msg_get(reply, "reason");
		advice = flow_advice(x, reply);
		msg_get_number(reply, "retry_after", 0, 86400, &retry_after);
	}
	if (!why)
		why = "no reason given";
	if (advice) {
		snprintf(text, sizeof(text), "%.800s; %s", why, advice);
		why = text;
	}
	if (!exchange_is_wanted(x))
		account_log(x->account, LEVEL_INFO, "late",
		    "a reply that came too late is dropped");
	else if (s == STATUS_OK)
		lives = take_reply(x, reply);
	else
		fail(x, s, why, retry_after);
	if (!lives)
		exchange_free(x);
}

/* Take over a token that another program made; by text, of len bytes. */
static void
take_foreign(struct exchange *x, char *text, size_t len, const char *where)
{
	const struct account_conf *c = x->conf;
	char why[CONF_TEXT_MAX], reason[FOREIGN_WHY];
	struct foreign f = {0};
	struct granted g = {.expires_in = c->token_lifetime_s};
	int r = foreign_parse(text, len, daemon_wall_s(), &f, reason);

	if (r == 0) {
		g.access_token = f.access_token;
		if (f.expires_in > 0)
			g.expires_in = f.expires_in;
		take(x, &g); /* without a refresh token it is done at once */
		return;
	}
	snprintf(why, sizeof(why), "%.400s %s", where, reason);
	fail(x, STATUS_TEMPORARY, why, 0);
}

static void
on_command(void *context, struct child_result *r)
{
	struct exchange *x = context;
	const struct account_conf *c = x->conf;
	const char *name = c->command ? c->command[0] : "the command";
	char why[CONF_TEXT_MAX];

	if (!exchange_is_wanted(x)) {
		exchange_free(x);
		return;
	}
	if (r->why)
		snprintf(why, sizeof(why), "%.400s %s", name, r->why);
	else
		snprintf(why, sizeof(why), "%.400s ended with status %d", name,
		    r->exit);
	if (*r->errors) {
		size_t len = strlen(why);

		snprintf(why + len, sizeof(why) - len, ": %s", r->errors);
	}
	if (r->why || r->exit != 0)
		fail(x, STATUS_TEMPORARY, why, 0);
	else
		take_foreign(x, r->output, r->len, name);
	exchange_free(x);
}

/* Where the token is to come from. Returns 0 or a negative code. */
static int
go(struct exchange *x)
{
	char *text = x->material.text;

	switch ((enum grant)x->conf->grant) {
	case GRANT_COMMAND:
		return exchange_command(x, on_command);
	case GRANT_FILE:
		take_foreign(
		    x, text, strlen(text), x->material.path[MATERIAL_TEXT]);
		exchange_free(x);
		return 0;
	case GRANT_REFRESH_TOKEN:
		if (x->inbox.left.count == 0)
			break;
		account_log(x->account, LEVEL_INFO, "inherited",
		    "taking the answer that a sasl-bearerd before this one has "
		    "asked for");
		on_reply(x, &x->inbox.left, NULL);
		return 0;
	case GRANT_CLIENT_CREDENTIALS:
	case GRANT_JWT_BEARER:
	case GRANT_MANAGED_IDENTITY:
		break;
	}
	return exchange_send(x, put_token_request, on_reply);
}

/* All files are read, or there are none. */
static void
on_ready(struct exchange *x)
{
	char text[64], why[128];
	int r = 0;

	if (!exchange_is_wanted(x)) {
		exchange_free(x);
		return;
	}
	if (*x->why)
		fail(x, x->why_status, x->why, 0);
	else if ((r = go(x)) == 0)
		return;
	if (r < 0) {
		snprintf(why, sizeof(why), "cannot start a fetch: %s",
		    err_text(r, text, sizeof(text)));
		fail(x, STATUS_TEMPORARY, why, 0);
	}
	exchange_free(x);
}

static void
begin(struct account *a)
{
	struct exchange *x = exchange_new(a);

	if (!x) {
		/* no memory: as if this attempt had not been */
		a->life.fetching = 0;
		return;
	}
	if (a->conf->grant == GRANT_REFRESH_TOKEN)
		inbox_prepare(&x->inbox, a->daemon->state_fd, a->daemon->ring,
		    a->file, a->tokens.refresh_token);
	account_log(a, LEVEL_DEBUG, "fetch", "fetching a token");
	exchange_start(x, on_ready);
}

/*
 * Whether there is room. The mailboxes of one account may not take all of it,
 * nor those of all such accounts.
 */
static int
may_begin(const struct account *a)
{
	unsigned room = a->parent ? FETCHES_MAX - FETCHES_KEPT : FETCHES_MAX;

	return a->daemon->fetches < room &&
	    (!a->parent || a->parent->box_fetches < BOX_FETCHES_MAX);
}

static void
enqueue(struct account *a)
{
	struct account **last = &a->daemon->fetch_queue;

	while (*last)
		last = &(*last)->next_queued;
	*last = a;
	a->next_queued = NULL;
	a->queued = 1;
	account_pin(a);
}

void
fetch_start(struct account *a)
{
	if (a->daemon->stopping)
		a->life.fetching = 0;
	else if (a->queued)
		return; /* since somebody forgot it; it has its turn */
	else if (may_begin(a))
		begin(a);
	else
		enqueue(a);
}

/* Take the first out of the queue for which there is room. */
static struct account *
dequeue(struct daemon *d)
{
	struct account **p = &d->fetch_queue, *a;

	while (*p && !d->stopping && !may_begin(*p))
		p = &(*p)->next_queued;
	a = *p;
	if (a) {
		*p = a->next_queued;
		a->queued = 0;
	}
	return a;
}

void
fetch_next(struct daemon *d)
{
	struct account *a;

	while ((a = dequeue(d))) {
		if (a->removed || d->stopping || !a->life.fetching)
			a->life.fetching = 0;
		else
			begin(a);
		account_unpin(a);
	}
}
