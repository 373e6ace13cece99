/* SPDX-License-Identifier: MIT */
/* child - what every one-shot child does around its work */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sysexits.h>
#include <unistd.h>

#ifdef HAVE_PRCTL
#include <sys/prctl.h>
#endif

#include "common/child.h"
#include "common/util.h"

#define READ_MS 60000

extern char **environ;

int
child_usage(const char *name, int argc, char **argv)
{
	int help = argc == 2 && strcmp(argv[1], "--help") == 0;

	if (argc < 2 && !isatty(STDIN_FILENO))
		return -1;
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("%s " PACKAGE_VERSION "\n", name);
		return 0;
	}
	fprintf(help ? stdout : stderr,
	    "usage: %s <REQUEST >REPLY (started by sasl-bearerd and "
	    "sasl-bearer)\n",
	    name);
	return help ? 0 : EX_USAGE;
}

static void
on_alarm(int number)
{
	(void)number;
	_exit(EX_SOFTWARE);
}

static void
set_signals(void)
{
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};
	struct sigaction sa = {.sa_handler = SIG_IGN};
	sigset_t none;
	size_t i;

	for (i = 0; i < COUNT_OF(ignored); i++)
		sigaction(ignored[i], &sa, NULL);
	sa.sa_handler = on_alarm;
	sigaction(SIGALRM, &sa, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
set_process(int last_fd)
{
	static char *no_environment[] = {NULL};
	struct rlimit zero = {0, 0};

	environ = no_environment;
	setrlimit(RLIMIT_CORE, &zero);
#ifdef HAVE_PRCTL
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#endif
#ifdef HAVE_CLOSE_RANGE
	close_range((unsigned)last_fd + 1, ~0U, 0);
#else
	(void)last_fd;
#endif
}

int
child_begin(int last_fd)
{
	int fd;

	for (fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			return -EBADF;
	set_signals();
	set_process(last_fd);
	child_set_alarm(READ_MS);
	return 0;
}

void
child_set_alarm(int64_t ms)
{
	struct itimerval in = {
	    .it_value.tv_sec = (time_t)(ms / 1000),
	    .it_value.tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};

	setitimer(ITIMER_REAL, &in, NULL);
}

int
child_receive(struct msg *request, char *buf, struct reply *r)
{
	char text[64];
	size_t len = 0;
	int e = util_read_all(STDIN_FILENO, buf, MSG_MAX, &len);

	if (e == 0)
		e = msg_parse(request, buf, len);
	if (e < 0)
		reply_fail(r, STATUS_BAD, "the request is no message: %s",
		    err_text(e, text, sizeof(text)));
	return e;
}

int
child_send(struct reply *r)
{
	if (msg_end(&r->w) < 0) {
		reply_fail(r, STATUS_TEMPORARY,
		    "the answer does not fit into a message");
		if (msg_end(&r->w) < 0)
			return EX_SOFTWARE;
	}
	if (util_write_all(STDOUT_FILENO, r->w.buf, r->w.len) < 0)
		return EX_SOFTWARE;
	return 0;
}
