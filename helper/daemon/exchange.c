/* SPDX-License-Identifier: MIT */
/* exchange - one exchange with the provider: read files, sign, run a child */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/config/program.h"
#include "helper/daemon/daemon.h"
#include "helper/daemon/exchange.h"
#include "helper/daemon/fetch.h"
#include "helper/daemon/log.h"
#include "helper/daemon/spawn.h"

#define GRACE_MS \
	3000 /* a child has its own deadline; this is for a stuck one */
#define INBOX_PAUSE_US 100000
#define DAY_S INT64_C(86400)
#define CERTIFICATE_WARN_S (30 * DAY_S)

void
exchange_free(struct exchange *x)
{
	struct daemon *d = x->account->daemon;

	d->fetches--;
	if (x->account->parent)
		x->account->parent->box_fetches--;
	account_unpin(x->account);
	account_conf_free(x->conf);
	material_clear(&x->material);
	util_secret_free(x->assertion);
	inbox_clear(&x->inbox);
	if (x->ack >= 0 && x->safe)
		(void)!write(x->ack, "", 1);
	if (x->ack >= 0)
		close(x->ack);
	free(x);
	fetch_next(d);
}

int
exchange_is_wanted(const struct exchange *x)
{
	return x->generation == x->account->generation;
}

int
exchange_is_current(const struct exchange *x)
{
	return x->conf == x->account->conf;
}

const char *
exchange_endpoint(const struct exchange *x)
{
	if (x->conf->token_endpoint)
		return x->conf->token_endpoint;
	/* what was discovered is of the issuer that is named now */
	return exchange_is_current(x) ? x->account->token_endpoint : NULL;
}

struct exchange *
exchange_new(struct account *a)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	if (material_init(&x->material, a->conf) < 0) {
		material_clear(&x->material);
		free(x);
		return NULL;
	}
	x->account = a;
	x->ack = -1;
	inbox_init(&x->inbox);
	x->conf = account_conf_share(a->conf);
	x->generation = a->generation;
	memcpy(x->config_id, a->config_id, sizeof(x->config_id));
	a->daemon->fetches++;
	if (a->parent)
		a->parent->box_fetches++;
	account_pin(a);
	return x;
}

static void
set_why(struct exchange *x, enum status s, const char *why)
{
	x->why_status = s;
	snprintf(x->why, sizeof(x->why), "%s", why);
}

/* Say it in time, and not with every token. */
static void
note_certificate(const struct exchange *x, int64_t ends_at)
{
	struct account *a = x->account;
	int64_t now = daemon_wall_s(), left = ends_at - now;

	a->certificate_expires_at = ends_at;
	if (left > CERTIFICATE_WARN_S || now - a->certificate_warned_at < DAY_S)
		return;
	a->certificate_warned_at = now;
	account_log(a, LEVEL_WARNING, "certificate_expires",
	    "its certificate %s ends in %lld days; give the provider a new one "
	    "and replace the file",
	    x->conf->client_certificate ? x->conf->client_certificate
					: x->material.path[MATERIAL_KEY],
	    (long long)(left > 0 ? left / DAY_S : 0));
}

static void
on_signed(void *context, struct child_result *r)
{
	struct exchange *x = context;
	const char *why = NULL, *assertion;
	enum status s = STATUS_TEMPORARY;
	int64_t ends_at = 0;
	struct msg reply;

	if (child_message(r, PROGRAM_SIGN, &reply, &why) == 0) {
		s = status_parse(msg_get(&reply, "status"));
		why = msg_get(&reply, "reason");
		msg_get_number(&reply, "certificate_expires_at", 0,
		    INT64_MAX / 2, &ends_at);
		assertion = msg_get(&reply, "assertion");
		if (s == STATUS_OK && assertion)
			x->assertion = strdup(assertion);
	}
	if (ends_at > 0)
		note_certificate(x, ends_at);
	if (!x->assertion)
		set_why(x, s == STATUS_CONFIG ? s : STATUS_TEMPORARY,
		    why ? why : "no assertion was signed");
	x->ready(x);
}

