/* SPDX-License-Identifier: MIT */
/* exchange - one exchange with the provider: read the secret, run a child */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/util.h"
#include "helper/daemon/daemon.h"
#include "helper/daemon/exchange.h"

#define GRACE_MS \
	3000 /* a child has its own deadline; this is for a stuck one */

void
exchange_free(struct exchange *x)
{
	x->account->daemon->fetches--;
	account_unpin(x->account);
	free(x->secret_path);
	util_secret_free(x->secret);
	free(x);
}

int
exchange_is_wanted(const struct exchange *x)
{
	return x->generation == x->account->generation;
}

/* The path of the file with the client secret, if it is in a file. */
static int
find_secret(struct exchange *x)
{
	const struct account_conf *c = x->account->conf;
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char path[4096];
	int n;

	if (c->client_secret_file) {
		x->secret_path = strdup(c->client_secret_file);
		return x->secret_path ? 0 : -ENOMEM;
	}
	if (!c->client_secret_credential)
		return 0;
	if (!dir) {
		snprintf(x->why, sizeof(x->why),
		    "client_secret_credential needs a start by systemd, with "
		    "LoadCredential= in the unit");
		return 0;
	}
	n = snprintf(
	    path, sizeof(path), "%s/%s", dir, c->client_secret_credential);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	x->secret_path = strdup(path);
	return x->secret_path ? 0 : -ENOMEM;
}

struct exchange *
exchange_new(struct account *a)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->account = a;
	x->generation = a->generation;
	memcpy(x->config_id, a->config_id, sizeof(x->config_id));
	a->daemon->fetches++;
	account_pin(a);
	if (find_secret(x) < 0) {
		exchange_free(x);
		return NULL;
	}
	return x;
}

/* In the worker thread: a disk may make one wait. */
static void
read_secret(struct job *j)
{
	struct exchange *x = (struct exchange *)j;
	struct stat st;

	if (!x->secret_path)
		return;
	if (stat(x->secret_path, &st) == 0) {
		x->secret_id.dev = st.st_dev;
		x->secret_id.ino = st.st_ino;
		x->secret_id.ctime = st.st_ctim;
	}
	if (!x->check_only)
		secret_read(x->secret_path, SECRET_MAX, &x->secret, x->why);
}

void
exchange_start(struct exchange *x, void (*done)(struct job *j))
{
	x->job.run = read_secret;
	x->job.done = done;
	worker_submit(x->account->daemon->worker, &x->job);
}

static void
put_client(struct msg_writer *w, const struct exchange *x)
{
	const struct account_conf *c = x->account->conf;
	const struct settings *s = &x->account->daemon->settings;

	msg_put(w, "issuer", c->issuer);
	msg_put(w, "client_id", c->client_id);
	msg_put(w, "client_secret", x->secret ? x->secret : c->client_secret);
	if (c->client_auth == CLIENT_AUTH_BASIC)
		msg_put(w, "client_auth", "basic");
	msg_put(w, "ca_file", c->ca_file ? c->ca_file : s->ca_file);
	msg_put(w, "proxy", c->proxy ? c->proxy : s->proxy);
	msg_put_number(w, "timeout_ms", s->fetch_timeout_s * 1000);
}

int
exchange_send(struct exchange *x,
    void (*put)(struct msg_writer *w, const struct account *a),
    child_done *done)
{
	struct daemon *d = x->account->daemon;
	struct msg_writer w;
	char *buf = malloc(MSG_MAX);
	int r;

	if (!buf)
		return -ENOMEM;
	msg_begin(&w, buf, MSG_MAX);
	put(&w, x->account);
	put_client(&w, x);
	r = msg_end(&w);
	if (r == 0)
		r = child_start(d->children, &w,
		    d->settings.fetch_timeout_s * 1000 + GRACE_MS, done, x);
	util_wipe(buf, w.len);
	free(buf);
	return r;
}
