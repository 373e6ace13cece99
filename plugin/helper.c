/* SPDX-License-Identifier: MIT */
/* helper - the plugin's three requests to sasl-bearerd */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "plugin/helper.h"

#define REQUEST_SIZE 4096
#define REPLY_MARGIN_MS 500 /* the helper answers this much before we stop */
#define REJECT_MS 2000

#ifndef HAVE_SECURE_GETENV
#define secure_getenv(name) (issetugid() ? NULL : getenv(name))
#endif

/* A place where a helper may listen. */
struct place {
	char path[SOCK_PATH_MAX];
	int own; /* only a helper of root or of our own uid is believed */
};

#define PLACES_MAX 2

/*
 * The sockets to try, in order: the one the environment names and no other,
 * or the user's, then the system's.
 */
static size_t
find_places(struct place p[PLACES_MAX])
{
	const char *env = secure_getenv("SASL_BEARER_SOCKET");
	size_t n = 0;

	if (env && *env) {
		p[0].own = 1;
		if (strlen(env) >= sizeof(p[0].path))
			return 0;
		memcpy(p[0].path, env, strlen(env) + 1);
		return 1;
	}
	if (sock_user_path(p[n].path, sizeof(p[n].path)) == 0)
		p[n++].own = 1;
	memcpy(p[n].path, RUN_DIR "/socket", sizeof(RUN_DIR "/socket"));
	p[n++].own = 0;
	return n;
}

/* Send a finished request to a place and receive the reply. */
static int
request(struct helper *h, const struct place *p, struct msg_writer *w,
    int64_t deadline_ms)
{
	uid_t uid;
	pid_t pid;
	int r = msg_end(w);

	h->sock.fd = -1;
	h->sock.len = 0;
	if (r == 0)
		r = sock_open(&h->sock, p->path, deadline_ms);
	if (r == 0)
		r = sock_peer(h->sock.fd, &uid, &pid);
	if (r == 0 && p->own && uid != 0 && uid != geteuid())
		r = -ERR_PEER;
	if (r == 0)
		r = sock_send(&h->sock, w);
	if (r == 0)
		r = sock_next(&h->sock, &h->reply);
	if (r == 0 && h->sock.used != h->sock.len)
		r = -ERR_FORMAT;
	return r;
}

/* Whether there is just no helper at a place, or one that is not ours. */
static int
is_absent(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ERR_PEER;
}

/* Whether the helper of a socket has ever served our uid. */
static int
has_marker(const char *path)
{
	const char *slash = strrchr(path, '/');
	char marker[SOCK_PATH_MAX + 32];

	if (!slash)
		return 0;
	snprintf(marker, sizeof(marker), "%.*s/accounts/%lu",
	    (int)(slash - path), path, (unsigned long)geteuid());
	return access(marker, F_OK) == 0;
}

int
helper_offers(struct helper *h, int64_t deadline_ms)
{
	struct place places[PLACES_MAX];
	struct msg_writer w;
	char buf[REQUEST_SIZE];
	size_t i, n = find_places(places);
	int r, offers = 0;

	for (i = 0; i < n && !offers; i++) {
		msg_begin(&w, buf, sizeof(buf));
		msg_put(&w, "request", "hello");
		r = request(h, &places[i], &w, deadline_ms);
		if (r == 0)
			offers = status_parse(msg_get(&h->reply, "status")) ==
			    STATUS_OK;
		else if (!is_absent(r))
			offers = has_marker(places[i].path);
		helper_end(h);
	}
	return offers;
}

static void
put_query(struct msg_writer *w, const struct helper_query *q)
{
	msg_put(w, "user", q->user);
	msg_put(w, "authzid", q->authzid);
	msg_put(w, "service", q->service);
	msg_put(w, "host", q->host);
	msg_put(w, "port", q->port);
	msg_put(w, "mechanism", q->mechanism);
}

/* Judge a reply to a token request; *ret_reason says what is wrong with it. */
static enum status
judge(const struct msg *reply, const char **ret_reason)
{
	const char *token = msg_get(reply, "token");
	enum status s = status_parse(msg_get(reply, "status"));

	*ret_reason = msg_get(reply, "reason");
	if (!*ret_reason)
		*ret_reason = "the token helper gave no reason";
	if (s != STATUS_OK)
		return s;
	if (token && util_b64token_valid(token) &&
	    msg_get(reply, "sasl_user") && msg_get(reply, "token_id"))
		return STATUS_OK;
	*ret_reason = "the token helper sent a reply that makes no sense; "
		      "are plugin and sasl-bearerd of one version?";
	return STATUS_BAD;
}

/* Say why a place could not be asked. */
static void
explain(struct helper *h, const char *path, int r)
{
	char text[64];

	if (r == -ENOENT)
		snprintf(h->reason, sizeof(h->reason),
		    "no token helper listens at %s; start sasl-bearerd, and "
		    "for a program in a chroot give it a socket in there",
		    path);
	else if (r == -ETIMEDOUT)
		snprintf(h->reason, sizeof(h->reason),
		    "no answer in time from the token helper at %s; see its "
		    "log",
		    path);
	else
		snprintf(h->reason, sizeof(h->reason),
		    "cannot reach the token helper at %s: %s; is sasl-bearerd "
		    "running?",
		    path, err_text(r, text, sizeof(text)));
}

static int
request_token(struct helper *h, const struct place *p,
    const struct helper_query *q, int64_t deadline_ms)
{
	struct msg_writer w;
	char buf[REQUEST_SIZE];
	int64_t left = deadline_ms - util_now_ms() - REPLY_MARGIN_MS;

	msg_begin(&w, buf, sizeof(buf));
	msg_put(&w, "request", "token");
	put_query(&w, q);
	msg_put_number(&w, "deadline_ms", left > 0 ? left : 1);
	return request(h, p, &w, deadline_ms);
}

enum status
helper_token(
    struct helper *h, const struct helper_query *q, int64_t deadline_ms)
{
	struct place places[PLACES_MAX];
	enum status s, result = STATUS_TEMPORARY;
	const char *reason;
	size_t i, n = find_places(places);
	int r, unreachable = 0;

	h->sock.fd = -1;
	h->sock.len = 0;
	explain(h, n ? places[n - 1].path : "$SASL_BEARER_SOCKET",
	    n ? -ENOENT : -ENAMETOOLONG);
	for (i = 0; i < n; i++) {
		r = request_token(h, &places[i], q, deadline_ms);
		if (r == 0) {
			s = judge(&h->reply, &reason);
			if (s != STATUS_DENIED || !unreachable) {
				snprintf(
				    h->reason, sizeof(h->reason), "%s", reason);
				result = s;
			}
			if (s != STATUS_DENIED) {
				memcpy(
				    h->path, places[i].path, sizeof(h->path));
				return s;
			}
		} else if (!is_absent(r)) {
			explain(h, places[i].path, r);
			result = STATUS_TEMPORARY;
			unreachable = 1;
		}
		helper_end(h);
	}
	return result;
}

void
helper_reject(struct helper *h, const char *path, const struct helper_query *q,
    const char *token_id, const char *detail)
{
	struct place p = {.own = 0};
	struct msg_writer w;
	char buf[REQUEST_SIZE];

	memcpy(p.path, path, sizeof(p.path));
	msg_begin(&w, buf, sizeof(buf));
	msg_put(&w, "request", "reject");
	put_query(&w, q);
	msg_put(&w, "token_id", token_id);
	msg_put(&w, "detail", detail);
	request(h, &p, &w, util_now_ms() + REJECT_MS);
	helper_end(h);
}

void
helper_end(struct helper *h)
{
	sock_close(&h->sock);
}