/* Have the assertion signed that this account's grant needs. */
static int
sign(struct exchange *x)
{
	struct account *a = x->account;
	const struct account_conf *c = x->conf;
	int is_grant = c->grant == GRANT_JWT_BEARER;
	const char *audience = exchange_endpoint(x);
	struct msg_writer w;
	struct child_call call = {.program = PROGRAM_SIGN, .w = &w};
	char *buf = malloc(MSG_MAX);
	int r;

	if (!buf)
		return -ENOMEM;
	memcpy(call.fd, x->material.fd + MATERIAL_KEY, sizeof(call.fd));
	call.timeout_ms = a->daemon->settings.fetch_timeout_s * 1000;
	msg_begin(&w, buf, MSG_MAX);
	material_put_sign(&w, &x->material, c,
	    is_grant ? "grant_assertion" : "client_assertion",
	    audience ? audience : c->issuer);
	if (is_grant) {
		msg_put(&w, "subject", a->mailbox ? a->mailbox : c->user);
		msg_put(&w, "scope", c->scope);
	}
	r = msg_end(&w);
	if (r == 0)
		r = child_start(a->daemon->children, &call, on_signed, x);
	util_wipe(buf, w.len);
	free(buf);
	return r;
}

static void
read_files(struct job *j)
{
	struct exchange *x = (struct exchange *)j;

	if (inbox_open(&x->inbox) == 0)
		material_read(&x->material);
}

static void
look_again(evutil_socket_t fd, short what, void *arg)
{
	struct exchange *x = arg;

	(void)fd;
	(void)what;
	if (x->account->tokens.refresh_token)
		inbox_prepare(&x->inbox, x->inbox.dirfd, x->inbox.ring,
		    x->account->file, x->account->tokens.refresh_token);
	worker_submit(x->account->daemon->worker, &x->job);
}

/*
 * The child of a daemon before us has not ended: its answer may be the only one
 * that there will be. Returns whether it is waited for.
 */
static int
wait_for_inbox(struct exchange *x)
{
	static const struct timeval pause = {.tv_usec = INBOX_PAUSE_US};

	return x->inbox.error == -EWOULDBLOCK &&
	    util_now_ms() < x->patience_ms &&
	    event_base_once(x->account->daemon->base, -1, EV_TIMEOUT,
		look_again, x, &pause) == 0;
}

static void
look_at_files(struct job *j)
{
	material_look(&((struct exchange *)j)->material);
}

static void
on_looked(struct job *j)
{
	struct exchange *x = (struct exchange *)j;

	x->ready(x);
}

static void
explain_inbox(struct exchange *x)
{
	char why[CONF_TEXT_MAX], text[64];

	if (x->inbox.error == -EWOULDBLOCK)
		snprintf(why, sizeof(why),
		    "the answer to a request of the sasl-bearerd before this "
		    "one has not come yet");
	else
		snprintf(why, sizeof(why), "cannot look for answers in %s: %s",
		    x->account->daemon->settings.state_dir,
		    err_text(x->inbox.error, text, sizeof(text)));
	set_why(x, STATUS_TEMPORARY, why);
}

static void
on_read(struct job *j)
{
	struct exchange *x = (struct exchange *)j;
	char text[64];
	int r = 0;

	if (wait_for_inbox(x))
		return;
	if (x->inbox.error < 0) {
		explain_inbox(x);
		x->ready(x);
		return;
	}
	memcpy(x->account->files, x->material.id, sizeof(x->material.id));
	if (*x->material.why)
		set_why(x, STATUS_CONFIG, x->material.why);
	else if (x->inbox.left.count == 0 && x->material.path[MATERIAL_KEY] &&
	    exchange_is_wanted(x) && (r = sign(x)) == 0)
		return;
	if (r < 0)
		set_why(x, STATUS_TEMPORARY, err_text(r, text, sizeof(text)));
	x->ready(x);
}

