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

#include "common/err.h"
#include "common/msg.h"
#include "common/util.h"
#include "helper/config/program.h"
#include "helper/config/settings.h"
#include "helper/daemon/spawn.h"

#define PACKET_SIZE 256
#define FD_LIMIT 1024 /* where close_range() is missing */
#define SAFE_FD 16    /* above all that a child is given */
#define CANNOT_RUN 127

/* Which programs there are; by index into names in reports. */
static const char *const programs[] = {
    PROGRAM_FETCH, PROGRAM_SIGN, SPAWN_COMMAND, SPAWN_NOTIFY};

/* Of the environment, what is the daemon's own business. */
static const char *const private_variables[] = {"NOTIFY_SOCKET", "LISTEN_FDS",
    "LISTEN_PID", "LISTEN_FDNAMES", "CREDENTIALS_DIRECTORY", "WATCHDOG_PID",
    "WATCHDOG_USEC", "INVOCATION_ID", "JOURNAL_STREAM"};

struct spawner {
	int fd;
	const struct spawn_places *places;
	struct {
		pid_t pid; /* 0: free */
		int64_t id;
		const char *program;
	} child[SPAWN_MAX];
};

/* Whether it is what a file names, and not a program of ours. */
int
spawn_is_command(const char *program)
{
	return program &&
	    (strcmp(program, SPAWN_COMMAND) == 0 ||
		strcmp(program, SPAWN_NOTIFY) == 0);
}

static void
on_sigchld(int sig)
{
	(void)sig; /* it only has to end ppoll() */
}

static void
report(struct spawner *s, const struct spawn_request *what, const char *name,
    int value)
{
	char buf[PACKET_SIZE];
	struct msg_writer w;

	msg_begin(&w, buf, sizeof(buf));
	msg_put_number(&w, "id", what->id);
	msg_put(&w, "program", what->program);
	msg_put_number(&w, name, value);
	if (msg_end(&w) == 0)
		(void)!send(s->fd, buf, w.len, MSG_NOSIGNAL);
}

static void
reap(struct spawner *s)
{
	struct spawn_request what = {0};
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
		what.id = s->child[i].id;
		what.program = s->child[i].program;
		if (WIFSIGNALED(status))
			report(s, &what, "signal", WTERMSIG(status));
		else
			report(s, &what, "exit", WEXITSTATUS(status));
	}
}

/* In the child: put the descriptors where they belong, and close all others. */
static int
arrange(const struct spawn_request *what, const int given[SPAWN_FDS_MAX])
{
	int null = open("/dev/null", O_RDWR), i;
	int fd[] = {given[0], given[1], null, given[2], given[3]};

	if (spawn_is_command(what->program)) {
		fd[0] = given[2] >= 0 ? given[2] : null;
		fd[1] = given[0];
		fd[2] = given[1];
		fd[3] = fd[4] = -1;
	}
	for (i = 0; i < (int)COUNT_OF(fd); i++) {
		if (fd[i] >= 0)
			fd[i] = fcntl(fd[i], F_DUPFD, SAFE_FD);
		if (i <= STDERR_FILENO && fd[i] < 0)
			return -1;
	}
	for (i = 0; i < (int)COUNT_OF(fd); i++) {
		if (fd[i] < 0)
			close(i);
		else if (dup2(fd[i], i) < 0)
			return -1;
	}
#ifdef HAVE_CLOSE_RANGE
	if (close_range((unsigned)i, ~0U, 0) == 0)
		return 0;
#endif
	for (; i < FD_LIMIT; i++)
		close(i);
	return 0;
}

