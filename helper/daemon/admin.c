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
#include "helper/daemon/describe.h"
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
#define TEXT_MAX 4096 /* of scope and flow: sealed, all must fit a message */

static void
send_listed(struct conn *c, const struct account *a)
{
	char buf[MSG_MAX];
	struct msg_writer w;

	if (describe(a, &w, buf) == 0)
		conn_send(c, &w);
}

/* All that the client may see, or of them those of c->wanted. */
static void
list_accounts(struct conn *c)
{
	const struct table *t = &c->daemon->table;
	const char *user = c->wanted;
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

/*
 * Every command begins with a list. One that follows a SIGHUP, or "systemctl
 * reload", which does not wait for the end, is to know what was just written.
 */
void
admin_list(struct conn *c, const struct msg *m)
{
	const char *user = msg_get(m, "user");

	if (user) {
		c->wanted = strdup(user);
		if (!c->wanted) {
			request_refuse(c, STATUS_TEMPORARY, "out of memory");
			return;
		}
	}
	if (c->daemon->loading)
		conn_hold(c, list_accounts);
	else
		list_accounts(c);
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
	account_log(a, LEVEL_INFO, "stored", "a sign-in was stored");
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
	int64_t refresh_in = 0;
	int r = 0;

	t.refresh_token =
	    tokens_text(refresh ? refresh : a->tokens.refresh_token, &r);
	t.access_token = tokens_text(msg_get(m, "access_token"), &r);
	t.scope = tokens_text(msg_get(m, "scope"), &r);
	t.flow = tokens_text(msg_get(m, "flow"), &r);
	t.config_id = tokens_text(a->config_id, &r);
	t.refresh_obtained_at =
	    refresh ? t.obtained_at : a->tokens.refresh_obtained_at;
	t.refresh_expires_at = refresh ? 0 : a->tokens.refresh_expires_at;
	t.certificate_expires_at = a->certificate_expires_at;
	if (msg_get_number(m, "refresh_token_expires_in", 1, EXPIRES_IN_MAX,
		&refresh_in) == 0 &&
	    refresh_in)
		t.refresh_expires_at = t.obtained_at + refresh_in;
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
		account_log(a, LEVEL_INFO, "forgotten", "its tokens are gone");
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
	a->unsaved = SAVED;
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
		account_log(a, LEVEL_WARNING, "not_revoked",
		    "the provider did not revoke the grant: %s", reason);
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
