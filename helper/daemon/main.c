/* SPDX-License-Identifier: MIT */
/* main - sasl-bearerd: options, set-up, and who runs what */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/err.h"
#include "helper/daemon/check.h"
#include "helper/daemon/confine.h"
#include "helper/daemon/log.h"
#include "helper/daemon/notify.h"
#include "helper/daemon/privilege.h"
#include "helper/daemon/run.h"
#include "helper/daemon/spawn.h"
#include "helper/daemon/state-key.h"
#include "helper/daemon/store.h"
#include "helper/sandbox/sandbox.h"

/* Above any character: getopt_long() tells of those, too. */
enum option_name {
	OPTION_FOREGROUND = 256,
	OPTION_CONFIG,
	OPTION_CHECK,
	OPTION_USER,
	OPTION_PIDFILE,
	OPTION_HELP,
	OPTION_VERSION,
};

struct options {
	const char *config;
	const char *pidfile;
	int foreground;
	int check;
	int user_mode;
};

static void
usage(void)
{
	fputs("usage: sasl-bearerd [--config FILE] [--foreground]\n"
	      "                    [--pidfile FILE] [--user]\n"
	      "       sasl-bearerd --check [--config FILE] [--user]\n"
	      "       sasl-bearerd --help | --version\n",
	    stdout);
}

__attribute__((format(printf, 1, 2))) static void
complain(const char *fmt, ...)
{
	va_list ap;

	fputs("sasl-bearerd: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void
refuse(const char *what, const char *word)
{
	complain("%s \"%s\"; see \"sasl-bearerd --help\"", what, word);
	exit(EX_USAGE);
}

/* Refuse what getopt_long() did: the word before the next, or a letter. */
static void
refuse_option(int c, const char *word)
{
	const char letter[] = {'-', (char)optopt, '\0'};

	if (c == ':')
		refuse("no value for option", word);
	else if (optopt == 0)
		refuse("unknown option", word);
	else if (optopt < OPTION_FOREGROUND)
		refuse("unknown option", letter);
	else
		refuse("a value for an option that takes none:", word);
}

static void
parse_options(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
	    {"foreground", no_argument, NULL, OPTION_FOREGROUND},
	    {"config", required_argument, NULL, OPTION_CONFIG},
	    {"check", no_argument, NULL, OPTION_CHECK},
	    {"user", no_argument, NULL, OPTION_USER},
	    {"pidfile", required_argument, NULL, OPTION_PIDFILE},
	    {"help", no_argument, NULL, OPTION_HELP},
	    {"version", no_argument, NULL, OPTION_VERSION},
	    {NULL, 0, NULL, 0},
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", table, NULL)) != -1) {
		switch (c) {
		case OPTION_FOREGROUND:
			o->foreground = 1;
			break;
		case OPTION_CONFIG:
			o->config = optarg;
			break;
		case OPTION_CHECK:
			o->check = 1;
			break;
		case OPTION_USER:
			o->user_mode = 1;
			break;
		case OPTION_PIDFILE:
			o->pidfile = optarg;
			break;
		case OPTION_HELP:
			usage();
			exit(EX_OK);
		case OPTION_VERSION:
			printf("sasl-bearerd " PACKAGE_VERSION " (%s)\n",
			    sandbox_build());
			exit(EX_OK);
		default:
			refuse_option(c, argv[optind - 1]);
		}
	}
	if (optind != argc)
		refuse("no argument is expected:", argv[optind]);
}

static void
print_error(void *context, const char *line)
{
	(void)context;
	fprintf(stderr, "sasl-bearerd: %s\n", line);
}

/*
 * The spawner comes first, before any secret is read, and gives up what root
 * can do on its own. Returns the daemon's end of its socket.
 */
static int
fork_spawner(const struct spawn_places *places, const struct identity *id)
{
	int pair[2], null;
	char ready;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		close(pair[1]);
		/* nothing goes on before it is nobody special */
		return recv(pair[0], &ready, 1, 0) == 1 ? pair[0] : -EPERM;
	}
	close(pair[0]);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (dup2(pair[1], STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0)
		_exit(EX_OSERR);
#ifdef HAVE_CLOSE_RANGE
	close_range(STDERR_FILENO + 1, ~0U, 0);
#else
	for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
		close(fd);
#endif
	if (privilege_drop(id) < 0)
		_exit(EX_NOPERM);
	privilege_seal();
	if (sandbox_calls(SANDBOX_SPAWNER) < 0)
		_exit(EX_OSERR);
	if (send(STDIN_FILENO, "", 1, MSG_NOSIGNAL) != 1)
		_exit(EX_OSERR);
	spawn_serve(STDIN_FILENO, places);
}

/* Open the state directory as the user that will own it. */
static int
open_state(const char *path, const struct identity *id)
{
	int r, change = geteuid() == 0 && id->uid != 0;

	if (change) {
		if (mkdir(path, 0700) == 0 &&
		    lchown(path, id->uid, id->gid) < 0)
			return -errno;
		if (setegid(id->gid) < 0 || seteuid(id->uid) < 0)
			return -errno;
	}
	r = store_open(path);
	if (change && (seteuid(0) < 0 || setegid(0) < 0))
		return -errno;
	return r;
}

static void
explain_state(const char *path, int user_mode, int r)
{
	char text[64];

	if (r == -EWOULDBLOCK)
		complain("%s: another sasl-bearerd uses it; stop that one, or "
			 "give this one another state_dir",
		    path);
	else if (r == -EPERM)
		complain("%s: must belong to the helper's user and be closed "
			 "to others; run \"chmod 700 %s\"",
		    path, path);
	else
		complain("state_dir %s: %s; %s", path,
		    err_text(r, text, sizeof(text)),
		    geteuid() == 0 || user_mode
			? "create the directory above it, or set state_dir in "
			  "sasl-bearer.conf"
			: "start the system's helper as root, or your own with "
			  "--user");
}

/* Before root is given away: pid files lie where only root writes. */
static int
write_pidfile(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f || fchmod(fileno(f), 0644) < 0 ||
	    fprintf(f, "%ld\n", (long)getpid()) < 0) {
		complain(
		    "cannot write the pidfile %s: %s", path, strerror(errno));
		if (f)
			fclose(f);
		return -EIO;
	}
	return fclose(f) == 0 ? 0 : -EIO;
}