static void
reset_signals(void)
{
	sigset_t none;
	int i;

	for (i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* What the files name, wherever it is now; NULL: e says why not. */
static char **
find_command(const struct spawn_places *places,
    const struct spawn_request *what, struct conf_errors *e)
{
	static struct settings settings; /* until the end of the process */
	struct account_conf *a = NULL;

	if (settings_load(places->config, places->user_mode, &settings, e) < 0)
		return NULL;
	if (strcmp(what->program, SPAWN_NOTIFY) == 0) {
		snprintf(e->first, sizeof(e->first),
		    "there is no notify_command any more");
		return settings.notify_command;
	}
	if (account_load(&settings, what->account, &a, e) < 0)
		return NULL;
	snprintf(e->first, sizeof(e->first), "the account has no command");
	return a->command;
}

/* In the child: become what the files name. */
_Noreturn static void
run_command(const struct spawn_places *places, const struct spawn_request *what)
{
	struct conf_errors e = {0};
	char **command;
	size_t i;

	for (i = 0; i < COUNT_OF(private_variables); i++)
		unsetenv(private_variables[i]);
	command = find_command(places, what, &e);
	if (!command) {
		dprintf(STDERR_FILENO, "%s\n", e.first);
	} else if (chdir("/") == 0) {
		execv(command[0], command);
		dprintf(STDERR_FILENO, "cannot run %s: %s\n", command[0],
		    strerror(errno));
	}
	_exit(CANNOT_RUN);
}

/* In the child: nothing of ours goes along but the descriptors. */
_Noreturn static void
run_program(const struct spawn_places *places, const struct spawn_request *what,
    const int fds[SPAWN_FDS_MAX])
{
	char path[4096], *argv[] = {NULL, NULL}, *envp[] = {NULL};
	int n;

	if (arrange(what, fds) < 0)
		_exit(CANNOT_RUN);
	reset_signals();
	setsid();
	if (spawn_is_command(what->program))
		run_command(places, what);
	n = snprintf(
	    path, sizeof(path), "%s/%s", places->libexec_dir, what->program);
	if (n > 0 && (size_t)n < sizeof(path) && chdir("/") == 0) {
		argv[0] = strrchr(path, '/') + 1;
		execve(path, argv, envp);
	}
	_exit(CANNOT_RUN);
}

static const char *
find_program(const char *name)
{
	size_t i;

	for (i = 0; name && i < COUNT_OF(programs); i++)
		if (strcmp(name, programs[i]) == 0)
			return programs[i];
	return NULL;
}

/* Returns 0 or an errno. */
static int
start(struct spawner *s, const struct spawn_request *what,
    const int fds[SPAWN_FDS_MAX])
{
	size_t i;
	pid_t pid;

	for (i = 0; i < SPAWN_MAX && s->child[i].pid; i++)
		;
	if (i == SPAWN_MAX)
		return EAGAIN;
	if (!what->program || fds[1] < 0 ||
	    (strcmp(what->program, SPAWN_COMMAND) == 0 && !what->account))
		return ENOENT;
	pid = fork();
	if (pid < 0)
		return errno;
	if (pid == 0)
		run_program(s->places, what, fds);
	s->child[i].pid = pid;
	s->child[i].id = what->id;
	s->child[i].program = what->program;
	return 0;
}

static void
kill_child(struct spawner *s, int64_t id)
{
	size_t i;

	for (i = 0; i < SPAWN_MAX; i++)
		if (s->child[i].pid && s->child[i].id == id) {
			kill(-s->child[i].pid, SIGKILL);
			kill(s->child[i].pid, SIGKILL);
		}
}

/* Receive one packet with its descriptors; -1 where there is none. */
static ssize_t
receive(int fd, char *buf, size_t size, int fds[SPAWN_FDS_MAX])
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(SPAWN_FDS_MAX * sizeof(int))];
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

	memset(fds, -1, SPAWN_FDS_MAX * sizeof(int));
	c = n > 0 ? CMSG_FIRSTHDR(&h) : NULL;
	if (c && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len <= CMSG_LEN(SPAWN_FDS_MAX * sizeof(int)))
		memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	return n;
}

int
spawn_parse(struct spawn_request *ret, char *buf, size_t len)
{
	struct spawn_request new = {.id = -1};
	const char *request, *account;
	struct msg m;

	if (msg_parse(&m, buf, len) < 0)
		return -ERR_FORMAT;
	request = msg_get(&m, "request");
	if (!request || msg_get_number(&m, "id", 0, INT64_MAX, &new.id) < 0 ||
	    new.id < 0)
		return -ERR_FORMAT;
	new.kill = strcmp(request, "kill") == 0;
	new.program = find_program(msg_get(&m, "program"));
	account = msg_get(&m, "account");
	if (account && account_name_valid(account))
		new.account = account;
	*ret = new;
	return 0;
}

/* Serve one packet. Returns 0 when the daemon is gone. */
static int
serve_one(struct spawner *s)
{
	char buf[PACKET_SIZE];
	struct spawn_request what;
	int fds[SPAWN_FDS_MAX], i, r = 0;
	ssize_t n = receive(s->fd, buf, sizeof(buf), fds);

	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN);
	if (spawn_parse(&what, buf, (size_t)n) == 0) {
		if (what.kill)
			kill_child(s, what.id);
		else
			r = start(s, &what, fds);
		if (r != 0)
			report(s, &what, "errno", r);
	}
	for (i = 0; i < SPAWN_FDS_MAX; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return 1;
}

_Noreturn void
spawn_serve(int fd, const struct spawn_places *places)
{
	struct spawner s = {.fd = fd, .places = places};
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
