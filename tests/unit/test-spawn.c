/* SPDX-License-Identifier: MIT */
/* test-spawn - what the spawner starts, and what it never starts */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/msg.h"
#include "common/util.h"
#include "helper/daemon/spawn.h"
#include "tests/unit/tap.h"

#define WAIT_MS 30000

static char dir[] = "/tmp/sb-spawn-XXXXXX";
static int spawner;

static void
write_file(const char *name, const char *fmt)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (!f)
		exit(1);
	for (; *fmt; fmt++)
		if (*fmt == '%')
			fputs(dir, f);
		else
			fputc(*fmt, f);
	fclose(f);
}

/* Send a packet, with the writing end of a pipe as output and as errors. */
static void
send_packet(const char *text, int out)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	const int fds[] = {out, out};
	struct cmsghdr *c;

	if (out >= 0) {
		h.msg_control = &control;
		h.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fds));
		memcpy(CMSG_DATA(c), fds, sizeof(fds));
	}
	(void)!sendmsg(spawner, &h, 0);
}

/* What the spawner says next, "NAME=VALUE"; "" when that is nothing. */
static const char *
answer(char *buf, size_t size, const char *name)
{
	static char text[64];
	struct pollfd p = {.fd = spawner, .events = POLLIN};
	struct msg m;
	ssize_t n = poll(&p, 1, WAIT_MS) > 0 ? recv(spawner, buf, size, 0) : 0;

	if (n <= 0 || msg_parse(&m, buf, (size_t)n) < 0 || !msg_get(&m, name))
		return "";
	snprintf(text, sizeof(text), "%s=%s", name, msg_get(&m, name));
	return text;
}

static void
test_start(void)
{
	static const char request[] = "protocol=1\nrequest=start\nid=7\n"
				      "program=command\naccount=good\n\n";
	char buf[512], out[64] = "";
	int fd[2];

	if (pipe(fd) < 0)
		exit(1);
	send_packet(request, fd[1]);
	tap_is(answer(buf, sizeof(buf), "exit"), "exit=0",
	    "the command of an account is run");
	close(fd[1]);
	(void)!read(fd[0], out, sizeof(out) - 1);
	tap_is(out, "a token\n", "and its output is where it should be");
	close(fd[0]);
}

/* The command of the settings: what they name now, whatever the packet says. */
static void
test_notify(void)
{
	static const char request[] =
	    "protocol=1\nrequest=start\nid=8\nprogram=notify\n"
	    "account=good\ncommand=/bin/false\n\n";
	char buf[512], out[64] = "";
	int fd[2];

	if (pipe(fd) < 0)
		exit(1);
	send_packet(request, fd[1]);
	tap_is(answer(buf, sizeof(buf), "exit"), "exit=127",
	    "no notify_command: nothing is run");
	write_file("conf",
	    "accounts_dir = %/accounts\nproviders_dir = %\n"
	    "notify_command = /bin/echo told\n");
	send_packet(request, fd[1]);
	tap_is(answer(buf, sizeof(buf), "exit"), "exit=0",
	    "notify_command is read from the file when it is run");
	close(fd[1]);
	(void)!read(fd[0], out, sizeof(out) - 1);
	tap_is(out, "there is no notify_command any more\ntold\n",
	    "and nothing but it");
	close(fd[0]);
}

/* What a daemon in the wrong hands would like to start. */
static void
test_refused(void)
{
	static const struct {
		const char *what, *lines;
	} rows[] = {
	    {"a file of no account, beside the accounts",
		"program=command\naccount=../evil\n"},
	    {"the same by a longer way",
		"program=command\naccount=../accounts/../evil\n"},
	    {"a name that is none", "program=command\naccount=a b\n"},
	    {"a command without an account", "program=command\n"},
	    {"a program by its path", "program=/bin/sh\naccount=good\n"},
	    {"a program elsewhere", "program=../bin/sh\n"},
	    {"no program", "account=good\n"},
	};
	char buf[512], packet[256], path[128];
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		snprintf(packet, sizeof(packet),
		    "protocol=1\nrequest=start\nid=%zu\n%s\n", i,
		    rows[i].lines);
		send_packet(packet, STDERR_FILENO);
		tap_is(
		    answer(buf, sizeof(buf), "errno"), "errno=2", rows[i].what);
	}
	send_packet("protocol=1\nrequest=start\nid=9\nprogram=command\n"
		    "account=good\n\n",
	    -1);
	tap_is(answer(buf, sizeof(buf), "errno"), "errno=2",
	    "a command without descriptors");
	snprintf(path, sizeof(path), "%s/ran", dir);
	tap_ok(
	    access(path, F_OK) < 0 && errno == ENOENT, "none of these was run");
}

/* What is no request is dropped, and the next one is served. */
static void
test_ignored(void)
{
	static const char *const rows[] = {
	    "x",
	    "protocol=1\n\n",
	    "protocol=1\nrequest=start\n\n",
	    "protocol=1\nrequest=start\nid=-1\nprogram=command\n\n",
	    "protocol=1\nrequest=kill\nid=99\n\n",
	    "protocol=1\nrequest=start\nid=1\nprogram=a\nprogram=b\n\n",
	};
	char buf[512];
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		send_packet(rows[i], STDERR_FILENO);
		send_packet("protocol=1\nrequest=start\nid=55\n\n", -1);
		tap_is(answer(buf, sizeof(buf), "id"), "id=55",
		    "dropped without a word, and the next one is served");
	}
}

int
main(void)
{
	char config[64], command[128];
	const struct spawn_places places = {
	    .libexec_dir = dir, .config = config};
	int fd[2], status = -1;
	pid_t pid;

	if (!mkdtemp(dir) || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) < 0)
		return 1;
	snprintf(config, sizeof(config), "%s/conf", dir);
	snprintf(command, sizeof(command), "%s/accounts", dir);
	mkdir(command, 0755);
	write_file("conf", "accounts_dir = %/accounts\nproviders_dir = %\n");
	write_file("accounts/good.conf",
	    "grant = command\ncommand = /bin/echo a token\nhosts = h\n");
	write_file("evil.conf",
	    "grant = command\ncommand = /bin/mkdir %/ran\nhosts = h\n");
	pid = fork();
	if (pid == 0) {
		close(fd[0]);
		spawn_serve(fd[1], &places);
	}
	close(fd[1]);
	spawner = fd[0];
	test_start();
	test_notify();
	test_refused();
	test_ignored();
	close(spawner);
	waitpid(pid, &status, 0);
	tap_ok(status == 0, "it ends when the daemon is gone");
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command) != 0 || tap_done();
}
