/* SPDX-License-Identifier: MIT */
/* spawn - the process that starts children, so that the daemon need not */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/msg.h"
#include "common/util.h"
#include "helper/daemon/spawn.h"

#define PACKET_SIZE 256
#define FD_LIMIT 1024 /* where close_range() is missing */

static const char *const programs[] = {"sasl-bearer-fetch", NULL};

struct spawner {
	int fd;
	const char *libexec_dir;
	struct {
		pid_t pid; /* 0: free */
		int64_t id;
	} child[SPAWN_MAX];
};

static void
on_sigchld(int sig)
{
	(void)sig; /* it only has to end ppoll() */
}

static void
report(struct spawner *s, int64_t id, const char *name, int value)
{
	char buf[PACKET_SIZE];
	struct msg_writer w;

	msg_begin(&w, buf, sizeof(buf));
	msg_put_number(&w, "id", id);
	msg_put_number(&w, name, value);
	if (msg_end(&w) == 0)
		(void)!send(s->fd, buf, w.len, MSG_NOSIGNAL);
}

static void
reap(struct spawner *s)
{
	size_t i;
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < SPAWN_MAX; i++)
			if (s->child[i].pid == pid)
				break;
		if (i == SPAWN_MAX)
			continue;
		s->child[i].pid = 0;
		if (WIFSIGNALED(status))
			report(s, s->child[i].id, "signal", WTERMSIG(status));
		else
			report(s, s->child[i].id, "exit", WEXITSTATUS(status));
	}
}

/* In the child: nothing of ours goes along but the two descriptors. */
_Noreturn static void
run_program(const char *path, int in, int out)
{
	char *const argv[] = {strrchr(path, '/') + 1, NULL};
	char *const envp[] = {NULL};
	sigset_t none;
	int i, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 ||
	    dup2(null, 2) < 0)
		_exit(127);
#ifdef HAVE_CLOSE_RANGE
	if (close_range(3, ~0U, 0) < 0)
#endif
		for (i = 3; i < FD_LIMIT; i++)
			close(i);
	for (i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (chdir("/") < 0)
		_exit(127);
	execve(path, argv, envp);
	_exit(127);
}

static int
is_known(const char *program)
{
	const char *const *p;

	for (p = programs; *p; p++)
		if (strcmp(*p, program) == 0)
			return 1;
	return 0;
}

/* Returns 0 or an errno. */
static int
start(struct spawner *s, int64_t id, const char *program, const int fds[2])
{
	char path[4096];
	size_t i;
	pid_t pid;
	int n;

	for (i = 0; i < SPAWN_MAX && s->child[i].pid; i++)
		;
	if (i == SPAWN_MAX)
		return EAGAIN;
	if (!program || !is_known(program))
		return ENOENT;
	n = snprintf(path, sizeof(path), "%s/%s", s->libexec_dir, program);
	if (n < 0 || (size_t)n >= sizeof(path))
		return ENAMETOOLONG;
	pid = fork();
	if (pid < 0)
		return errno;
	if (pid == 0)
		run_program(path, fds[0], fds[1]);
	s->child[i].pid = pid;
	s->child[i].id = id;
	return 0;
}

static void
kill_child(struct spawner *s, int64_t id)
{
	size_t i;

	for (i = 0; i < SPAWN_MAX; i++)
		if (s->child[i].pid && s->child[i].id == id)
			kill(s->child[i].pid, SIGKILL);
}

/* Receive one packet with at most two descriptors; -1 where there is none. */
static ssize_t
receive(int fd, char *buf, size_t size, int fds[2])
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	struct msghdr h = {
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	ssize_t n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);

	fds[0] = fds[1] = -1;
	c = n > 0 ? CMSG_FIRSTHDR(&h) : NULL;
	if (c && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(2 * sizeof(int)))
		memcpy(fds, CMSG_DATA(c), 2 * sizeof(int));
	return n;
}

/* Serve one packet. Returns 0 when the daemon is gone. */
static int
serve_one(struct spawner *s)
{
	char buf[PACKET_SIZE];
	struct msg m;
	const char *request;
	int64_t id = -1;
	int fds[2], r;
	ssize_t n = receive(s->fd, buf, sizeof(buf), fds);

	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN);
	if (msg_parse(&m, buf, (size_t)n) == 0 &&
	    msg_get_number(&m, "id", 0, INT64_MAX, &id) == 0 && id >= 0) {
		request = msg_get(&m, "request");
		if (request && strcmp(request, "kill") == 0) {
			kill_child(s, id);
		} else if (request && fds[0] >= 0) {
			r = start(s, id, msg_get(&m, "program"), fds);
			if (r != 0)
				report(s, id, "errno", r);
		}
	}
	if (fds[0] >= 0)
		close(fds[0]);
	if (fds[1] >= 0)
		close(fds[1]);
	return 1;
}

_Noreturn void
spawn_serve(int fd, const char *libexec_dir)
{
	struct spawner s = {.fd = fd, .libexec_dir = libexec_dir};
	struct sigaction chld = {.sa_handler = on_sigchld};
	struct pollfd p = {.fd = fd, .events = POLLIN};
	sigset_t block, during;

	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &during);
	sigdelset(&during, SIGCHLD);
	sigaction(SIGCHLD, &chld, NULL);
	for (;;) {
		reap(&s);
		if (ppoll(&p, 1, NULL, &during) < 0)
			continue;
		if (!serve_one(&s))
			_exit(0);
	}
}
