/* SPDX-License-Identifier: MIT */
/* child - one exchange with a child: a message in, a message out */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/daemon/child.h"
#include "helper/daemon/log.h"

#define PROGRAM "sasl-bearer-fetch"
#define PACKET_SIZE 256

struct child {
	struct child *next;
	struct children *all;
	int64_t id;
	int fd; /* the child's standard output */
	struct event *readable;
	struct event *timeout;
	child_done *done;
	void *context;
	size_t len;
	char buf[MSG_MAX];
};

struct children {
	struct event_base *base;
	int fd;
	struct event *readable;
	void (*lost)(void *);
	void *lost_context;
	struct child *first;
	int64_t last_id;
};

static void
child_free(struct child *c)
{
	struct child **p;

	for (p = &c->all->first; *p; p = &(*p)->next) {
		if (*p != c)
			continue;
		*p = c->next;
		break;
	}
	if (c->readable)
		event_free(c->readable);
	if (c->timeout)
		event_free(c->timeout);
	if (c->fd >= 0)
		close(c->fd);
	util_wipe(c->buf, c->len);
	free(c);
}

/* Send the spawner a packet, with two descriptors if fds is not NULL. */
static int
send_packet(int fd, const struct msg_writer *w, const int *fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control = {.space = {0}};
	struct iovec iov = {.iov_base = w->buf, .iov_len = w->len};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (fds) {
		h.msg_control = &control;
		h.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(2 * sizeof(int));
		memcpy(CMSG_DATA(c), fds, 2 * sizeof(int));
	}
	return sendmsg(fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int
send_request(
    struct children *all, const char *request, int64_t id, const int *fds)
{
	char buf[PACKET_SIZE];
	struct msg_writer w;
	int r;

	msg_begin(&w, buf, sizeof(buf));
	msg_put(&w, "request", request);
	msg_put_number(&w, "id", id);
	msg_put(&w, "program", PROGRAM);
	r = msg_end(&w);
	return r < 0 ? r : send_packet(all->fd, &w, fds);
}

/* Tell the owner, and be gone. */
static void
finish(struct child *c, const struct msg *reply, const char *why)
{
	c->done(c->context, reply, why);
	child_free(c);
}

static void
on_output(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;
	struct msg reply;
	ssize_t n = read(fd, c->buf + c->len, sizeof(c->buf) - c->len);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		c->len += (size_t)n;
		if (c->len < sizeof(c->buf))
			return;
	}
	if (n < 0 || msg_parse(&reply, c->buf, c->len) < 0)
		finish(c, NULL,
		    PROGRAM " ended without a reply; is it installed, and of "
			    "this version?");
	else
		finish(c, &reply, NULL);
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;

	(void)fd;
	(void)what;
	send_request(c->all, "kill", c->id, NULL);
	finish(c, NULL, "no answer from the provider in time");
}

/* A child's end is only news when it was no proper one. */
static void
log_end(const struct msg *m)
{
	int64_t value = 0;

	if (msg_get_number(m, "signal", 1, 128, &value) == 0 && value &&
	    value != 9)
		log_line(LEVEL_WARNING, PROGRAM " was killed by signal %d",
		    (int)value);
	else if (msg_get_number(m, "errno", 1, 4096, &value) == 0 && value)
		log_line(LEVEL_ERROR, "cannot start " PROGRAM ": %s",
		    strerror((int)value));
	else if (msg_get_number(m, "exit", 1, 255, &value) == 0 && value)
		log_line(LEVEL_WARNING, PROGRAM " ended with status %d%s",
		    (int)value,
		    value == 127 ? ": it cannot be executed; check libexec_dir"
				 : "");
}

static void
on_spawner(evutil_socket_t fd, short what, void *arg)
{
	struct children *all = arg;
	char buf[PACKET_SIZE];
	struct msg m;
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		event_del(all->readable);
		all->lost(all->lost_context);
	} else if (msg_parse(&m, buf, (size_t)n) == 0) {
		log_end(&m);
	}
}

struct children *
children_new(
    struct event_base *base, int fd, void (*lost)(void *), void *context)
{
	struct children *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	all->base = base;
	all->fd = fd;
	all->lost = lost;
	all->lost_context = context;
	all->readable =
	    event_new(base, fd, EV_READ | EV_PERSIST, on_spawner, all);
	if (!all->readable || event_add(all->readable, NULL) < 0) {
		children_free(all);
		return NULL;
	}
	return all;
}

void
children_free(struct children *all)
{
	if (!all)
		return;
	while (all->first)
		child_free(all->first);
	if (all->readable)
		event_free(all->readable);
	close(all->fd);
	free(all);
}

/* Watch the child's output and the time. */
static int
watch(struct child *c, int64_t timeout_ms)
{
	struct timeval tv = {.tv_sec = (time_t)(timeout_ms / 1000),
	    .tv_usec = (suseconds_t)(timeout_ms % 1000 * 1000)};

	c->readable =
	    event_new(c->all->base, c->fd, EV_READ | EV_PERSIST, on_output, c);
	c->timeout = evtimer_new(c->all->base, on_timeout, c);
	if (!c->readable || !c->timeout || event_add(c->readable, NULL) < 0 ||
	    evtimer_add(c->timeout, &tv) < 0)
		return -ENOMEM;
	return 0;
}

/*
 * Make the pipes, fill in the request and have the child started. A pipe takes
 * a whole message, so nothing here waits.
 */
static int
launch(struct child *c, const struct msg_writer *w)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, r = 0;
	int fds[2];

	if (pipe2(in, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(out, O_CLOEXEC) < 0)
		r = -errno;
	if (r == 0)
		r = util_write_all(in[1], w->buf, w->len);
	if (r == 0 &&
	    (fcntl(in[0], F_SETFL, 0) < 0 ||
		fcntl(out[0], F_SETFL, O_NONBLOCK) < 0))
		r = -errno;
	if (r == 0) {
		fds[0] = in[0];
		fds[1] = out[1];
		r = send_request(c->all, "start", c->id, fds);
	}
	if (r == 0) {
		c->fd = out[0];
		out[0] = -1;
	}
	for (int i = 0; i < 2; i++) {
		if (in[i] >= 0)
			close(in[i]);
		if (out[i] >= 0)
			close(out[i]);
	}
	return r;
}

int
child_start(struct children *all, const struct msg_writer *w,
    int64_t timeout_ms, child_done *done, void *context)
{
	struct child *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->all = all;
	c->fd = -1;
	c->id = ++all->last_id;
	c->done = done;
	c->context = context;
	c->next = all->first;
	all->first = c;
	r = launch(c, w);
	if (r == 0)
		r = watch(c, timeout_ms);
	if (r < 0)
		child_free(c);
	return r;
}
