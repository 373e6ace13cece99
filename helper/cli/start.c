/* SPDX-License-Identifier: MIT */
/* start - see that the helper answers before a sign-in */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/cli/call.h"
#include "helper/cli/start.h"

#define DAEMON "sasl-bearerd"
#define HELLO_MS 5000
#define START_MS 5000
#define PAUSE_MS 100

/* Say hello. Returns 0 or a negative code; EX_ codes are reported. */
static int
hello(struct cli *cli, uid_t *ret_peer, struct call **ret)
{
	struct call *c;
	int r = call_new(cli, "hello", &c);

	if (r != 0)
		return r;
	c->timeout_ms = HELLO_MS;
	r = call_try(c);
	if (r == 0)
		*ret_peer = c->peer;
	*ret = c;
	return r;
}

int
start_find(const struct settings *s, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/" DAEMON, s->libexec_dir);
	if (access(path, X_OK) == 0)
		return 0;
	snprintf(path, PATH_MAX, SBIN_DIR "/" DAEMON);
	return access(path, X_OK) < 0 ? -errno : 0;
}

/* In the child's child: cut all ties and become the daemon. */
static void
become(const char *path, const char *config)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(null, 2) < 0)
		_exit(127);
#ifdef HAVE_CLOSE_RANGE
	close_range(3, ~0U, 0);
#endif
	signal(SIGPIPE, SIG_DFL);
	if (config)
		execl(path, DAEMON, "--user", "--config", config, (char *)NULL);
	else
		execl(path, DAEMON, "--user", (char *)NULL);
	_exit(127);
}

/* Start the daemon in a session of its own, as nobody's child. */
static int
detach(const char *path, const char *config)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		if (setsid() >= 0 && fork() == 0)
			become(path, config);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return 0;
}

/* Wait until a daemon that was started answers. */
static int
wait_for_it(struct cli *cli, uid_t *ret_peer)
{
	int64_t deadline_ms = util_now_ms() + START_MS;
	struct call *c;
	int r;

	do {
		poll(NULL, 0, PAUSE_MS);
		c = NULL;
		r = hello(cli, ret_peer, &c);
		call_free(c);
	} while (r < 0 && util_now_ms() < deadline_ms);
	return r;
}

static int
can_start(const struct cli *cli, int code)
{
	return cli->user_mode && call_is_default(cli) &&
	    (code == -ENOENT || code == -ENOTDIR || code == -ECONNREFUSED);
}

int
start_helper(struct cli *cli, uid_t *ret_peer)
{
	char path[PATH_MAX];
	struct call *c = NULL;
	int r = hello(cli, ret_peer, &c), found;

	if (r >= 0 || !can_start(cli, r)) {
		if (r < 0)
			r = call_report(c, r);
		call_free(c);
		return r;
	}
	found = start_find(&cli->settings, path);
	if (found < 0)
		r = call_report(c, r);
	call_free(c);
	if (found < 0)
		return r;
	if (detach(path, cli->config) < 0 || wait_for_it(cli, ret_peer) != 0)
		return cli_error(EX_TEMPFAIL,
		    "cannot start the helper %s; run \"" DAEMON
		    " --user --foreground\" to see why, and on a machine "
		    "without a session first: loginctl enable-linger",
		    path);
	cli_error(0, "started %s --user", path);
	return 0;
}

int
start_check_rights(const struct cli *cli, uid_t peer, const char *what)
{
	const struct passwd *pw = getpwnam(cli->settings.run_as);

	if (cli->user_mode || geteuid() == 0 || geteuid() == peer ||
	    (pw && pw->pw_uid == geteuid()))
		return 0;
	return cli_error(EX_NOPERM,
	    "only root may %s for the system's helper; run this as root, or "
	    "use your own helper with --user",
	    what);
}
