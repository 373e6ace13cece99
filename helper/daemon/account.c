/* SPDX-License-Identifier: MIT */
/* account - one account: its file, its tokens, and who waits for them */
#include "config.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/daemon/account.h"
#include "helper/daemon/daemon.h"
#include "helper/daemon/fetch.h"
#include "helper/daemon/log.h"
#include "helper/daemon/mailbox.h"
#include "helper/daemon/reseal.h"

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	account_event(arg, EVENT_TIMER, NULL);
}

struct account *
account_new(struct daemon *d, struct account_conf *conf)
{
	struct account *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->daemon = d;
	a->timer = evtimer_new(d->base, on_timer, a);
	if (!a->timer) {
		free(a);
		return NULL;
	}
	a->conf = conf;
	a->storage = STORAGE_NONE;
	a->telling = HEALTH_KINDS;
	snprintf(a->name, sizeof(a->name), "%s", conf->name);
	snprintf(a->file, sizeof(a->file), "%s", conf->name);
	return a;
}

struct account *
account_new_mailbox(
    struct account *parent, const char *mailbox, const char *file)
{
	struct account *a = account_new(parent->daemon, parent->conf);

	if (!a)
		return NULL;
	a->mailbox = strdup(mailbox);
	if (!a->mailbox) {
		event_free(a->timer);
		free(a);
		return NULL;
	}
	account_conf_share(a->conf);
	a->parent = parent;
	parent->pins++; /* it must not go before its mailboxes do */
	memcpy(a->config_id, parent->config_id, sizeof(a->config_id));
	snprintf(a->broken, sizeof(a->broken), "%s", parent->broken);
	snprintf(
	    a->name, sizeof(a->name), "%s/%s", parent->conf->name, mailbox);
	snprintf(a->file, sizeof(a->file), "%s", file);
	return a;
}

static void
account_free(struct account *a)
{
	struct account *parent = a->parent;

	event_free(a->timer);
	account_conf_free(a->conf);
	tokens_clear(&a->tokens);
	list_free(a->mailboxes);
	free(a->mailbox);
	free(a->boxes);
	free(a->allow);
	free(a->token_endpoint);
	free(a);
	if (parent && --parent->pins == 0 && parent->removed)
		account_free(parent);
}

static void
finish(struct waiter *w, enum status s, const char *reason)
{
	struct account *a = w->account;

	waiter_cancel(w);
	w->answer(w, a && a->removed ? NULL : a, s, reason);
}

void
account_drop(struct account *a)
{
	a->pins++; /* the last of its mailboxes must not free it yet */
	a->removed = 1;
	mailbox_drop_all(a);
	evtimer_del(a->timer);
	while (a->waiters)
		finish(a->waiters, STATUS_DENIED, "the account was removed");
	if (--a->pins == 0)
		account_free(a);
}

void
account_hold(struct account *a)
{
	a->pins++;
}

void
account_release(struct account *a)
{
	if (--a->pins == 0 && a->removed)
		account_free(a);
}

void
account_pin(struct account *a)
{
	account_hold(a);
	daemon_busy(a->daemon);
}

void
account_unpin(struct account *a)
{
	daemon_idle(a->daemon);
	account_release(a);
}

int
account_allows(const struct account *a, uid_t uid)
{
	size_t i;

	if (uid == 0 || (a->daemon->user_mode && uid == geteuid()))
		return 1;
	for (i = 0; i < a->allow_count; i++)
		if (a->allow[i] == uid)
			return 1;
	return 0;
}

/* The only form in which a token appears in a log. */
static void
make_token_id(struct account *a)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	const char *token = a->tokens.access_token;

	a->token_id[0] = '\0';
	if (!token ||
	    !EVP_Digest(token, strlen(token), md, NULL, EVP_sha256(), NULL))
		return;
	util_hex_format(a->token_id, md, (TOKEN_ID_SIZE - 1) / 2);
}

/* Start a new life; what is remembered of the askers stays. */
static void
reset_life(struct account *a)
{
	struct life old = a->life;

	a->life = (struct life){
	    .state = STATE_STALE,
	    .fetching = old.fetching,
	    .keeps_alive = a->conf->grant == GRANT_REFRESH_TOKEN,
	    .min_validity_ms = a->conf->min_validity_s * 1000,
	    .keepalive_ms = a->conf->keepalive_s * 1000,
	    .used_ms = old.used_ms,
	    .reject_ms = old.reject_ms,
	    .rejects = old.rejects,
	    .obtained_ms = daemon_now_ms(),
	};
}

