/* SPDX-License-Identifier: MIT */
/* loopback - wait at an address of this machine for a browser (RFC 8252) */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/http-request.h"
#include "helper/cli/listener.h"
#include "helper/cli/loopback.h"
#include "helper/cli/page.h"

#define CONNS 16
#define HEAD_MS 10000  /* for a request to arrive */
#define LINGER_MS 2000 /* for a browser to take what was sent */
#define ANSWER_MS 5000
#define TICK_MS 250

/* A connection; fd is -1 where there is none. */
struct conn {
	int fd;
	int closing; /* answered: what still comes is thrown away */
	int64_t deadline_ms;
	uint64_t number; /* in the order of their coming */
	size_t len;
	char buf[HTTP_REQUEST_MAX];
};

struct loopback {
	struct listener listener;
	char host[32];
	char path[REDIRECT_MAX];
	uint64_t count; /* of all connections so far */
	int answer; /* the connection that waits for loopback_answer(), or -1 */
	struct conn conns[CONNS];
};

static void
close_conn(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	util_wipe(c->buf, c->len); /* a code may be in it */
	c->fd = -1;
	c->len = 0;
	c->closing = 0;
}

int
loopback_open(const struct redirect *to, struct loopback **ret)
{
	struct loopback *l = calloc(1, sizeof(*l));
	char uri[REDIRECT_MAX];
	size_t i;
	int r;

	if (!l)
		return -ENOMEM;
	l->answer = -1;
	for (i = 0; i < CONNS; i++)
		l->conns[i].fd = -1;
	r = listener_open(&l->listener, to);
	if (r < 0) {
		free(l);
		return r;
	}
	redirect_format(to, l->listener.port, uri, l->host);
	memcpy(l->path, to->path, sizeof(l->path));
	*ret = l;
	return 0;
}

int
loopback_port(const struct loopback *l)
{
	return l->listener.port;
}

