/* SPDX-License-Identifier: MIT */
/* admin - requests about accounts: list, store, forget, refresh, reload */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/daemon/admin.h"
#include "helper/daemon/daemon.h"
#include "helper/daemon/grant.h"
#include "helper/daemon/load.h"
#include "helper/daemon/log.h"
#include "helper/daemon/mailbox-list.h"
#include "helper/daemon/mailbox.h"
#include "helper/config/policy.h"
#include "helper/daemon/request.h"
#include "helper/daemon/reseal.h"
#include "helper/daemon/save.h"

#define REFRESH_MS 60000
#define WORDS_SIZE 8192 /* of hosts or allow in a reply */
#define TEXT_MAX 4096	/* of scope and flow: sealed, all must fit a message */

/* The state of an account's token; of a parent that of its worst mailbox. */
static void
put_state(struct msg_writer *w, const struct account *a)
{
	int64_t now = daemon_now_ms(), wall = daemon_wall_s();
	const struct tokens *t = &a->tokens;
	char error[USER_MAX + REASON_SIZE + 4];

	msg_put(w, "state", state_name(state_shown(&a->life, now)));
	msg_put(w, "token_id", a->token_id);
	if (a->life.expires_ms)
		msg_put_number(w, "expires_at", account_expires_at(a));
	if (state_next(&a->life) != INT64_MAX)
		msg_put_number(w, "refresh_at",
		    wall + (state_next(&a->life) - now) / 1000);
	if (t->refresh_token && t->refresh_obtained_at)
		msg_put_number(w, "refresh_token_age",
		    wall > t->refresh_obtained_at
			? wall - t->refresh_obtained_at
			: 0);
	msg_put(w, "flow", t->flow);
	if (a->certificate_expires_at)
		msg_put_number(
		    w, "certificate_expires_at", a->certificate_expires_at);
	snprintf(error, sizeof(error), "%s%s%s", a->mailbox ? a->mailbox : "",
	    a->mailbox ? ": " : "",
	    a->unsaved ? "the disk refuses the tokens; see the log"
		       : a->last_error);
	if (a->unsaved || *a->last_error)
		msg_put(w, "last_error", error);
	if (a->last_used_at)
		msg_put_number(w, "last_used", a->last_used_at);
}

/* How its state lies on the disk. */
static void
put_storage(struct msg_writer *w, int storage)
{
	if (storage != STORAGE_NONE)
		msg_put(w, "storage",
		    storage == STORAGE_PLAIN ? "plain" : "sealed");
}

/* Put words, a blank between them; not at all when there is no room. */
static void
put_words(struct msg_writer *w, const char *name, char *const *words)
{
	char text[WORDS_SIZE];
	size_t len = 0, n;

	for (; words && *words; words++) {
		n = strlen(*words);
		if (n + 2 > sizeof(text) - len)
			return;
		if (len > 0)
			text[len++] = ' ';
		memcpy(text + len, *words, n);
		len += n;
	}
	text[len] = '\0';
	msg_put(w, name, text);
}

static void
put_services(struct msg_writer *w, unsigned services)
{
	char text[32] = "";
	size_t i, len = 0;

	for (i = 0; service_names[i]; i++)
		if (services & 1U << i)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
			    "%s%s", len ? " " : "", service_names[i]);
	msg_put(w, "services", text);
}

/* Who else may use it, beside root and ourselves. */
static void
put_allow(struct msg_writer *w, const struct account *a)
{
	char text[WORDS_SIZE] = "";
	size_t i, len = 0;

	for (i = 0; i < a->allow_count && len < sizeof(text) - 16; i++)
		if (a->allow[i] != 0 && a->allow[i] != geteuid())
			len += (size_t)snprintf(text + len, sizeof(text) - len,
			    "%s%lu", len ? " " : "",
			    (unsigned long)a->allow[i]);
	msg_put(w, "allow", text);
}

/* What its file says, for those who set up programs and cannot read it. */
static void
put_conf(struct msg_writer *w, const struct account *a)
{
	const struct account_conf *conf = a->conf;

	msg_put(w, "provider", conf->provider);
	msg_put(w, "grant", grant_names[conf->grant]);
	msg_put(w, "tenant", conf->tenant);
	msg_put(w, "client_id", conf->client_id);
	put_services(w, conf->services);
	put_words(w, "hosts", conf->hosts);
	msg_put(w, "imap_server", conf->imap_server);
	msg_put(w, "pop_server", conf->pop_server);
	msg_put(w, "smtp_server", conf->smtp_server);
	msg_put(w, "sasl_user", conf->sasl_user);
	msg_put(w, "sasl_user_imap", conf->sasl_user_imap);
	msg_put(w, "sasl_user_pop", conf->sasl_user_pop);
	msg_put(w, "sasl_user_smtp", conf->sasl_user_smtp);
	put_allow(w, a);
}

/* What a screen shows of an account. Returns 0 or a code of msg_end(). */
static int
format_listed(struct msg_writer *w, const struct account *a, int with_conf)
{
	const struct account *worst = mailbox_worst(a);

	msg_put(w, "account", a->name);
	msg_put(w, "user", a->conf->user);
	if (with_conf)
		put_conf(w, a);
	if (mailbox_is_parent(a))
		msg_put_number(w, "mailboxes", (int64_t)a->box_count);
	put_storage(w, mailbox_is_parent(a) ? mailbox_storage(a) : a->storage);
	put_state(w, worst ? worst : a);
	return msg_end(w);
}

