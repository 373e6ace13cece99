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
#include "helper/config/program.h"
#include "helper/daemon/child.h"
#include "helper/daemon/log.h"
#include "helper/daemon/spawn.h"
#include "helper/daemon/tail.h"

#define PACKET_SIZE 256
#define TOO_LONG "printed more than 64 KiB, which is too long"

struct child {
	struct child *next;
	struct children *all;
	int64_t id;
	int fd;	       /* the child's standard output */
	int errors_fd; /* of a command: its standard error */
	int is_fetch;
	int is_command;
	struct event *readable;
	struct event *errors_readable;
	struct event *timeout;
	child_done *done;
	void *context;
	struct tail errors;
	size_t len;
	char buf[MSG_MAX + 1]; /* full: that is too long */
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
	if (c->errors_readable)
		event_free(c->errors_readable);
	if (c->timeout)
		event_free(c->timeout);
	if (c->fd >= 0)
		close(c->fd);
	if (c->errors_fd >= 0)
		close(c->errors_fd);
	util_wipe(c->buf, c->len);
	free(c);
}

/* Send the spawner a packet, with those of SPAWN_FDS_MAX that are not -1. */
static int
send_packet(int fd, const struct msg_writer *w, const int *fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(SPAWN_FDS_MAX * sizeof(int))];
	} control = {.space = {0}};
	struct iovec iov = {.iov_base = w->buf, .iov_len = w->len};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;
	size_t n = 0;

	while (fds && n < SPAWN_FDS_MAX && fds[n] >= 0)
		n++;
	if (n > 0) {
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&h);
		if (!c)
			return -EMSGSIZE;
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	return sendmsg(fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* Ask the spawner to start what call says, or, without one, to kill. */
static int
send_request(struct children *all, const struct child_call *call, int64_t id,
    const int *fds)
{
	char buf[PACKET_SIZE];
	struct msg_writer w;
	int r;

	msg_begin(&w, buf, sizeof(buf));
	msg_put(&w, "request", call ? "start" : "kill");
	msg_put_number(&w, "id", id);
	if (call) {
		msg_put(&w, "program", call->program);
		msg_put(&w, "account", call->account);
	}
	r = msg_end(&w);
	return r < 0 ? r : send_packet(all->fd, &w, fds);
}

static void
on_errors(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;

	(void)fd;
	(void)what;
	if (tail_read(&c->errors, c->errors_fd) < 0)
		event_del(c->errors_readable);
}

/* Tell the owner, and be gone. */
static void
finish(struct child *c, const char *why, int exit)
{
	struct child_result r = {
	    .output = c->buf, .len = c->len, .why = why, .exit = exit};

	if (c->is_command)
		tail_line(&c->errors, c->errors_fd, r.errors, sizeof(r.errors));
	c->done(c->context, &r);
	child_free(c);
}

/* Read what there is. Returns 0 at the end or when it is too long. */
static int
drain(struct child *c)
{
	ssize_t n = read(c->fd, c->buf + c->len, sizeof(c->buf) - c->len);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	c->len += (size_t)n;
	return n > 0 && c->len < sizeof(c->buf);
}

static void
on_output(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;

	(void)fd;
	(void)what;
	if (drain(c))
		return;
	if (!c->is_command) {
		finish(c, NULL, 0);
	} else if (c->len < sizeof(c->buf)) {
		event_del(c->readable); /* its exit is what counts */
	} else {
		send_request(c->all, NULL, c->id, NULL);
		finish(c, TOO_LONG, 0);
	}
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;

	(void)fd;
	(void)what;
	send_request(c->all, NULL, c->id, NULL);
	finish(c,
	    c->is_fetch ? "no answer from the provider in time"
			: "did not end in time",
	    0);
}

static void
not_started(struct child *c, int error)
{
	char why[128];

	snprintf(why, sizeof(why), "%scannot be started: %s",
	    c->is_command     ? ""
		: c->is_fetch ? PROGRAM_FETCH " "
			      : PROGRAM_SIGN " ",
	    strerror(error));
	finish(c, why, 0);
}

/* A command has ended: what it has written is in the pipe. */
static void
end_command(struct child *c, const struct msg *m)
{
	char why[80];
	int64_t value = 0;
	size_t before;

	do
		before = c->len;
	while (drain(c) && c->len > before);
	if (c->len == sizeof(c->buf)) {
		finish(c, TOO_LONG, 0);
	} else if (msg_get_number(m, "signal", 1, 128, &value) == 0 && value) {
		snprintf(
		    why, sizeof(why), "was killed by signal %d", (int)value);
		finish(c, why, 0);
	} else {
		msg_get_number(m, "exit", 0, 255, &value);
		finish(c, NULL, (int)value);
	}
}

/* The end of a program of ours is only news when it was no proper one. */
static void
log_end(const struct msg *m)
{
	const char *name = msg_get(m, "program");
	int64_t value = 0;

	if (!name)
		name = "?";
	if (msg_get_number(m, "signal", 1, 128, &value) == 0 && value &&
	    value != 9)
		log_line(LEVEL_WARNING, "%s was killed by signal %d", name,
		    (int)value);
	else if (msg_get_number(m, "errno", 1, 4096, &value) == 0 && value)
		log_line(LEVEL_ERROR, "cannot start %s: %s", name,
		    strerror((int)value));
	else if (msg_get_number(m, "exit", 1, 255, &value) == 0 && value)
		log_line(LEVEL_WARNING, "%s ended with status %d%s", name,
		    (int)value,
		    value == 127 ? ": it cannot be executed; check libexec_dir"
				 : "");
}

static void
on_end(struct children *all, const struct msg *m)
{
	struct child *c;
	int64_t id = -1, error = 0;

	msg_get_number(m, "id", 0, INT64_MAX, &id);
	msg_get_number(m, "errno", 1, 4096, &error);
	for (c = all->first; c; c = c->next)
		if (c->id == id)
			break;
	if (c && error)
		not_started(c, (int)error);
	else if (c && c->is_command)
		end_command(c, m);
	else if (c || !spawn_is_command(msg_get(m, "program")))
		log_end(m);
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
		on_end(all, &m);
	}
}

