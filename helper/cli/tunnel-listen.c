/* SPDX-License-Identifier: MIT */
/* tunnel-listen - tunnels for all who connect to a socket */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "common/sock.h"
#include "helper/cli/tunnel.h"
#include "helper/config/socket-file.h"
#include "helper/mail/front.h"

#define PREFIX "unix:"
#define BACKLOG 64
#define ALIVE_MS 1000 /* with a full backlog */

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

/* What an earlier one left may be replaced, but only if it is dead. */
static int
is_served(const char *path)
{
	struct sock s;
	int r = sock_open(&s, path, util_now_ms() + ALIVE_MS);

	sock_close(&s);
	return r == 0 || r == -ETIMEDOUT;
}

static int
open_socket(struct listener *l)
{
	char why[SOCKET_FILE_WHY_SIZE], text[64];
	int r;

	if (strlen(l->path) > SOCKET_FILE_MAX)
		return cli_error(EX_USAGE,
		    "the path of the socket is longer than %d bytes",
		    SOCKET_FILE_MAX);
	if (socket_file_check(l->path, why) < 0)
		return cli_error(EX_CANTCREAT, "%s", why);
	if (is_served(l->path))
		return cli_error(EX_CANTCREAT,
		    "somebody listens at \"%s\" already", l->path);
	r = socket_file_listen(l->path, BACKLOG, &l->fd);
	if (r == -EEXIST)
		return cli_error(EX_CANTCREAT,
		    "\"%s\" is there, and no socket; it stays", l->path);
	if (r < 0)
		return cli_error(EX_CANTCREAT, "cannot listen at \"%s\": %s",
		    l->path, err_text(r, text, sizeof(text)));
	return 0;
}

/* The rule of the helper, asked anew: it may have been reloaded. */
static int
allows(const struct mail *m, uid_t uid)
{
	return uid == 0 || uid == geteuid() ||
	    (uid != sock_overflow_uid() && resolved_allows(&m->account, uid));
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