void
exchange_start(struct exchange *x, void (*ready)(struct exchange *x))
{
	x->ready = ready;
	x->patience_ms = util_now_ms() +
	    x->account->daemon->settings.fetch_timeout_s * 1000 + GRACE_MS;
	x->job.run = read_files;
	x->job.done = on_read;
	worker_submit(x->account->daemon->worker, &x->job);
}

void
exchange_look(struct exchange *x, void (*ready)(struct exchange *x))
{
	x->ready = ready;
	x->job.run = look_at_files;
	x->job.done = on_looked;
	worker_submit(x->account->daemon->worker, &x->job);
}

/* How the client proves itself, and the way to the provider. */
static void
put_client(struct msg_writer *w, const struct exchange *x)
{
	const struct account_conf *c = x->conf;
	const struct settings *s = &x->account->daemon->settings;
	const char *text = x->material.text;

	msg_put(w, "issuer", c->issuer);
	msg_put(w, "client_id", c->client_id);
	if (x->material.path[MATERIAL_KEY])
		msg_put(w,
		    c->grant == GRANT_JWT_BEARER ? "assertion"
						 : "client_assertion",
		    x->assertion);
	else if (c->assertion_file)
		msg_put(w, "client_assertion", text);
	else
		msg_put(w, "client_secret", text ? text : c->client_secret);
	if (c->client_auth == CLIENT_AUTH_BASIC)
		msg_put(w, "client_auth", "basic");
	msg_put(w, "ca_file", c->ca_file ? c->ca_file : s->ca_file);
	msg_put(w, "proxy", c->proxy ? c->proxy : s->proxy);
	msg_put_number(w, "timeout_ms", s->fetch_timeout_s * 1000);
}

static void
on_fetched(void *context, struct child_result *r)
{
	struct exchange *x = context;
	const char *why = NULL;
	struct msg reply;
	int code = child_message(r, PROGRAM_FETCH, &reply, &why);

	x->safe = code == 0;
	x->done(x, code == 0 ? &reply : NULL, why);
}

/* Give the child what it needs to keep the answer safe: see inbox.h. */
static void
share_inbox(struct exchange *x, struct child_call *call)
{
	int ack[2];

	if (x->inbox.fd < 0 || pipe2(ack, O_CLOEXEC) < 0)
		return;
	call->fd[0] = ack[0];
	call->fd[1] = x->inbox.fd;
	x->ack = ack[1];
	inbox_put(&x->inbox, call->w);
}

int
exchange_send(struct exchange *x,
    void (*put)(struct msg_writer *w, const struct exchange *x),
    exchange_done *done)
{
	struct daemon *d = x->account->daemon;
	struct msg_writer w;
	struct child_call call = {
	    .program = PROGRAM_FETCH,
	    .w = &w,
	    .fd = {-1, -1},
	    .timeout_ms = d->settings.fetch_timeout_s * 1000 + GRACE_MS,
	};
	char *buf = malloc(MSG_MAX);
	int r;

	if (!buf)
		return -ENOMEM;
	x->done = done;
	msg_begin(&w, buf, MSG_MAX);
	put(&w, x);
	put_client(&w, x);
	share_inbox(x, &call);
	r = msg_end(&w);
	if (r == 0)
		r = child_start(d->children, &call, on_fetched, x);
	if (call.fd[0] >= 0)
		close(call.fd[0]);
	inbox_clear(&x->inbox); /* the child has it, and its lock */
	util_wipe(buf, w.len);
	free(buf);
	return r;
}

int
exchange_command(struct exchange *x, child_done *done)
{
	struct daemon *d = x->account->daemon;
	const struct child_call call = {
	    .program = SPAWN_COMMAND,
	    .account = x->conf->name,
	    .fd = {-1, -1},
	    .timeout_ms = d->settings.fetch_timeout_s * 1000,
	};

	return child_start(d->children, &call, done, x);
}
