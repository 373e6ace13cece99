/* SPDX-License-Identifier: MIT */
/* tunnel-listen - tunnels for all who connect to a socket */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "common/sock.h"
#include "helper/cli/tunnel.h"
#include "helper/mail/front.h"

#define PREFIX "unix:"
#define BACKLOG 64

struct listener {
	struct cli *cli;
	const struct mail_words *words;
	const char *path;
	int fd;
	unsigned children;
	sigset_t mask; /* while it waits, and of the children */
};

static volatile sig_atomic_t stopped;

static void
on_stop(int number)
{
	(void)number;
	stopped = 1;
}

static void
on_child(int number)
{
	(void)number; /* it only ends the wait */
}

static int
failed(const char *what, const char *path, int code)
{
	char text[64];

	return cli_error(EX_CANTCREAT, "cannot %s \"%s\": %s", what, path,
	    err_text(code, text, sizeof(text)));
}

/* A socket in a directory of strangers can be replaced by theirs. */
static int
check_directory(const char *path)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *parent;
	struct stat st;

	snprintf(copy, sizeof(copy), "%s", path);
	parent = dirname(copy);
	if (stat(parent, &st) < 0)
		return failed("use the directory", parent, errno);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return cli_error(EX_CANTCREAT,
		    "\"%s\" belongs to somebody else; put the socket "
		    "elsewhere",
		    parent);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return cli_error(EX_CANTCREAT,
		    "others can write to \"%s\"; put the socket elsewhere",
		    parent);
	return 0;
}

/* Take away what an earlier one left: only a socket, only if it is dead. */
static int
remove_dead(const struct sockaddr_un *a)
{
	struct stat st;
	int fd, r;

	if (lstat(a->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : failed("use", a->sun_path, errno);
	if (!S_ISSOCK(st.st_mode))
		return cli_error(EX_CANTCREAT,
		    "\"%s\" is there, and no socket; it stays", a->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return failed("use", a->sun_path, errno);
	r = connect(fd, (const struct sockaddr *)a, sizeof(*a));
	close(fd);
	if (r == 0)
		return cli_error(EX_CANTCREAT,
		    "somebody listens at \"%s\" already", a->sun_path);
	if (unlink(a->sun_path) < 0)
		return failed("remove", a->sun_path, errno);
	return 0;
}

/* Everybody may connect; who is served is decided by uid. */
static int
open_socket(struct listener *l)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int r;

	if (strlen(l->path) >= sizeof(a.sun_path))
		return cli_error(EX_USAGE,
		    "the path of the socket is longer than %zu bytes",
		    sizeof(a.sun_path) - 1);
	memcpy(a.sun_path, l->path, strlen(l->path) + 1);
	r = check_directory(l->path);
	if (r == 0)
		r = remove_dead(&a);
	if (r != 0)
		return r;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return failed("make the socket", l->path, errno);
	if (bind(l->fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    chmod(l->path, 0666) < 0 || listen(l->fd, BACKLOG) < 0) {
		r = failed("listen at", l->path, errno);
		close(l->fd);
		return r;
	}
	return 0;
}

/* Whether a list of numbers has one. */
static int
has_uid(const char *list, uid_t uid)
{
	char number[24];
	size_t len, n;

	len = (size_t)snprintf(number, sizeof(number), "%ju", (uintmax_t)uid);
	for (; *list; list += n) {
		list += strspn(list, " ");
		n = strcspn(list, " ");
		if (n == len && memcmp(list, number, len) == 0)
			return 1;
	}
	return 0;
}

/* The rule of the helper, asked anew: it may have been reloaded. */
static int
allows(const struct mail *m, uid_t uid)
{
	return uid == 0 || uid == geteuid() ||
	    (uid != sock_overflow_uid() && has_uid(m->account.allow, uid));
}

/* One program, in a process of its own. */
static int
serve(struct listener *l, int fd)
{
	struct mail *m;
	uid_t uid;
	pid_t pid;
	int r;

	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_SETMASK, &l->mask, NULL);
	close(l->fd);
	if (sock_peer(fd, &uid, &pid) < 0)
		return EX_OSERR;
	r = tunnel_new(l->cli, l->words, fd, &m);
	if (r != 0)
		return r;
	if (!allows(m, uid)) {
		r = cli_error(EX_NOPERM,
		    "account \"%s\" does not allow uid %ju, process %jd",
		    m->account.account, (uintmax_t)uid, (intmax_t)pid);
		front_refuse(m->session.protocol, fd, r, "not for this user");
	} else {
		r = tunnel_run(m, fd, fd);
	}
	mail_free(m);
	return r;
}

static void
bury(struct listener *l)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		l->children--;
}

static void
accept_one(struct listener *l)
{
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	pid_t pid;

	if (fd < 0)
		return;
	pid = fork();
	if (pid == 0)
		_exit(serve(l, fd));
	if (pid > 0)
		l->children++;
	else
		front_refuse(protocol_find(l->words->service), fd, EX_OSERR,
		    "the system refuses another process");
	close(fd);
}

/* Signals come only while we wait, so that none is missed. */
static void
hold_signals(struct listener *l)
{
	static const struct {
		int number;
		void (*handler)(int);
	} ours[] = {
	    {SIGTERM, on_stop},
	    {SIGINT, on_stop},
	    {SIGHUP, on_stop},
	    {SIGCHLD, on_child},
	};
	struct sigaction action = {0};
	sigset_t held;
	size_t i;

	sigemptyset(&held);
	for (i = 0; i < COUNT_OF(ours); i++)
		sigaddset(&held, ours[i].number);
	sigprocmask(SIG_BLOCK, &held, &l->mask);
	for (i = 0; i < COUNT_OF(ours); i++) {
		action.sa_handler = ours[i].handler;
		sigaction(ours[i].number, &action, NULL);
	}
}

static void
loop(struct listener *l)
{
	struct pollfd p = {.events = POLLIN};

	while (!stopped) {
		p.fd = l->children < TUNNELS_MAX ? l->fd : -1;
		if (ppoll(&p, 1, NULL, &l->mask) > 0)
			accept_one(l);
		bury(l);
	}
}

int
tunnel_listen(
    struct cli *cli, const struct mail_words *words, const char *place)
{
	struct listener l = {.cli = cli, .words = words};
	struct mail *m;
	int r;

	if (strncmp(place, PREFIX, strlen(PREFIX)) != 0 ||
	    place[strlen(PREFIX)] != '/')
		return cli_error(EX_USAGE,
		    "--listen takes unix:PATH with an absolute path; there "
		    "is no other way in, since only a socket tells who is "
		    "there");
	l.path = place + strlen(PREFIX);
	r = mail_new(cli, words, &m); /* errors now, not at the first program */
	if (r != 0)
		return r;
	mail_free(m);
	hold_signals(&l);
	r = open_socket(&l);
	if (r != 0)
		return r;
	loop(&l);
	unlink(l.path);
	close(l.fd);
	return 0;
}
