/* SPDX-License-Identifier: MIT */
/* describe - an account as a message, for screens and for who watches it */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/daemon/daemon.h"
#include "helper/daemon/describe.h"
#include "helper/daemon/mailbox.h"

#define WORDS_SIZE 8192 /* of hosts or allow */

/* When the sign-in dies of its age, as far as anybody has said so; or 0. */
static int64_t
grant_expires_at(const struct account *a)
{
	const struct tokens *t = &a->tokens;

	if (!t->refresh_token)
		return 0;
	if (t->refresh_expires_at)
		return t->refresh_expires_at;
	if (!a->conf->refresh_token_lifetime_s || !t->refresh_obtained_at)
		return 0;
	return t->refresh_obtained_at + a->conf->refresh_token_lifetime_s;
}

/* What will end, and what is wrong now. */
static void
put_troubles(struct msg_writer *w, const struct account *a)
{
	static const char *const refused[] = {
	    [SAVED] = "",
	    [UNSAVED_REFUSED] = "the disk refuses the tokens; see the log",
	    [UNSAVED_ANEW] = "the disk refuses a new state file; see the log",
	};
	char error[USER_MAX + REASON_SIZE + 4];

	if (grant_expires_at(a))
		msg_put_number(w, "grant_expires_at", grant_expires_at(a));
	if (a->conf->client_secret_expires)
		msg_put_number(w, "client_secret_expires_at",
		    a->conf->client_secret_expires);
	/* it may be of a file that the account has named before */
	if (a->certificate_expires_at &&
	    (a->conf->client_key || a->conf->client_certificate))
		msg_put_number(
		    w, "certificate_expires_at", a->certificate_expires_at);
	if (state_rejected(&a->life, daemon_now_ms()))
		msg_put_number(w, "rejected", a->life.rejects);
	if (a->unsaved == UNSAVED_REFUSED)
		msg_put(w, "unsaved", "yes");
	snprintf(error, sizeof(error), "%s%s%s", a->mailbox ? a->mailbox : "",
	    a->mailbox ? ": " : "",
	    *a->last_error ? a->last_error : refused[a->unsaved]);
	if (a->unsaved != SAVED || *a->last_error)
		msg_put(w, "last_error", error);
	if (*a->last_error && a->error_since)
		msg_put_number(w, "error_since", a->error_since);
}

/* The state of an account's token; of a parent that of its worst mailbox. */
static void
put_state(struct msg_writer *w, const struct account *a)
{
	int64_t now = daemon_now_ms(), wall = daemon_wall_s();
	const struct tokens *t = &a->tokens;

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
	put_troubles(w, a);
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
format(struct msg_writer *w, const struct account *a, int with_conf)
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
int
describe(const struct account *a, struct msg_writer *w, char buf[MSG_MAX])
{
	int r;

	msg_begin(w, buf, MSG_MAX);
	r = format(w, a, 1);
	if (r < 0) {
		msg_begin(w, buf, MSG_MAX);
		r = format(w, a, 0);
	}
	return r;
}
