/* SPDX-License-Identifier: MIT */
/* program - run one of our own programs: a message in, a message out */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/config/program.h"

#define FIRST_FD 3
#define SAFE_FD 16    /* above all that a program is given */
#define FD_LIMIT 1024 /* where close_range() is missing */
#define CANNOT_RUN 127

struct program *
program_new(void)
{
	struct program *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	memset(p->fd, -1, sizeof(p->fd));
	msg_begin(&p->w, p->request, sizeof(p->request));
	return p;
}

/* Close every descriptor from first on. In the child: no malloc, no stdio. */
static void
close_from(int first)
{
#ifdef HAVE_CLOSE_RANGE
	if (close_range((unsigned)first, ~0U, 0) == 0)
		return;
#endif
	for (; first < FD_LIMIT; first++)
		close(first);
}

/* Put the descriptors where the program looks for them. */
static int
arrange(const struct program *p, int in, int out)
{
	const int from[] = {
	    in, out, open("/dev/null", O_RDWR), p->fd[0], p->fd[1]};
	int copy[COUNT_OF(from)], i;

	for (i = 0; i < (int)COUNT_OF(from); i++) {
		copy[i] = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD, SAFE_FD);
		if (i < FIRST_FD && copy[i] < 0)
			return -1;
	}
	for (i = 0; i < (int)COUNT_OF(from); i++) {
		if (copy[i] < 0)
			close(i);
		else if (dup2(copy[i], i) < 0)
			return -1;
	}
	close_from((int)COUNT_OF(from));
	return 0;
}

/* What the child does until it is another program. */
_Noreturn static void
become(const struct program *p, const char *path, int in, int out)
{
	char *argv[] = {strrchr(path, '/') + 1, NULL}, *envp[] = {NULL};

	if (arrange(p, in, out) < 0)
		_exit(CANNOT_RUN);
	signal(SIGPIPE, SIG_DFL);
	execve(path, argv, envp);
	_exit(CANNOT_RUN);
}

/* Start the child. Its ends of the pipes are closed here. */
static int
start(const struct program *p, const char *path, pid_t *ret_pid, int ret_fds[2])
{
	int to[2] = {-1, -1}, from[2] = {-1, -1}, r = 0;
	pid_t pid = -1;

	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		r = -errno;
	if (r == 0) {
		pid = fork();
		r = pid < 0 ? -errno : 0;
	}
	if (pid == 0)
		become(p, path, to[0], from[1]);
	if (to[0] >= 0)
		close(to[0]);
	if (from[1] >= 0)
		close(from[1]);
	if (r == 0) {
		*ret_pid = pid;
		ret_fds[0] = to[1];
		ret_fds[1] = from[0];
		return 0;
	}
	if (to[1] >= 0)
		close(to[1]);
	if (from[0] >= 0)
		close(from[0]);
	return r;
}

/* Read to the end, or to the deadline. */
static int
receive(int fd, int64_t deadline_ms, char *buf, size_t *ret_len)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t len = 0;
	int64_t left;
	ssize_t n;

	for (;;) {
		left = deadline_ms - util_now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)(left < INT_MAX ? left : INT_MAX)) <= 0)
			continue;
		n = read(fd, buf + len, MSG_MAX + 1 - len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		len += n > 0 ? (size_t)n : 0;
		if (len > MSG_MAX)
			return -ERR_TOOBIG;
	}
	*ret_len = len;
	return 0;
}

/* Hand over the request and take the reply from a child that runs. */
static int
exchange(struct program *p, const int fds[2], int64_t timeout_ms)
{
	int64_t deadline_ms = util_now_ms() + timeout_ms;
	size_t len = 0;
	int r;

	r = util_write_all(fds[0], p->request, p->w.len);
	close(fds[0]);
	if (r == 0 || r == -EPIPE)
		r = receive(fds[1], deadline_ms, p->answer, &len);
	close(fds[1]);
	return r == 0 ? msg_parse(&p->reply, p->answer, len) : r;
}

/* Say why there is no reply. Returns the code. */
static int
explain(const char *path, int code, int status, char why[CONF_TEXT_MAX])
{
	char text[64];

	if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_RUN) {
		snprintf(why, CONF_TEXT_MAX,
		    "cannot run %.900s: is the package installed completely?",
		    path);
		return -ENOEXEC;
	}
	if (code == -ETIMEDOUT)
		snprintf(
		    why, CONF_TEXT_MAX, "%.900s did not end in its time", path);
	else if (WIFSIGNALED(status))
		snprintf(why, CONF_TEXT_MAX, "%.900s ended with signal %d",
		    path, WTERMSIG(status));
	else
		snprintf(why, CONF_TEXT_MAX, "%.900s sent no usable reply: %s",
		    path, err_text(code, text, sizeof(text)));
	return code;
}

int
program_run(struct program *p, const char *dir, const char *name,
    int64_t timeout_ms, char why[CONF_TEXT_MAX])
{
	char path[PATH_MAX], text[64];
	int fds[2] = {-1, -1}, r, status = 0;
	pid_t pid = -1;

	snprintf(path, sizeof(path), "%.3000s/%s", dir, name);
	r = msg_end(&p->w);
	if (r < 0) {
		snprintf(why, CONF_TEXT_MAX,
		    "a value of the account cannot be sent: %s",
		    err_text(r, text, sizeof(text)));
		return r;
	}
	r = access(path, X_OK) < 0 ? -errno : start(p, path, &pid, fds);
	if (r < 0) {
		snprintf(why, CONF_TEXT_MAX, "cannot run %.900s: %s", path,
		    err_text(r, text, sizeof(text)));
		return -ENOEXEC;
	}
	r = exchange(p, fds, timeout_ms);
	if (r == -ETIMEDOUT)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return r < 0 ? explain(path, r, status, why) : 0;
}

void
program_free(struct program *p)
{
	if (p)
		util_wipe(p, sizeof(*p));
	free(p);
}
