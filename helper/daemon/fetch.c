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
#include "helper/daemon/log.h"
#include "helper/daemon/save.h"

#define FETCHES_MAX 128 /* at a time; well below SPAWN_MAX */

/* A refresh asks for what was granted, so it names no scope: RFC 6749, 6. */
static void
put_token_request(struct msg_writer *w, const struct account *a)
{
	const struct account_conf *c = a->conf;

	msg_put(w, "operation", "token");
	msg_put(w, "grant", grant_names[c->grant]);
	msg_put(w, "token_endpoint",
	    c->token_endpoint ? c->token_endpoint : a->token_endpoint);
	msg_put(w, "resource", c->resource);
	msg_put(w, "audience", c->audience);
	if (c->grant == GRANT_CLIENT_CREDENTIALS)
		msg_put(w, "scope", c->scope);
	else
		msg_put(w, "refresh_token", a->tokens.refresh_token);
}

/*
 * A fetch has failed. What is to be done about it follows from the status:
 * temporary trouble ends by itself.
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

	if (s == STATUS_LOGIN_REQUIRED) {
		e = EVENT_LOGIN_REQUIRED;
		snprintf(reason, sizeof(reason),
		    "%.900s; run \"sasl-bearer login %s\"", why, a->name);
	} else if (s == STATUS_CONFIG) {
		e = EVENT_CONFIG;
		snprintf(reason, sizeof(reason), "%.900s (account \"%s\")", why,
		    a->name);
	} else {
		s = STATUS_TEMPORARY;
		snprintf(reason, sizeof(reason), "%s", why);
	}
	log_line(
	    LEVEL_WARNING, "account \"%s\": no new token: %s", a->name, reason);
	account_set_error(a, s, reason);
	account_event(a, e, &info);
	account_settle(a);
}

/* The credentials a reply brings, with the old ones where it has none. */
static int
make_tokens(
    const struct exchange *x, const struct msg *reply, struct tokens *ret)
{
	const struct account *a = x->account;
	const char *refresh = msg_get(reply, "refresh_token");
	const char *scope = msg_get(reply, "scope");
	int64_t expires_in = EXPIRES_IN_DEFAULT;
	struct tokens t;
	int r;

	r = msg_get_number(reply, "expires_in", 1, EXPIRES_IN_MAX, &expires_in);
	if (r < 0 || !msg_get(reply, "access_token"))
		return -ERR_FORMAT;
	t = (struct tokens){
	    .access_token = tokens_text(msg_get(reply, "access_token"), &r),
	    .scope = tokens_text(scope ? scope : a->tokens.scope, &r),
	    .flow = tokens_text(a->tokens.flow, &r),
	    .config_id = tokens_text(x->config_id, &r),
	    .obtained_at = daemon_wall_s(),
	    .refresh_obtained_at = a->tokens.refresh_obtained_at,
	};
	t.expires_at = t.obtained_at + expires_in;
	if (a->conf->grant == GRANT_REFRESH_TOKEN) {
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
	struct account *heir =
	    a->removed ? table_find(&a->daemon->table, a->name) : NULL;

	if (heir)
		a = heir;
	account_set_tokens(a, t, refresh_in_s);
	log_line(LEVEL_INFO, "account \"%s\": new token %s, valid for %lld s",
	    a->name, a->token_id,
	    (long long)(a->tokens.expires_at - a->tokens.obtained_at));
	account_settle(a);
}

static void
on_saved(struct account *a, struct tokens *t, int r, void *context)
{
	struct exchange *x = context;

	(void)r; /* logged; the token is served from memory */
	if (exchange_is_wanted(x))
		succeed(a, t, x->refresh_in_s);
	exchange_free(x);
}

/*
 * Take over what a successful reply brings. A refresh token that is new must be
 * on the disk before anyone uses what came with it: the old one may be dead.
 * Returns 1 when x lives on until then.
 */
static int
take_reply(struct exchange *x, const struct msg *reply)
{
	struct account *a = x->account;
	const char *endpoint = msg_get(reply, "token_endpoint");
	struct tokens t = {0}, copy = {0};
	int r = make_tokens(x, reply, &t);

	if (r < 0) {
		fail(x, STATUS_TEMPORARY,
		    r == -ENOMEM
			? "out of memory"
			: "sasl-bearer-fetch sent a reply that makes no sense",
		    0);
		return 0;
	}
	if (endpoint)
		account_set_endpoint(a, endpoint);
	msg_get_number(
	    reply, "refresh_in", 1, EXPIRES_IN_MAX, &x->refresh_in_s);
	if (t.refresh_token &&
	    strcmp(t.refresh_token, a->tokens.refresh_token) != 0 &&
	    save_start(a, &t, 1, on_saved, x) == 0)
		return 1;
	if (tokens_copy(&t, &copy) == 0 &&
	    save_start(a, &copy, a->unsaved, NULL, NULL) < 0)
		tokens_clear(&copy);
	succeed(a, &t, x->refresh_in_s);
	return 0;
}

static void
on_reply(void *context, const struct msg *reply, const char *why)
{
	struct exchange *x = context;
	struct daemon *d = x->account->daemon;
	enum status s = STATUS_TEMPORARY;
	int64_t retry_after = 0;
	int lives = 0;

	if (reply) {
		s = status_parse(msg_get(reply, "status"));
		why = msg_get(reply, "reason");
		msg_get_number(reply, "retry_after", 0, 86400, &retry_after);
	}
	if (!exchange_is_wanted(x))
		log_line(LEVEL_INFO,
		    "account \"%s\": a reply that came too late is dropped",
		    x->account->name);
	else if (s == STATUS_OK)
		lives = take_reply(x, reply);
	else
		fail(x, s, why ? why : "no reason given", retry_after);
	if (!lives)
		exchange_free(x);
	fetch_next(d);
}

/* The secret has been read, or there is none: go to the provider. */
static void
on_secret(struct job *j)
{
	struct exchange *x = (struct exchange *)j;
	struct account *a = x->account;
	char text[64];
	int r;

	a->secret_id = x->secret_id;
	if (!exchange_is_wanted(x)) {
		exchange_free(x);
		return;
	}
	if (*x->why) {
		fail(x, STATUS_CONFIG, x->why, 0);
		exchange_free(x);
		return;
	}
	r = exchange_send(x, put_token_request, on_reply);
	if (r < 0) {
		fail(x, STATUS_TEMPORARY, err_text(r, text, sizeof(text)), 0);
		exchange_free(x);
	}
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
	log_line(LEVEL_DEBUG, "account \"%s\": fetching a token", a->name);
	exchange_start(x, on_secret);
}

void
fetch_start(struct account *a)
{
	struct daemon *d = a->daemon;

	if (d->stopping) {
		a->life.fetching = 0;
		return;
	}
	if (d->fetches < FETCHES_MAX && !d->fetch_queue) {
		begin(a);
		return;
	}
	if (a->queued)
		return;
	a->queued = 1;
	account_pin(a);
	a->next_queued = NULL;
	if (d->fetch_queue)
		d->fetch_queue_last->next_queued = a;
	else
		d->fetch_queue = a;
	d->fetch_queue_last = a;
}

void
fetch_next(struct daemon *d)
{
	struct account *a = d->fetch_queue;

	if (!a || (d->fetches >= FETCHES_MAX && !d->stopping))
		return;
	d->fetch_queue = a->next_queued;
	a->queued = 0;
	if (a->removed || d->stopping || !a->life.fetching)
		a->life.fetching = 0;
	else
		begin(a);
	account_unpin(a);
}
