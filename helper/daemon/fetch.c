/* SPDX-License-Identifier: MIT */
/* fetch - get a token from the provider, through a child */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/util.h"
#include "helper/daemon/daemon.h"
#include "helper/daemon/fetch.h"
#include "helper/daemon/log.h"
#include "helper/daemon/save.h"

#define FETCHES_MAX 128 /* at a time; well below SPAWN_MAX */
#define GRACE_MS 3000 /* a child has its own deadline; this is for a stuck one */
#define SECRET_MAX 4096
#define EXPIRES_IN_DEFAULT 600
#define EXPIRES_IN_MAX (10 * 366 * 86400LL)

/* One exchange with the provider on its way. */
struct fetch {
	struct job job;
	struct account *account;
	unsigned generation;
	char config_id[CONFIG_ID_SIZE]; /* of the registration that is used */
	char *secret_path;
	char *secret;
	struct file_id secret_id;
	char why[CONF_TEXT_MAX]; /* the secret cannot be read */
	int check_only;
	int64_t refresh_in_s;
	void (*revoked)(struct account *, const char *, void *);
	void *context;
};

static void
fetch_free(struct fetch *f)
{
	f->account->daemon->fetches--;
	account_unpin(f->account);
	free(f->secret_path);
	util_secret_free(f->secret);
	free(f);
}

/* Whether nobody has signed in or out since the exchange began. */
static int
is_wanted(const struct fetch *f)
{
	return f->generation == f->account->generation;
}

/* The path of the file with the client secret, if it is in a file. */
static int
find_secret(const struct account_conf *c, char **ret)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char path[4096];
	int n;

	*ret = NULL;
	if (c->client_secret_file) {
		*ret = strdup(c->client_secret_file);
	} else if (c->client_secret_credential) {
		n = snprintf(path, sizeof(path), "%s/%s",
		    dir ? dir : "/run/credentials",
		    c->client_secret_credential);
		if (n < 0 || (size_t)n >= sizeof(path))
			return -ENAMETOOLONG;
		*ret = strdup(path);
	} else {
		return 0;
	}
	return *ret ? 0 : -ENOMEM;
}

static struct fetch *
fetch_new(struct account *a)
{
	struct fetch *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	if (find_secret(a->conf, &f->secret_path) < 0) {
		free(f);
		return NULL;
	}
	f->account = a;
	f->generation = a->generation;
	memcpy(f->config_id, a->config_id, sizeof(f->config_id));
	a->daemon->fetches++;
	account_pin(a);
	return f;
}

/* In the worker thread: a disk may make one wait. */
static void
read_secret(struct job *j)
{
	struct fetch *f = (struct fetch *)j;
	struct stat st;

	if (!f->secret_path)
		return;
	if (stat(f->secret_path, &st) == 0) {
		f->secret_id.dev = st.st_dev;
		f->secret_id.ino = st.st_ino;
		f->secret_id.ctime = st.st_ctim;
	}
	if (!f->check_only)
		secret_read(f->secret_path, SECRET_MAX, &f->secret, f->why);
}

static void
put_common(struct msg_writer *w, const struct fetch *f)
{
	const struct account_conf *c = f->account->conf;
	const struct settings *s = &f->account->daemon->settings;

	msg_put(w, "issuer", c->issuer);
	msg_put(w, "client_id", c->client_id);
	msg_put(w, "client_secret", f->secret ? f->secret : c->client_secret);
	if (c->client_auth == CLIENT_AUTH_BASIC)
		msg_put(w, "client_auth", "basic");
	msg_put(w, "ca_file", c->ca_file ? c->ca_file : s->ca_file);
	msg_put(w, "proxy", c->proxy ? c->proxy : s->proxy);
	msg_put_number(w, "timeout_ms", s->fetch_timeout_s * 1000);
}

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

static void
put_revocation(struct msg_writer *w, const struct account *a)
{
	msg_put(w, "operation", "revoke");
	msg_put(w, "revocation_endpoint", a->conf->revocation_endpoint);
	msg_put(w, "token", a->tokens.refresh_token);
	msg_put(w, "token_type_hint", "refresh_token");
}