/* Send what fits at once and say that nothing follows. */
static void
respond(struct conn *c, const char *response, size_t len)
{
	/* a few KiB to an empty buffer: it fits, or the other end is odd */
	(void)send(c->fd, response, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(c->fd, SHUT_WR);
	c->closing = 1;
	c->deadline_ms = util_now_ms() + LINGER_MS;
}

static void
respond_error(struct conn *c, enum page_error error)
{
	respond(c, page_error(error), strlen(page_error(error)));
}

static void
respond_foreign(struct conn *c)
{
	const struct page page = {.kind = PAGE_FOREIGN};
	char *response;
	size_t len;

	if (page_response(&page, &response, &len) < 0) {
		respond_error(c, PAGE_BAD_REQUEST);
		return;
	}
	respond(c, response, len);
	free(response);
}

/* Serve a whole request. Returns 1 when it is the answer. */
static int
serve(struct loopback *l, struct conn *c, const struct http_request *r,
    const struct loopback_waiter *waiter)
{
	if (strcmp(r->method, "GET") != 0)
		respond_error(c, PAGE_METHOD_NOT_ALLOWED);
	else if (!util_case_equal(r->host, l->host))
		respond_error(c, PAGE_BAD_REQUEST);
	else if (strcmp(r->path, l->path) != 0)
		respond_error(c, PAGE_NOT_FOUND);
	else if (waiter->judge(waiter->context, r->query))
		return 1;
	else
		respond_foreign(c);
	return 0;
}

/* Read what has come. Returns 1 when it is the answer. */
static int
read_conn(
    struct loopback *l, struct conn *c, const struct loopback_waiter *waiter)
{
	struct http_request request;
	char rest[1024];
	ssize_t n, head;

	if (c->closing)
		n = recv(c->fd, rest, sizeof(rest), MSG_DONTWAIT);
	else
		n = recv(c->fd, c->buf + c->len, sizeof(c->buf) - c->len,
		    MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_conn(c);
	if (n <= 0 || c->closing)
		return 0;
	c->len += (size_t)n;
	head = http_request_parse(&request, c->buf, c->len);
	if (head < 0)
		respond_error(c, PAGE_BAD_REQUEST);
	return head > 0 && serve(l, c, &request, waiter);
}

/* Take a new connection, in the place of the oldest one if need be. */
static void
accept_conn(struct loopback *l, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct conn *c = &l->conns[0];
	size_t i;

	if (fd < 0)
		return;
	for (i = 0; c->fd >= 0 && i < CONNS; i++)
		if (l->conns[i].fd < 0 || l->conns[i].number < c->number)
			c = &l->conns[i];
	close_conn(c);
	c->fd = fd;
	c->number = l->count++;
	c->deadline_ms = util_now_ms() + HEAD_MS;
}

/* Close whose time is over. */
static void
expire(struct loopback *l)
{
	int64_t now_ms = util_now_ms();
	size_t i;

	for (i = 0; i < CONNS; i++)
		if (l->conns[i].fd >= 0 && l->conns[i].deadline_ms <= now_ms)
			close_conn(&l->conns[i]);
}

/* Wait for something to happen, for a tick at most, and fill in what did. */
static void
wait_once(const struct loopback *l, struct pollfd *p, int64_t left_ms)
{
	size_t i;

	for (i = 0; i < LISTENERS; i++)
		p[i] =
		    (struct pollfd){.fd = l->listener.fd[i], .events = POLLIN};
	for (i = 0; i < CONNS; i++)
		p[LISTENERS + i] =
		    (struct pollfd){.fd = l->conns[i].fd, .events = POLLIN};
	if (poll(p, LISTENERS + CONNS,
		(int)(left_ms < TICK_MS ? left_ms : TICK_MS)) < 0)
		for (i = 0; i < LISTENERS + CONNS; i++)
			p[i].revents = 0;
}

/* Keep the connection with the answer, and nothing else. */
static void
keep(struct loopback *l, struct conn *c)
{
	size_t i;

	l->answer = c->fd;
	c->fd = -1;
	listener_close(&l->listener);
	for (i = 0; i < CONNS; i++)
		close_conn(&l->conns[i]);
	util_wipe(c->buf, sizeof(c->buf));
}

int
loopback_wait(struct loopback *l, int64_t deadline_ms,
    const struct loopback_waiter *waiter)
{
	struct pollfd p[LISTENERS + CONNS];
	int64_t left_ms;
	size_t i;

	while ((left_ms = deadline_ms - util_now_ms()) > 0) {
		wait_once(l, p, left_ms);
		waiter->tick(waiter->context);
		for (i = 0; i < CONNS; i++)
			if (p[LISTENERS + i].revents &&
			    read_conn(l, &l->conns[i], waiter)) {
				keep(l, &l->conns[i]);
				return 0;
			}
		expire(l);
		for (i = 0; i < LISTENERS; i++)
			if (p[i].revents)
				accept_conn(l, l->listener.fd[i]);
	}
	return -ETIMEDOUT;
}

/* Wait for one event. Returns whether it is there. */
static int
ready(int fd, short events, int64_t deadline_ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t left_ms;

	while ((left_ms = deadline_ms - util_now_ms()) > 0)
		if (poll(&p, 1, (int)left_ms) > 0)
			return 1;
	return 0;
}

void
loopback_answer(struct loopback *l, const char *response, size_t len)
{
	int64_t deadline_ms = util_now_ms() + ANSWER_MS;
	char rest[1024];
	ssize_t n;

	while (len > 0 && ready(l->answer, POLLOUT, deadline_ms)) {
		n = send(l->answer, response, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			break;
		response += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	/* a close with bytes unread could take the response back */
	shutdown(l->answer, SHUT_WR);
	deadline_ms = util_now_ms() + LINGER_MS;
	while (ready(l->answer, POLLIN, deadline_ms))
		if (recv(l->answer, rest, sizeof(rest), MSG_DONTWAIT) <= 0)
			break;
	close(l->answer);
	l->answer = -1;
}

void
loopback_free(struct loopback *l)
{
	size_t i;

	if (!l)
		return;
	listener_close(&l->listener);
	for (i = 0; i < CONNS; i++)
		close_conn(&l->conns[i]);
	if (l->answer >= 0)
		close(l->answer);
	free(l);
}
