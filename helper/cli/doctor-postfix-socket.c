/* SPDX-License-Identifier: MIT */
/* doctor-postfix-socket - whether smtp(8) finds the helper */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "helper/cli/call.h"
#include "helper/cli/doctor-postfix.h"

#define HELLO_MS 5000
#define USUAL RUN_DIR "/socket"
#define UNIT "sasl-bearerd-postfix.socket"

/* Which socket the plugin asks in there. */
static void
find_socket(const struct postfix *p, char path[SOCK_PATH_MAX])
{
	char value[4096];
	const char *found;

	postfix_get(p, "import_environment", value, sizeof(value));
	found = strstr(value, CALL_SOCKET_VARIABLE "=");
	if (found)
		found += strlen(CALL_SOCKET_VARIABLE "=");
	snprintf(path, SOCK_PATH_MAX, "%.*s",
	    found ? (int)strcspn(found, " \t,}") : (int)strlen(USUAL),
	    found ? found : USUAL);
}

/* Say hello there. Returns 0 when somebody answers, or a negative code. */
static int
hello(const struct doctor *d, const char *path)
{
	struct cli cli = *d->cli;
	struct call *c = NULL;
	char why[DOCTOR_TEXT];
	int r;

	cli.socket = path;
	cli_catch(why, sizeof(why));
	r = call_new(&cli, "hello", &c);
	cli_catch(NULL, 0);
	if (r != 0)
		return -ENOMEM;
	c->timeout_ms = HELLO_MS;
	r = call_try(c);
	call_free(c);
	return r;
}

/* Whether the user of smtp(8) may not do something, by its bit for others. */
static int
is_shut(const struct postfix *p, const char *path, mode_t bit)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return 0;
	if (st.st_uid == p->uid)
		return !(st.st_mode & bit << 6);
	if (st.st_gid == p->gid)
		return !(st.st_mode & bit << 3);
	return !(st.st_mode & bit);
}

/*
 * What keeps smtp(8) from a socket: a directory on the way, or its own mode.
 * Returns 1 with the path and how to open it, or 0.
 */
static int
find_barrier(const struct postfix *p, const char *path,
    char barrier[SOCK_PATH_MAX], const char **mode)
{
	size_t i;

	for (i = 1; i < SOCK_PATH_MAX && path[i]; i++) {
		if (path[i] != '/')
			continue;
		snprintf(barrier, SOCK_PATH_MAX, "%.*s", (int)i, path);
		*mode = "a+x";
		if (is_shut(p, barrier, S_IXOTH))
			return 1;
	}
	snprintf(barrier, SOCK_PATH_MAX, "%s", path);
	*mode = "a+rw";
	return is_shut(p, path, S_IWOTH);
}

static void
report_absent(const struct postfix *p, const char *path, int jailed, int code)
{
	const char *sudo = doctor_sudo(p->d);
	char text[64];

	if (!jailed)
		doctor_remedy(p->d,
		    "let import_environment in main.cf name the helper's "
		    "socket, %s, or: %s",
		    p->d->socket ? p->d->socket : USUAL,
		    doctor_control(p->d, DOCTOR_START));
	else
		doctor_remedy(p->d,
		    "%ssystemctl stop sasl-bearerd && %ssystemctl enable "
		    "--now " UNIT " && %ssystemctl start sasl-bearerd; "
		    "without that unit add %s to \"listen\" in "
		    "sasl-bearer.conf, and restart sasl-bearerd",
		    sudo, sudo, sudo, path);
	doctor_report(p->d, DOCTOR_FAILED, "%s%s: no answer at %s: %s",
	    jailed ? "in the chroot: " : "",
	    jailed ? p->layout.jailed : p->layout.free, path,
	    err_text(code, text, sizeof(text)));
}

static void
check(const struct postfix *p, const char *path, int jailed)
{
	char barrier[SOCK_PATH_MAX];
	const char *mode;
	int r = hello(p->d, path);

	if (r == -EACCES && geteuid() != 0) {
		doctor_report(
		    p->d, DOCTOR_SKIPPED, "%s: not checked: needs root", path);
	} else if (r < 0) {
		report_absent(p, path, jailed, r);
	} else if (find_barrier(p, path, barrier, &mode)) {
		doctor_remedy(
		    p->d, "%schmod %s %s", doctor_sudo(p->d), mode, barrier);
		doctor_report(p->d, DOCTOR_FAILED,
		    "user %s cannot reach %s: the mode of %s", p->layout.owner,
		    path, barrier);
	} else {
		doctor_report(p->d, DOCTOR_OK, "%s%s: the helper answers at %s",
		    jailed ? "in the chroot: " : "",
		    jailed ? p->layout.jailed : p->layout.free, path);
	}
}

void
postfix_check_socket(const struct postfix *p)
{
	char path[SOCK_PATH_MAX], inside[SOCK_PATH_MAX];

	p->d->check = "socket";
	if (!p->layout.found) {
		doctor_report(p->d, DOCTOR_SKIPPED,
		    "there is no %s/master.cf to read", p->layout.config_dir);
		return;
	}
	find_socket(p, path);
	if (*p->layout.free)
		check(p, path, 0);
	if (!*p->layout.jailed)
		return;
	if (snprintf(inside, sizeof(inside), "%s%s", p->layout.queue_dir,
		path) >= (int)sizeof(inside))
		doctor_report(p->d, DOCTOR_FAILED,
		    "the path of the socket in the chroot is longer than %d "
		    "bytes",
		    SOCK_PATH_MAX - 1);
	else
		check(p, inside, 1);
}