int
child_message(struct child_result *r, const char *program, struct msg *ret,
    const char **why)
{
	int code = r->why ? -ETIMEDOUT : msg_parse(ret, r->output, r->len);

	*why = r->why;
	if (code < 0 && !r->why)
		*why = strcmp(program, PROGRAM_FETCH) == 0
		    ? PROGRAM_FETCH " ended without a reply; is it installed, "
				    "and of this version?"
		    : PROGRAM_SIGN " ended without a reply; is it installed, "
				   "and of this version?";
	return code;
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
	if (c->is_command)
		c->errors_readable = event_new(c->all->base, c->errors_fd,
		    EV_READ | EV_PERSIST, on_errors, c);
	if (!c->readable || !c->timeout || event_add(c->readable, NULL) < 0 ||
	    evtimer_add(c->timeout, &tv) < 0)
		return -ENOMEM;
	if (c->is_command &&
	    (!c->errors_readable || event_add(c->errors_readable, NULL) < 0))
		return -ENOMEM;
	return 0;
}

static void
close_pair(const int fd[2])
{
	if (fd[0] >= 0)
		close(fd[0]);
	if (fd[1] >= 0)
		close(fd[1]);
}

/*
 * Make a pipe with a message in it. It takes a whole one, so nothing waits. What
 * could be made of it on failure is for the caller to close.
 */
static int
pipe_with(const struct msg_writer *w, int in[2])
{
	int r;

	if (pipe2(in, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	r = util_write_all(in[1], w->buf, w->len);
	if (r == 0 && fcntl(in[0], F_SETFL, 0) < 0)
		r = -errno;
	return r;
}

/*
 * Make the pipes, fill in the request and have the child started.
 */
static int
launch_program(struct child *c, const struct child_call *call)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, r = 0;
	int fds[SPAWN_FDS_MAX] = {-1, -1, call->fd[0], call->fd[1]};

	r = pipe_with(call->w, in);
	if (r == 0 &&
	    (pipe2(out, O_CLOEXEC) < 0 ||
		fcntl(out[0], F_SETFL, O_NONBLOCK) < 0))
		r = -errno;
	if (r == 0) {
		fds[0] = in[0];
		fds[1] = out[1];
		r = send_request(c->all, call, c->id, fds);
	}
	if (r == 0) {
		c->fd = out[0];
		out[0] = -1;
	}
	close_pair(in);
	close_pair(out);
	return r;
}

/* The same for a command, which has two outputs and may have an input. */
static int
launch_command(struct child *c, const struct child_call *call)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, errors[2] = {-1, -1}, r = 0;
	int fds[SPAWN_FDS_MAX] = {-1, -1, -1, -1};

	if (call->w)
		r = pipe_with(call->w, in);
	if (r == 0 &&
	    (pipe2(out, O_CLOEXEC) < 0 || pipe2(errors, O_CLOEXEC) < 0 ||
		fcntl(out[0], F_SETFL, O_NONBLOCK) < 0 ||
		fcntl(errors[0], F_SETFL, O_NONBLOCK) < 0))
		r = -errno;
	if (r == 0) {
		fds[0] = out[1];
		fds[1] = errors[1];
		fds[2] = in[0];
		r = send_request(c->all, call, c->id, fds);
	}
	if (r == 0) {
		c->fd = out[0];
		c->errors_fd = errors[0];
		out[0] = errors[0] = -1;
	}
	close_pair(in);
	close_pair(out);
	close_pair(errors);
	return r;
}

int
child_start(struct children *all, const struct child_call *call,
    child_done *done, void *context)
{
	struct child *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->all = all;
	c->fd = c->errors_fd = -1;
	c->id = ++all->last_id;
	c->is_fetch = strcmp(call->program, PROGRAM_FETCH) == 0;
	c->is_command = spawn_is_command(call->program);
	c->done = done;
	c->context = context;
	c->next = all->first;
	all->first = c;
	r = c->is_command ? launch_command(c, call) : launch_program(c, call);
	if (r == 0)
		r = watch(c, call->timeout_ms);
	if (r < 0)
		child_free(c);
	return r;
}