/*
 * The exit status after an error: EX_CONFIG is for a person to mend, after the
 * other one service managers try again.
 */
static int
status_of(int code)
{
	return err_passes(code) ? EX_OSERR : EX_CONFIG;
}

/* Lock the state, bind the sockets, be nobody special, read the keys. */
static int
set_up(struct daemon *d, const struct identity *id, const char *pidfile)
{
	char why[1024], text[64];
	int r;

	d->state_fd = open_state(d->settings.state_dir, id);
	if (d->state_fd < 0) {
		explain_state(d->settings.state_dir, d->user_mode, d->state_fd);
		return EX_CANTCREAT;
	}
	r = listen_open(d->settings.listen, id, &d->listeners, why);
	if (r < 0) {
		complain("%s; see listen in sasl-bearer.conf", why);
		return EX_CANTCREAT;
	}
	if (pidfile && write_pidfile(pidfile) < 0)
		return EX_CANTCREAT;
	r = privilege_drop(id);
	if (r < 0) {
		complain("cannot become user %s: %s", id->name,
		    err_text(r, text, sizeof(text)));
		return EX_NOPERM;
	}
	privilege_seal();
	r = state_key_load(&d->settings, &d->ring, why);
	if (r < 0) {
		complain("%s", why);
		return status_of(r);
	}
	return EX_OK;
}

/* In the background: the parent ends when, and as, we have started. */
static int
go_background(void)
{
	int pair[2];
	char status = EX_SOFTWARE;
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		complain("cannot start: %s", strerror(errno));
		exit(EX_OSERR);
	}
	if (pid > 0) {
		close(pair[1]);
		(void)!read(pair[0], &status, 1);
		_exit(status);
	}
	close(pair[0]);
	setsid();
	return pair[1];
}

static void
tell_parent(int fd, int status)
{
	char byte = (char)status;

	if (fd >= 0)
		(void)!write(fd, &byte, 1);
}

/* Served from now on: leave the terminal, let the parent go. */
static void
on_ready(void *arg)
{
	const int *parent_fd = arg;
	int fd, null;

	if (*parent_fd < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	tell_parent(*parent_fd, EX_OK);
}

static int
check(const struct settings *s, struct conf_errors *e)
{
	if (e->count == 0)
		check_programs(s, e);
	if (e->count == 0)
		state_key_check(s, e);
	if (e->count == 0)
		check_accounts(s, e);
	if (e->count > 0)
		return EX_CONFIG;
	puts("the configuration is good");
	return EX_OK;
}

/* Shut ourselves in, then serve. Returns the exit status. */
static int
run(struct daemon *d, int spawner_fd, int foreground, int *parent_fd)
{
	char why[CONF_TEXT_MAX];

	log_open(foreground);
	log_set_level((enum log_level)d->settings.log_level);
	if (confine(d, why) < 0) {
		complain("%s", why);
		return EX_OSERR;
	}
	return daemon_run(d, spawner_fd, on_ready, parent_fd) < 0 ? EX_OSERR
								  : EX_OK;
}

static void
explain_user(const char *name, int code)
{
	char text[64];

	if (code == -ENOENT)
		complain("run_as: there is no user \"%s\"; create it, or set "
			 "run_as in sasl-bearer.conf",
		    name);
	else
		complain("run_as: cannot look up user \"%s\": %s", name,
		    err_text(code, text, sizeof(text)));
}

static int
serve(struct options *o, struct daemon *d)
{
	const struct spawn_places places = {
	    d->settings.libexec_dir, o->config, o->user_mode};
	struct identity id;
	int fd, r, status, parent_fd = -1;

	r = privilege_find(o->user_mode ? NULL : d->settings.run_as, &id);
	if (r < 0) {
		explain_user(d->settings.run_as, r);
		return status_of(r);
	}
	if (!o->foreground)
		parent_fd = go_background();
	fd = fork_spawner(&places, &id);
	if (fd < 0) {
		complain("cannot start: %s", strerror(-fd));
		status = EX_OSERR;
	} else {
		status = set_up(d, &id, o->pidfile);
	}
	if (status == EX_OK)
		status = run(d, fd, o->foreground, &parent_fd);
	listen_close(&d->listeners);
	tell_parent(parent_fd, status);
	return status;
}

int
main(int argc, char **argv)
{
	struct conf_errors e = {.report = print_error};
	struct options o = {0};
	struct daemon d = {.state_fd = -1};
	int fd, r, status;

	/* what is opened later must not become standard output */
	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd < 3);
	if (fd >= 3)
		close(fd);
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a limit on files is an error like others */
	parse_options(argc, argv, &o);
	d.config_path = o.config;
	d.user_mode = o.user_mode;
	r = settings_load(o.config, o.user_mode, &d.settings, &e);
	if (o.check)
		status = check(&d.settings, &e);
	else if (e.count > 0)
		status = status_of(r);
	else
		status = serve(&o, &d);
	state_key_free(d.ring);
	settings_clear(&d.settings);
	return status;
}
