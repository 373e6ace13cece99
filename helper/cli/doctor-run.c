/* SPDX-License-Identifier: MIT */
/* doctor-run - what other programs print, and how the helper is controlled */
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

#include "common/sock.h"
#include "helper/cli/call.h"
#include "helper/cli/doctor.h"

#define RUN_MS 30000

/* Beside PATH, where programs for root are not in that of others. */
static const char *const places[] = {
    "/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/bin"};

/* In the child. */
_Noreturn static void
become(const char *const argv[], int out)
{
	char path[PATH_MAX];
	int null = open("/dev/null", O_RDWR);
	size_t i;

	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 ||
	    dup2(out, 2) < 0)
		_exit(127);
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	for (i = 0; i < COUNT_OF(places) && !strchr(argv[0], '/'); i++) {
		snprintf(path, sizeof(path), "%s/%s", places[i], argv[0]);
		execv(path, (char *const *)(uintptr_t)argv);
	}
	_exit(127);
}

/* Read to the end, or the deadline; what does not fit is dropped. */
static int
collect(int fd, char *buf, size_t size)
{
	int64_t deadline_ms = util_now_ms() + RUN_MS;
	char more[1024];
	size_t len = 0, part;
	ssize_t n;
	int r;

	do {
		r = sock_wait(fd, POLLIN, deadline_ms);
		if (r < 0)
			break;
		n = read(fd, more, sizeof(more));
		if (n < 0 && errno != EINTR)
			r = -errno;
		part = n > 0 ? (size_t)n : 0;
		if (part > size - 1 - len)
			part = size - 1 - len;
		memcpy(buf + len, more, part);
		len += part;
	} while (r == 0 && n != 0);
	buf[len] = '\0';
	return r;
}

int
doctor_run(const char *const argv[], char *buf, size_t size)
{
	int fds[2], status = 0, r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		become(argv, fds[1]);
	close(fds[1]);
	r = pid < 0 ? -EAGAIN : collect(fds[0], buf, size);
	close(fds[0]);
	if (pid < 0)
		return r;
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return r;
	if (!WIFEXITED(status))
		return -EINTR;
	return WEXITSTATUS(status) == 127 ? -ENOENT : WEXITSTATUS(status);
}

const char *
doctor_sudo(const struct doctor *d)
{
	return d->cli->user_mode || geteuid() == 0 ? "" : "sudo ";
}

const char *
doctor_control(const struct doctor *d, enum doctor_verb verb)
{
	static const char *const verbs[] = {
	    [DOCTOR_START] = "start", "restart", "reload"};
	static char text[128];
	const char *sudo = doctor_sudo(d);

	if (call_has_systemd())
		snprintf(text, sizeof(text), "%ssystemctl %s%s sasl-bearerd",
		    sudo, d->cli->user_mode ? "--user " : "", verbs[verb]);
	else if (verb == DOCTOR_START)
		snprintf(text, sizeof(text), "%ssasl-bearerd%s", sudo,
		    d->cli->user_mode ? " --user" : "");
	else if (verb == DOCTOR_RELOAD)
		snprintf(
		    text, sizeof(text), "%spkill -HUP -x sasl-bearerd", sudo);
	else
		snprintf(text, sizeof(text), "end sasl-bearerd and start it");
	return text;
}
