/* SPDX-License-Identifier: MIT */
/* fetch - run sasl-bearer-fetch for one exchange with a provider */
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
#include "helper/cli/cli.h"
#include "helper/cli/fetch.h"

#define PROGRAM "sasl-bearer-fetch"
#define GRACE_MS 10000 /* on top of the time the child gives itself */

struct fetch *
fetch_new(const char *operation, const struct settings *s,
    const struct account_conf *a, const char *secret)
{
	struct fetch *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	msg_begin(&f->w, f->request, sizeof(f->request));
	msg_put(&f->w, "operation", operation);
	msg_put(&f->w, "token_endpoint", a->token_endpoint);
	msg_put(&f->w, "device_authorization_endpoint",
	    a->device_authorization_endpoint);
	msg_put(&f->w, "issuer", a->issuer);
	msg_put(&f->w, "client_id", a->client_id);
	msg_put(&f->w, "client_secret", secret);
	msg_put(&f->w, "client_auth",
	    a->client_auth == CLIENT_AUTH_BASIC ? "basic" : "post");
	msg_put(&f->w, "scope", a->scope);
	msg_put(&f->w, "resource", a->resource);
	msg_put(&f->w, "audience", a->audience);
	msg_put(&f->w, "ca_file", a->ca_file ? a->ca_file : s->ca_file);
	msg_put(&f->w, "proxy", a->proxy ? a->proxy : s->proxy);
	msg_put_number(&f->w, "timeout_ms", s->fetch_timeout_s * 1000);
	return f;
}

/* Close every descriptor from 3 on. In the child: no malloc, no stdio. */
static void
close_others(void)
{
	int fd;

#ifdef HAVE_CLOSE_RANGE
	if (close_range(3, ~0U, 0) == 0)
		return;
#endif
	for (fd = 3; fd < 1024; fd++)
		close(fd);
}

/* What the child does until it is another program. */
static void
become(const char *path, int in, int out)
{
	char name[] = PROGRAM, *argv[] = {name, NULL}, *envp[] = {NULL};
	int null = open("/dev/null", O_RDWR);

	/* in and out are at least 3: descriptors 0 to 2 are open */
	if (null < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 ||
	    dup2(null, 2) < 0)
		_exit(127);
	close_others();
	signal(SIGPIPE, SIG_DFL);
	execve(path, argv, envp);
	_exit(127);
}

/* Start the child. Its ends of the pipes are closed here. */
static int
start(const char *path, pid_t *ret_pid, int *ret_in, int *ret_out)
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
		become(path, to[0], from[1]);
	if (to[0] >= 0)
		close(to[0]);
	if (from[1] >= 0)
		close(from[1]);
	if (r == 0) {
		*ret_pid = pid;
		*ret_in = to[1];
		*ret_out = from[0];
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
exchange(struct fetch *f, int in, int out, int64_t timeout_ms)
{
	int64_t deadline_ms = util_now_ms() + timeout_ms + GRACE_MS;
	size_t len = 0;
	int r;

	r = util_write_all(in, f->request, f->w.len);
	close(in);
	if (r == 0 || r == -EPIPE)
		r = receive(out, deadline_ms, f->answer, &len);
	close(out);
	return r == 0 ? msg_parse(&f->reply, f->answer, len) : r;
}

/* Report why there is no reply. */
static int
failed(const char *path, int code, int status)
{
	char text[64];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return cli_error(EX_OSERR,
		    "cannot run %s: is the package installed completely?",
		    path);
	if (code == -ETIMEDOUT)
		return cli_error(
		    EX_SOFTWARE, "%s did not end in its time", path);
	if (WIFSIGNALED(status))
		return cli_error(EX_SOFTWARE, "%s ended with signal %d", path,
		    WTERMSIG(status));
	return cli_error(EX_SOFTWARE, "%s sent no usable reply: %s", path,
	    err_text(code, text, sizeof(text)));
}

int
fetch_run(struct fetch *f, const struct settings *s)
{
	char path[PATH_MAX], text[64];
	int in = -1, out = -1, r, status = 0;
	pid_t pid = -1;

	snprintf(path, sizeof(path), "%s/" PROGRAM, s->libexec_dir);
	r = msg_end(&f->w);
	if (r < 0)
		return cli_error(EX_DATAERR,
		    "a value of the account cannot be sent: %s",
		    err_text(r, text, sizeof(text)));
	if (access(path, X_OK) < 0)
		return cli_error(EX_OSERR, "cannot run %s: %s", path,
		    err_text(errno, text, sizeof(text)));
	r = start(path, &pid, &in, &out);
	if (r < 0)
		return cli_error(EX_OSERR, "cannot start %s: %s", path,
		    err_text(r, text, sizeof(text)));
	r = exchange(f, in, out, s->fetch_timeout_s * 1000);
	if (r == -ETIMEDOUT)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return r < 0 ? failed(path, r, status) : 0;
}

void
fetch_free(struct fetch *f)
{
	util_wipe(f, sizeof(*f));
	free(f);
}