/* Say what is missing, where the reason is not a failed fetch. */
static void
explain_missing(struct account *a)
{
	const char *name = a->conf->name; /* of a person's account */
	char reason[REASON_SIZE];

	if (a->tokens_damaged)
		snprintf(reason, sizeof(reason),
		    "the stored sign-in of account \"%s\" cannot be read: see "
		    "the log; put %s/%s back from a backup, or run "
		    "\"sasl-bearer login %s\"",
		    name, a->daemon->settings.state_dir, name, name);
	else if (a->tokens_unusable)
		snprintf(reason, sizeof(reason),
		    "the stored sign-in of account \"%s\" was made for "
		    "another client_id, endpoint or scope; run \"sasl-bearer "
		    "login %s\"",
		    name, name);
	else
		snprintf(reason, sizeof(reason),
		    "nobody has signed in for account \"%s\" yet; run "
		    "\"sasl-bearer login %s\"",
		    name, name);
	account_set_error(a, STATUS_LOGIN_REQUIRED, reason);
}

void
account_review(struct account *a)
{
	const struct tokens *t = &a->tokens;
	struct life_info info = {.jitter = daemon_jitter()};
	int64_t now = daemon_now_ms(), age_ms;
	char reason[REASON_SIZE];
	int fetching;

	reset_life(a);
	make_token_id(a);
	a->tokens_unusable = (t->refresh_token || t->access_token) &&
	    (!t->config_id || strcmp(t->config_id, a->config_id) != 0);
	a->life.can_fetch = !*a->broken && !a->refused &&
	    !mailbox_is_parent(a) &&
	    (a->conf->grant != GRANT_REFRESH_TOKEN ||
		(t->refresh_token && !a->tokens_unusable));
	if (t->obtained_at && !a->tokens_unusable) {
		age_ms = (daemon_wall_s() - t->obtained_at) * 1000;
		a->life.obtained_ms = now - age_ms;
		info.lifetime_ms = (t->expires_at - t->obtained_at) * 1000;
		if (t->access_token && info.lifetime_ms > 0 && age_ms >= 0) {
			fetching = a->life.fetching;
			state_event(&a->life, EVENT_TOKEN, &info, now - age_ms);
			a->life.fetching = fetching; /* it is no new token */
		}
	}
	if (*a->broken) {
		a->life.state = STATE_CONFIG;
		account_set_error(a, STATUS_CONFIG, a->broken);
	} else if (a->refused) {
		a->life.state = STATE_CONFIG;
		reseal_explain(a, reason);
		account_set_error(a, STATUS_CONFIG, reason);
	} else if (a->conf->grant == GRANT_REFRESH_TOKEN &&
	    !a->life.can_fetch && !state_servable(&a->life, now)) {
		a->life.state = STATE_LOGIN_REQUIRED;
		explain_missing(a);
	} else {
		account_set_error(a, STATUS_OK, "");
	}
	account_event(a, EVENT_TIMER, NULL);
}

void
account_set_storage(struct account *a, int storage)
{
	a->storage = storage;
	a->unsaved =
	    storage >= 0 && storage != (int)store_storage(a->daemon->ring)
	    ? UNSAVED_ANEW
	    : SAVED;
}

void
account_set_tokens(struct account *a, struct tokens *t, int64_t refresh_in_s)
{
	struct life_info info = {.jitter = daemon_jitter()};

	tokens_clear(&a->tokens);
	a->tokens_damaged = 0;
	a->refused = 0;
	a->tokens = *t;
	*t = (struct tokens){0};
	a->life.fetching = 0;
	account_review(a);
	if (refresh_in_s > 0 && !a->tokens_unusable && a->tokens.access_token) {
		info.lifetime_ms = a->life.expires_ms - a->life.obtained_ms;
		info.refresh_in_ms = refresh_in_s * 1000;
		account_event(a, EVENT_TOKEN, &info);
	}
}

void
account_set_error(struct account *a, enum status s, const char *reason)
{
	if (s == STATUS_OK || a->error_status == STATUS_OK)
		a->error_since = s == STATUS_OK ? 0 : daemon_wall_s();
	a->error_status = s;
	util_sanitise(
	    a->last_error, sizeof(a->last_error), reason, strlen(reason));
}