/* A file that is as large as can be does not hide its account. */
static void
send_listed(struct conn *c, const struct account *a)
{
	char buf[MSG_MAX];
	struct msg_writer w;

	msg_begin(&w, buf, sizeof(buf));
	if (format_listed(&w, a, 1) < 0) {
		msg_begin(&w, buf, sizeof(buf));
		if (format_listed(&w, a, 0) < 0)
			return;
	}
	conn_send(c, &w);
}

void
admin_list(struct conn *c, const struct msg *m)
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

/* Why a sign-in cannot be stored, or NULL. */
static const char *
check_store(const struct account *a, const struct msg *m, int64_t *expires_in)
{
	const char *id = msg_get(m, "config_id");
	const char *refresh = msg_get(m, "refresh_token");
	const char *access = msg_get(m, "access_token");
	const char *scope = msg_get(m, "scope"), *flow = msg_get(m, "flow");

	if (*a->broken)
		return a->broken;
	if (id && strcmp(id, a->config_id) != 0)
		return "the tokens are of another client_id, endpoint or scope "
		       "than the account's file names; sign in again";
	if (!refresh && !access)
		return "neither refresh_token nor access_token is given";
	if (a->refused && !refresh && a->conf->grant == GRANT_REFRESH_TOKEN)
		return a->last_error; /* the one that is there would go */
	if (refresh && strlen(refresh) > TOKEN_MAX)
		return "refresh_token is longer than 16384 bytes";
	if (access && !util_b64token_valid(access))
		return "access_token is not a token (RFC 6750)";
	if ((scope && strlen(scope) > TEXT_MAX) ||
	    (flow && strlen(flow) > TEXT_MAX))
		return "scope or flow is longer than 4096 bytes";
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
		request_ok(c, NULL, NULL);
	else
		request_refuse(c, STATUS_TEMPORARY,
		    "the sign-in is in use, but the disk refuses it: it is "
		    "kept in memory and saved as soon as it is possible; see "
		    "the log");
}

/* What a sign-in brings, with the refresh token there is if it has none. */
static int
make_tokens(const struct account *a, const struct msg *m, int64_t expires_in,
    struct tokens *ret)
{
	const char *refresh = msg_get(m, "refresh_token");
	struct tokens t = {.obtained_at = daemon_wall_s()};
	int r = 0;

	t.refresh_token =
	    tokens_text(refresh ? refresh : a->tokens.refresh_token, &r);
	t.access_token = tokens_text(msg_get(m, "access_token"), &r);
	t.scope = tokens_text(msg_get(m, "scope"), &r);
	t.flow = tokens_text(msg_get(m, "flow"), &r);
	t.config_id = tokens_text(a->config_id, &r);
	t.refresh_obtained_at =
	    refresh ? t.obtained_at : a->tokens.refresh_obtained_at;
	t.expires_at = t.access_token ? t.obtained_at + expires_in : 0;
	if (r == 0)
		*ret = t;
	else
		tokens_clear(&t);
	return r;
}

void
admin_store(struct conn *c, const struct msg *m)
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
	if (make_tokens(a, m, expires_in, &t) < 0 ||
	    save_start(a, &t, 1, on_stored, c) < 0) {
		tokens_clear(&t);
		request_refuse(c, STATUS_TEMPORARY, "out of memory");
		return;
	}
	/* a fetch under way is of the grant before */
	a->generation++;
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
		log_line(
		    LEVEL_INFO, "account \"%s\": its tokens are gone", a->name);
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
	mailbox_forget(a);
	a->generation++;
	tokens_clear(&a->tokens);
	reseal_give_up(a);
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

void
admin_forget(struct conn *c, const struct msg *m)
{
	/* a refusal frees the message */
	const char *revoke = msg_get(m, "revoke");
	struct account *a = named_account(c, m);

	if (!a)
		return;
	c->action = "unsupported";
	if (revoke && strcmp(revoke, "yes") == 0) {
		if (grant_revoke(a, on_revoked, c) == 0)
			return;
	} else {
		c->action = "kept";
	}
	forget(c, a);
}

static void
on_refreshed(
    struct waiter *w, struct account *a, enum status s, const char *reason)
{
	struct conn *c = conn_of(w);
	char at[24];

	snprintf(
	    at, sizeof(at), "%lld", a ? (long long)account_expires_at(a) : 0LL);
	if (s == STATUS_OK)
		request_ok(c, "expires_at", at);
	else
		request_refuse(c, s, reason);
}

/* The mailbox of a parent that a request names, if it is served. */
static struct account *
named_mailbox(struct account *parent, const char *user)
{
	if (!user || policy_user(parent->conf->user, user) != MATCH_GLOB ||
	    !mailbox_list_has(parent->mailboxes, user))
		return NULL;
	return mailbox_get(parent, user);
}

void
admin_refresh(struct conn *c, const struct msg *m)
{
	struct account *a = named_account(c, m);

	if (!a)
		return;
	if (mailbox_is_parent(a)) {
		a = named_mailbox(a, msg_get(m, "user"));
		if (!a) {
			request_refuse(c, STATUS_BAD,
			    "this account has a token for each mailbox: name "
			    "one that it serves");
			return;
		}
	}
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
		request_ok(c, NULL, NULL);
}

void
admin_reload(struct conn *c, const struct msg *m)
{
	int r = load_start(c->daemon, 1, on_reloaded, c);

	(void)m;
	if (r < 0)
		request_refuse(c, STATUS_TEMPORARY,
		    r == -EALREADY ? "a reload is under way already; try again"
				   : "out of memory");
}