/* Send the request to a child. */
static int
launch(struct fetch *f, child_done *done)
{
	struct daemon *d = f->account->daemon;
	struct msg_writer w;
	char *buf = malloc(MSG_MAX);
	int r;

	if (!buf)
		return -ENOMEM;
	msg_begin(&w, buf, MSG_MAX);
	if (f->revoked)
		put_revocation(&w, f->account);
	else
		put_token_request(&w, f->account);
	put_common(&w, f);
	r = msg_end(&w);
	if (r == 0)
		r = child_start(d->children, &w,
		    d->settings.fetch_timeout_s * 1000 + GRACE_MS, done, f);
	util_wipe(buf, w.len);
	free(buf);
	return r;
}

/*
 * A fetch has failed. What is to be done about it follows from the status:
 * temporary trouble ends by itself.
 */
static void
fail(struct fetch *f, enum status s, const char *why, int64_t retry_after_s)
{
	struct account *a = f->account;
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
	log_line(LEVEL_WARNING, "account \"%s\": no new token: %s", a->name,
	    reason);
	account_set_error(a, s, reason);
	account_event(a, e, &info);
	account_settle(a);
}

static char *
dup_or_null(const char *text)
{
	return text ? strdup(text) : NULL;
}

/* The credentials a reply brings, with the old ones where it has none. */
static int
make_tokens(const struct fetch *f, const struct msg *reply, struct tokens *ret)
{
	const struct account *a = f->account;
	struct tokens t = {
	    .access_token = dup_or_null(msg_get(reply, "access_token")),
	    .scope = dup_or_null(msg_get(reply, "scope")),
	    .flow = dup_or_null(a->tokens.flow),
	    .config_id = dup_or_null(f->config_id),
	    .obtained_at = daemon_wall_s(),
	    .refresh_obtained_at = a->tokens.refresh_obtained_at,
	};
	const char *refresh = msg_get(reply, "refresh_token");
	int64_t expires_in = EXPIRES_IN_DEFAULT;

	if (a->conf->grant == GRANT_REFRESH_TOKEN) {
		if (refresh)
			t.refresh_obtained_at = t.obtained_at;
		else
			refresh = a->tokens.refresh_token;
		t.refresh_token = dup_or_null(refresh);
	}
	if (!t.scope)
		t.scope = dup_or_null(a->tokens.scope);
	if (msg_get_number(reply, "expires_in", 1, EXPIRES_IN_MAX,
		&expires_in) < 0 ||
	    !t.access_token || !t.config_id ||
	    (a->conf->grant == GRANT_REFRESH_TOKEN && !t.refresh_token)) {
		tokens_clear(&t);
		return -EINVAL;
	}
	t.expires_at = t.obtained_at + expires_in;
	*ret = t;
	return 0;
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
	log_line(LEVEL_INFO,
	    "account \"%s\": new token %s, valid for %lld s", a->name,
	    a->token_id,
	    (long long)(a->tokens.expires_at - a->tokens.obtained_at));
	account_settle(a);
}

static void
on_saved(struct account *a, struct tokens *t, int r, void *context)
{
	struct fetch *f = context;

	(void)r; /* logged; the token is served from memory */
	if (is_wanted(f))
		succeed(a, t, f->refresh_in_s);
	fetch_free(f);
}

/*
 * Take over what a successful reply brings. A refresh token that is new must be
 * on the disk before anyone uses what came with it: the old one may be dead.
 * Returns 1 when f lives on until then.
 */
static int
take_reply(struct fetch *f, const struct msg *reply)
{
	struct account *a = f->account;
	const char *endpoint = msg_get(reply, "token_endpoint");
	struct tokens t = {0}, copy = {0};

	if (make_tokens(f, reply, &t) < 0) {
		fail(f, STATUS_TEMPORARY,
		    "sasl-bearer-fetch sent a reply that makes no sense", 0);
		return 0;
	}
	if (endpoint)
		account_set_endpoint(a, endpoint);
	msg_get_number(
	    reply, "refresh_in", 1, EXPIRES_IN_MAX, &f->refresh_in_s);
	if (t.refresh_token &&
	    strcmp(t.refresh_token, a->tokens.refresh_token) != 0 &&
	    save_start(a, &t, 1, on_saved, f) == 0)
		return 1;
	if (tokens_copy(&t, &copy) == 0 &&
	    save_start(a, &copy, a->unsaved, NULL, NULL) < 0)
		tokens_clear(&copy);
	succeed(a, &t, f->refresh_in_s);
	return 0;
}