void
account_log(const struct account *a, enum log_level level, const char *event,
    const char *fmt, ...)
{
	const struct journal_field fields[] = {
	    {"SASL_BEARER_ACCOUNT", a->conf->name},
	    {"SASL_BEARER_USER", a->mailbox ? a->mailbox : a->conf->user},
	    {"SASL_BEARER_EVENT", event},
	    {"SASL_BEARER_STATE",
		state_name(state_shown(&a->life, daemon_now_ms()))},
	    {"SASL_BEARER_TOKEN_ID", a->token_id},
	    {NULL, NULL},
	};
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_fields(level, fields, "account \"%s\": %s", a->name, text);
}

void
account_set_endpoint(struct account *a, const char *url)
{
	free(a->token_endpoint);
	a->token_endpoint = url ? strdup(url) : NULL;
}

int64_t
account_expires_at(const struct account *a)
{
	if (!a->life.expires_ms)
		return 0;
	return daemon_wall_s() + (a->life.expires_ms - daemon_now_ms()) / 1000;
}

/* Answer one asker with what there is. */
static void
answer(struct account *a, struct waiter *w)
{
	if (w->for_refresh)
		finish(w, a->error_status, a->last_error);
	else if (state_servable(&a->life, daemon_now_ms()))
		finish(w, STATUS_OK, NULL);
	else if (a->error_status != STATUS_OK)
		finish(w, a->error_status, a->last_error);
	else
		finish(w, STATUS_TEMPORARY,
		    "the provider has not answered yet; try again");
}

void
account_settle(struct account *a)
{
	while (a->waiters)
		answer(a, a->waiters);
}

unsigned
account_event(
    struct account *a, enum life_event e, const struct life_info *info)
{
	static const struct life_info none;
	unsigned actions;
	int64_t next;

	actions =
	    state_event(&a->life, e, info ? info : &none, daemon_now_ms());
	if (actions & ACTION_FETCH)
		fetch_start(a);
	next = state_next(&a->life);
	if (next == INT64_MAX || a->removed)
		evtimer_del(a->timer);
	else
		daemon_timer(a->timer, next - daemon_now_ms());
	return actions;
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct waiter *w = arg;

	(void)fd;
	(void)what;
	if (w->for_refresh)
		finish(w, STATUS_TEMPORARY,
		    "the provider has not answered yet; the refresh goes on");
	else
		answer(w->account, w);
}

/* Put w in line, to be answered at the end of a fetch or after max_ms. */
static void
wait(struct account *a, struct waiter *w, int64_t max_ms)
{
	struct waiter **last = &a->waiters;

	while (*last)
		last = &(*last)->next;
	*last = w;
	w->next = NULL;
	w->account = a;
	w->timer = evtimer_new(a->daemon->base, on_deadline, w);
	if (!w->timer)
		finish(w, STATUS_TEMPORARY, "out of memory");
	else
		daemon_timer(w->timer, max_ms);
}

void
waiter_cancel(struct waiter *w)
{
	struct waiter **p;

	if (!w->account)
		return;
	for (p = &w->account->waiters; *p; p = &(*p)->next) {
		if (*p != w)
			continue;
		*p = w->next;
		break;
	}
	if (w->timer)
		event_free(w->timer);
	w->timer = NULL;
	w->account = NULL;
}

void
account_ask(struct account *a, struct waiter *w, int64_t max_ms)
{
	struct life_info info = {.min_validity_ms = w->min_validity_ms};
	unsigned actions;

	a->last_used_at = daemon_wall_s();
	a->last_use = ++a->daemon->uses;
	/* in line first: the fetch may end before it has begun */
	wait(a, w, max_ms);
	actions = account_event(a, EVENT_ASK, &info);
	if (w->account && !(actions & ACTION_WAIT))
		answer(a, w);
	else if (w->account && a->daemon->stopping && !a->life.fetching)
		answer(a, w);
}

void
account_refresh(struct account *a, struct waiter *w, int64_t max_ms)
{
	w->for_refresh = 1;
	wait(a, w, max_ms);
	account_event(a, EVENT_MENDED, NULL);
	if (w->account && a->daemon->stopping)
		finish(w, STATUS_TEMPORARY, "sasl-bearerd is stopping");
	else if (w->account && !a->life.fetching)
		answer(a, w);
}
