/* SPDX-License-Identifier: MIT */
/* server - connections: who asks, one request in, one reply out */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/sock.h"
#include "common/util.h"
#include "helper/daemon/daemon.h"
#include "helper/daemon/log.h"
#include "helper/daemon/request.h"
#include "helper/daemon/server.h"

#define CLIENT_MS 5000 /* to send a request, and to take a reply */
#define HOLD_MS 2000   /* to wait for files that are read again */
#define PER_UID 64
#define TOTAL 1024
#define RESERVED 256	 /* of TOTAL, for root and uids with accounts */
#define RESERVED_ROOT 16 /* of those, for root and ourselves */
#define FIRST_SIZE 1024
#define ACCEPT_BURST 64
#define ACCEPT_PAUSE_MS 100 /* while there is no descriptor to be had */

struct server {
	struct daemon *daemon;
	struct event *listening[LISTEN_MAX];
	int listeners;
	struct event *again; /* listen again after a pause */
	struct conn *first;
	unsigned count;
	uid_t overflow_uid; /* stands for uids of other user namespaces */
};

struct conn *
conn_of(struct waiter *w)
{
	return (
	    struct conn *)(void *)((char *)w - offsetof(struct conn, waiter));
}

static void
conn_free(struct conn *c)
{
	struct daemon *d = c->daemon;
	struct conn **p;

	for (p = &c->server->first; *p != c; p = &(*p)->next)
		;
	*p = c->next;
	c->server->count--;
	waiter_cancel(&c->waiter);
	if (c->readable)
		event_free(c->readable);
	if (c->writable)
		event_free(c->writable);
	if (c->timer)
		event_free(c->timer);
	close(c->fd);
	util_wipe(c->buf, c->size);
	free(c->buf);
	util_wipe(c->out, c->out_len);
	free(c->out);
	free(c->wanted);
	free(c);
	daemon_idle(d);
}

/* Send what is left. Frees the connection when all is done, or it broke. */
static void
flush_out(struct conn *c)
{
	ssize_t n;

	while (c->out_sent < c->out_len) {
		n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent,
		    MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			event_add(c->writable, NULL);
			return;
		}
		if (n < 0)
			break;
		c->out_sent += (size_t)n;
	}
	conn_free(c);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush_out(arg);
}

void
conn_send(struct conn *c, const struct msg_writer *w)
{
	/* exact for one message; a list of many grows by halves */
	size_t need = c->out_len + w->len, size = need + c->out_len / 2;
	char *more;

	if (need > c->out_size) {
		more = malloc(size);
		if (!more)
			return; /* the client sees the end, and tries again */
		if (c->out_len > 0)
			memcpy(more, c->out, c->out_len);
		util_wipe(c->out, c->out_len);
		free(c->out);
		c->out = more;
		c->out_size = size;
	}
	memcpy(c->out + c->out_len, w->buf, w->len);
	c->out_len = need;
}

void
conn_finish(struct conn *c)
{
	c->replied = 1;
	if (c->readable)
		event_del(c->readable);
	daemon_timer(c->timer, CLIENT_MS);
	flush_out(c);
}

/* Make room for more of a request, moving nothing secret carelessly. */
static int
grow(struct conn *c)
{
	size_t size = c->size ? c->size * 2 : FIRST_SIZE;
	char *more;

	if (c->size >= MSG_MAX)
		return -ERR_TOOBIG;
	more = malloc(size);
	if (!more)
		return -ENOMEM;
	if (c->len > 0)
		memcpy(more, c->buf, c->len);
	util_wipe(c->buf, c->size);
	free(c->buf);
	c->buf = more;
	c->size = size;
	return 0;
}