static void
on_reply(void *context, const struct msg *reply, const char *why)
{
	struct fetch *f = context;
	struct daemon *d = f->account->daemon;
	enum status s = STATUS_TEMPORARY;
	int64_t retry_after = 0;
	int lives = 0;

	if (reply) {
		s = status_parse(msg_get(reply, "status"));
		why = msg_get(reply, "reason");
		msg_get_number(reply, "retry_after", 0, 86400, &retry_after);
	}
	if (!is_wanted(f))
		log_line(LEVEL_INFO,
		    "account \"%s\": a reply that came too late is dropped",
		    f->account->name);
	else if (s == STATUS_OK)
		lives = take_reply(f, reply);
	else
		fail(f, s, why ? why : "no reason given", retry_after);
	if (!lives)
		fetch_free(f);
	fetch_next(d);
}

/* The secret has been read, or there is none: go to the provider. */
static void
on_secret(struct job *j)
{
	struct fetch *f = (struct fetch *)j;
	struct account *a = f->account;
	char text[64];
	int r;

	a->secret_id = f->secret_id;
	if (!is_wanted(f)) {
		fetch_free(f);
		return;
	}
	if (f->secret_path && !f->secret) {
		fail(f, STATUS_CONFIG, f->why, 0);
		fetch_free(f);
		return;
	}
	r = launch(f, on_reply);
	if (r < 0) {
		fail(f, STATUS_TEMPORARY, err_text(r, text, sizeof(text)), 0);
		fetch_free(f);
	}
}

static void
begin(struct account *a)
{
	struct fetch *f = fetch_new(a);

	if (!f) {
		/* no memory: as if this attempt had not been */
		a->life.fetching = 0;
		return;
	}
	log_line(LEVEL_DEBUG, "account \"%s\": fetching a token", a->name);
	f->job.run = read_secret;
	f->job.done = on_secret;
	worker_submit(a->daemon->worker, &f->job);
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

static void
on_revoked(void *context, const struct msg *reply, const char *why)
{
	struct fetch *f = context;
	enum status s = reply ? status_parse(msg_get(reply, "status"))
			      : STATUS_TEMPORARY;

	if (reply)
		why = msg_get(reply, "reason");
	f->revoked(f->account, s == STATUS_OK ? NULL : why ? why : "refused",
	    f->context);
	fetch_free(f);
}

static void
on_secret_to_revoke(struct job *j)
{
	struct fetch *f = (struct fetch *)j;

	if (launch(f, on_revoked) == 0)
		return;
	f->revoked(f->account, "cannot start sasl-bearer-fetch", f->context);
	fetch_free(f);
}

int
fetch_revoke(struct account *a,
    void (*done)(struct account *a, const char *reason, void *context),
    void *context)
{
	struct fetch *f;

	if (!a->tokens.refresh_token || a->tokens_unusable ||
	    (!a->conf->revocation_endpoint && !a->conf->issuer))
		return -ENOTSUP;
	f = fetch_new(a);
	if (!f)
		return -ENOMEM;
	f->revoked = done;
	f->context = context;
	f->job.run = read_secret;
	f->job.done = on_secret_to_revoke;
	worker_submit(a->daemon->worker, &f->job);
	return 0;
}

static int
same_file(const struct file_id *a, const struct file_id *b)
{
	return a->dev == b->dev && a->ino == b->ino &&
	    a->ctime.tv_sec == b->ctime.tv_sec &&
	    a->ctime.tv_nsec == b->ctime.tv_nsec;
}

static void
on_checked(struct job *j)
{
	struct fetch *f = (struct fetch *)j;
	struct account *a = f->account;

	if (!same_file(&f->secret_id, &a->secret_id)) {
		log_line(LEVEL_INFO,
		    "account \"%s\": %s has changed; trying again", a->name,
		    f->secret_path);
		a->secret_id = f->secret_id;
		account_event(a, EVENT_MENDED, NULL);
	}
	fetch_free(f);
}

void
fetch_check_secret(struct account *a)
{
	struct fetch *f;

	if (a->life.fetching || a->removed)
		return;
	f = fetch_new(a);
	if (!f)
		return;
	if (!f->secret_path) {
		fetch_free(f);
		return;
	}
	f->check_only = 1;
	f->job.run = read_secret;
	f->job.done = on_checked;
	worker_submit(a->daemon->worker, &f->job);
}
