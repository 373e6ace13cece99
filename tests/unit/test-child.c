/* SPDX-License-Identifier: MIT */
/* test-child - what comes back of a child, whatever comes first */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/daemon/child.h"
#include "helper/daemon/spawn.h"
#include "tests/unit/tap.h"

#define PIPE_SIZE (4 * MSG_MAX)

/* The end of a command, as its owner is told. */
struct end {
	struct event_base *base;
	int calls;
	size_t len;
	char why[128];
};

static void
on_done(void *context, struct child_result *r)
{
	struct end *e = context;

	e->calls++;
	e->len = r->len;
	snprintf(e->why, sizeof(e->why), "%s", r->why ? r->why : "");
	/* as foreign_parse() does */
	if (!r->why)
		r->output[r->len] = '\0';
	event_base_loopbreak(e->base);
}

static void
on_lost(void *context)
{
	(void)context;
}

/* Take the place of the spawner: output, errors and input of a command. */
static void
receive(int fd, int fds[3], size_t count)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(SPAWN_FDS_MAX * sizeof(int))];
	} control;
	char buf[512];
	struct iovec iov = {.iov_base = buf, .iov_len = sizeof(buf)};
	struct msghdr h = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	struct cmsghdr *c = recvmsg(fd, &h, 0) > 0 ? CMSG_FIRSTHDR(&h) : NULL;

	if (!c || c->cmsg_len != CMSG_LEN(count * sizeof(int)))
		abort();
	memcpy(fds, CMSG_DATA(c), count * sizeof(int));
}

static int
receive_output(int fd)
{
	int fds[3];

	receive(fd, fds, 2);
	close(fds[1]);
	return fds[0];
}

static void
report_exit(int fd)
{
	static const char packet[] =
	    "protocol=1\nid=1\nprogram=command\nexit=0\n\n";

	if (send(fd, packet, sizeof(packet) - 1, 0) < 0)
		abort();
}

/* Let a command print len bytes and end, and the loop see the end first. */
static void
run(size_t len, struct end *e)
{
	static char text[MSG_MAX + 1];
	struct child_call call = {.program = SPAWN_COMMAND,
	    .account = "a",
	    .fd = {-1, -1},
	    .timeout_ms = 60000};
	struct children *all;
	int pair[2], out;

	*e = (struct end){.base = event_base_new()};
	if (!e->base || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		abort();
	all = children_new(e->base, pair[0], on_lost, NULL);
	if (!all || child_start(all, &call, on_done, e) < 0)
		abort();
	out = receive_output(pair[1]);
	memset(text, 'a', sizeof(text));
	report_exit(pair[1]);
	if (fcntl(out, F_SETPIPE_SZ, PIPE_SIZE) < 0 ||
	    util_write_all(out, text, len) < 0)
		abort();
	close(out);
	event_base_dispatch(e->base);
	children_free(all);
	event_base_free(e->base);
	close(pair[1]);
}

/* A command that has an input and does not end is killed. */
static void
test_timeout(void)
{
	struct end e = {.base = event_base_new()};
	char message[256], buf[512] = "";
	struct child_call call = {
	    .program = SPAWN_NOTIFY, .fd = {-1, -1}, .timeout_ms = 20};
	struct msg_writer w;
	struct children *all;
	int pair[2], fds[3], i;

	msg_begin(&w, message, sizeof(message));
	msg_put(&w, "event", "problem");
	call.w = &w;
	if (!e.base || msg_end(&w) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		abort();
	all = children_new(e.base, pair[0], on_lost, NULL);
	if (!all || child_start(all, &call, on_done, &e) < 0)
		abort();
	receive(pair[1], fds, 3);
	(void)!read(fds[2], buf, sizeof(buf) - 1);
	tap_is(buf, "protocol=1\nevent=problem\n\n", "a command's input");
	tap_ok(read(fds[2], buf, sizeof(buf)) == 0, "and its end");
	event_base_dispatch(e.base);
	tap_ok(e.calls == 1 && strcmp(e.why, "did not end in time") == 0,
	    "one that does not end: %s", e.why);
	memset(buf, 0, sizeof(buf));
	(void)!recv(pair[1], buf, sizeof(buf) - 1, MSG_DONTWAIT);
	tap_is(buf, "protocol=1\nrequest=kill\nid=1\n\n",
	    "the spawner is asked to kill it");
	for (i = 0; i < 3; i++)
		close(fds[i]);
	children_free(all);
	event_base_free(e.base);
	close(pair[1]);
}

int
main(void)
{
	struct end e;

	run(3, &e);
	tap_ok(e.calls == 1 && e.len == 3 && !*e.why, "a few bytes");
	run(MSG_MAX, &e);
	tap_ok(e.calls == 1 && e.len == MSG_MAX && !*e.why, "64 KiB");
	run(MSG_MAX + 1, &e);
	tap_ok(e.calls == 1 && strstr(e.why, "more than 64 KiB"),
	    "a byte more: %s", e.why);
	test_timeout();
	return tap_done();
}