/* Take what has come. Returns 1 when the request is whole. */
static int
receive(struct conn *c)
{
	ssize_t n;
	int r;

	for (;;) {
		r = c->len == c->size ? grow(c) : 0;
		if (r < 0)
			return r;
		n = recv(c->fd, c->buf + c->len, c->size - c->len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n == 0)
			return -ERR_CLOSED;
		c->len += (size_t)n;
		n = msg_length(c->buf, c->len);
		if (n != 0)
			return n < 0 ? (int)n : 1;
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	char text[64], reason[128];
	struct msg m;
	int r = receive(c);

	(void)fd;
	(void)what;
	if (r == 0)
		return;
	event_del(c->readable);
	evtimer_del(c->timer);
	if (r > 0)
		r = msg_parse(&m, c->buf, c->len);
	if (r == 0) {
		request_serve(c, &m);
		return;
	}
	if (r > -ERR_FORMAT || (r == -ERR_CLOSED && c->len == 0)) {
		conn_free(c);
		return;
	}
	snprintf(reason, sizeof(reason), "the request is not understood: %s",
	    r == -ERR_CLOSED ? "the empty line at its end is missing"
			     : err_text(r, text, sizeof(text)));
	log_line(LEVEL_INFO, "uid %lu pid %ld: %s", (unsigned long)c->uid,
	    (long)c->pid, reason);
	request_refuse(c, STATUS_BAD, reason);
}

static void
release(struct conn *c)
{
	void (*serve)(struct conn *) = c->held;

	c->held = NULL;
	evtimer_del(c->timer);
	serve(c);
}

void
conn_hold(struct conn *c, void (*serve)(struct conn *c))
{
	c->held = serve;
	daemon_timer(c->timer, HOLD_MS);
}

void
server_release(struct server *s)
{
	struct conn *c, *next;

	for (c = s->first; c; c = next) {
		next = c->next;
		if (c->held)
			release(c);
	}
}

static void
on_client_late(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	if (c->held) {
		release(c);
		return;
	}
	log_line(LEVEL_DEBUG, "uid %lu pid %ld: too slow",
	    (unsigned long)c->uid, (long)c->pid);
	conn_free(c);
}

static unsigned
count_of(const struct server *s, uid_t uid)
{
	const struct conn *c;
	unsigned n = 0;

	for (c = s->first; c; c = c->next)
		n += c->uid == uid;
	return n;
}

/* Whether there is room for the newest connection, which is of that uid. */
static int
has_room(const struct server *s, uid_t uid)
{
	if (count_of(s, uid) > PER_UID)
		return 0;
	if (s->count <= TOTAL - RESERVED)
		return 1;
	if (uid == 0 || uid == geteuid())
		return s->count <= TOTAL;
	return s->count <= TOTAL - RESERVED_ROOT &&
	    table_serves(&s->daemon->table, uid);
}

static struct conn *
conn_new(struct server *s, int fd, uid_t uid, pid_t pid)
{
	struct event_base *base = s->daemon->base;
	struct conn *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return NULL;
	}
	c->server = s;
	c->daemon = s->daemon;
	c->fd = fd;
	c->uid = uid;
	c->pid = pid;
	c->next = s->first;
	s->first = c;
	s->count++;
	daemon_busy(c->daemon);
	c->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(base, fd, EV_WRITE, on_writable, c);
	c->timer = evtimer_new(base, on_client_late, c);
	if (!c->readable || !c->writable || !c->timer ||
	    event_add(c->readable, NULL) < 0) {
		conn_free(c);
		return NULL;
	}
	return c;
}

static void
welcome(struct server *s, int fd)
{
	struct conn *c;
	uid_t uid = (uid_t)-1;
	pid_t pid = 0;

	if (sock_peer(fd, &uid, &pid) < 0 || uid == s->overflow_uid) {
		log_line(LEVEL_INFO,
		    "a connection from another user namespace is refused");
		uid = (uid_t)-1;
		pid = 0;
	}
	c = conn_new(s, fd, uid, pid);
	if (!c)
		return;
	if (!has_room(s, uid)) {
		log_line(LEVEL_WARNING, "uid %lu: too many connections",
		    (unsigned long)uid);
		request_refuse(
		    c, STATUS_TEMPORARY, "too many connections; try again");
		return;
	}
	daemon_timer(c->timer, CLIENT_MS);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;
	int i;

	(void)fd;
	(void)what;
	for (i = 0; i < s->listeners; i++)
		event_add(s->listening[i], NULL);
}

/*
 * Who waits to be accepted would wake us again and again. Connections end
 * within seconds, so that there is room soon.
 */
static void
pause_listening(struct server *s, int code)
{
	char text[64];

	log_line(LEVEL_WARNING,
	    "cannot accept connections: %s; they wait (see LimitNOFILE in "
	    "systemd.exec(5))",
	    err_text(code, text, sizeof(text)));
	server_stop(s);
	daemon_timer(s->again, ACCEPT_PAUSE_MS);
}

static void
on_listening(evutil_socket_t listener, short what, void *arg)
{
	int i, fd;

	(void)what;
	for (i = 0; i < ACCEPT_BURST; i++) {
		fd =
		    accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && errno != EAGAIN && errno != EINTR &&
		    errno != ECONNABORTED)
			pause_listening(arg, -errno);
		if (fd < 0)
			break;
		welcome(arg, fd);
	}
}

struct server *
server_new(struct daemon *d)
{
	struct server *s = calloc(1, sizeof(*s));
	int i;

	if (!s)
		return NULL;
	s->daemon = d;
	s->overflow_uid = sock_overflow_uid();
	s->again = evtimer_new(d->base, on_again, s);
	if (!s->again) {
		server_free(s);
		return NULL;
	}
	for (i = 0; i < d->listeners.count; i++) {
		s->listening[i] = event_new(d->base, d->listeners.fd[i],
		    EV_READ | EV_PERSIST, on_listening, s);
		if (!s->listening[i] || event_add(s->listening[i], NULL) < 0) {
			server_free(s);
			return NULL;
		}
		s->listeners++;
	}
	return s;
}

void
server_stop(struct server *s)
{
	int i;

	evtimer_del(s->again);
	for (i = 0; i < s->listeners; i++)
		event_del(s->listening[i]);
}

void
server_free(struct server *s)
{
	struct conn *c, *next;
	int i;

	if (!s)
		return;
	for (c = s->first; c; c = next) {
		next = c->next;
		conn_free(c);
	}
	for (i = 0; i < LISTEN_MAX; i++)
		if (s->listening[i])
			event_free(s->listening[i]);
	if (s->again)
		event_free(s->again);
	free(s);
}
