/* SPDX-License-Identifier: MIT */
/* test-helper - which helper the plugin asks, and whom it believes */
#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/sock.h"
#include "common/util.h"
#include "plugin/helper.h"
#include "tests/unit/tap.h"

/* This program is built with RUN_DIR "system", in a directory of its own. */
#define OWN "own/sasl-bearer/socket"
#define SYSTEM "system/socket"
#define FOREIGN_UID 1

static char dir[] = "/tmp/sb-helper-XXXXXX";

enum { NONE, DEAD, OK, DENIED, TEMPORARY, FOREIGN };

static void
serve(int fd, int kind)
{
	static const char *const statuses[] = {
	    [OK] = "ok",
	    [DENIED] = "denied",
	    [TEMPORARY] = "temporary",
	    [FOREIGN] = "ok",
	};
	char in[4096], out[512];
	struct msg_writer w;
	int client;

	while ((client = accept(fd, NULL, NULL)) >= 0) {
		(void)!recv(client, in, sizeof(in), 0);
		msg_begin(&w, out, sizeof(out));
		msg_put(&w, "status", statuses[kind]);
		msg_put(&w, "reason", kind == OK ? NULL : statuses[kind]);
		msg_put(&w, "token", "tok");
		msg_put(&w, "token_id", "id");
		msg_put(&w, "sasl_user", "a@b");
		msg_end(&w);
		(void)!send(client, out, w.len, MSG_NOSIGNAL);
		close(client);
	}
	_exit(0);
}

/* Put a helper of a kind at a path. Returns its pid, or 0. */
static pid_t
place(const char *path, int kind)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd, ready[2];
	char byte;
	pid_t pid;

	unlink(path);
	if (kind == NONE)
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    pipe(ready) < 0)
		exit(1);
	chmod(path, 0666);
	if (kind == DEAD) {
		close(fd);
		return 0;
	}
	pid = fork();
	if (pid == 0) {
		/* who listens is who is believed */
		if (kind == FOREIGN && setuid(FOREIGN_UID) < 0)
			_exit(1);
		if (listen(fd, 8) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		serve(fd, kind);
	}
	close(fd);
	close(ready[1]);
	(void)!read(ready[0], &byte, 1);
	close(ready[0]);
	return pid;
}

static void
end(pid_t pid)
{
	if (pid == 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static const struct {
	const char *what;
	int own, system;
	enum status status;
	const char *path; /* whose token it is */
	const char *reason;
} rows[] = {
    {"the user's own before the system's", OK, OK, STATUS_OK, OWN, NULL},
    {"without an own one the system's", NONE, OK, STATUS_OK, SYSTEM, NULL},
    {"`denied` from the own one falls through", DENIED, OK, STATUS_OK, SYSTEM,
	NULL},
    {"`temporary` does not", TEMPORARY, OK, STATUS_TEMPORARY, NULL,
	"temporary"},
    {"denied by both", DENIED, DENIED, STATUS_DENIED, NULL, "denied"},
    {"a dead own one does not hide the system's", DEAD, OK, STATUS_OK, SYSTEM,
	NULL},
    {"a dead one is worth a word", DEAD, DENIED, STATUS_TEMPORARY, NULL,
	"cannot reach the token helper"},
    {"a dead system's one too", DENIED, DEAD, STATUS_TEMPORARY, NULL,
	"cannot reach the token helper"},
    {"none at all", NONE, NONE, STATUS_TEMPORARY, NULL,
	"no token helper listens at system/socket"},
    {"a stranger's in the user's place is not believed", FOREIGN, OK, STATUS_OK,
	SYSTEM, NULL},
};

static void
test_rows(struct helper *h, const struct helper_query *q)
{
	enum status s;
	size_t i;
	pid_t own, system_pid;
	const char *suffix;

	for (i = 0; i < COUNT_OF(rows); i++) {
		if (rows[i].own == FOREIGN && geteuid() != 0)
			continue;
		own = place(OWN, rows[i].own);
		system_pid = place(SYSTEM, rows[i].system);
		s = helper_token(h, q, util_now_ms() + 5000);
		suffix = rows[i].path && s == STATUS_OK &&
			strlen(h->path) >= strlen(rows[i].path)
		    ? h->path + strlen(h->path) - strlen(rows[i].path)
		    : "";
		tap_ok(s == rows[i].status &&
			(!rows[i].path || strcmp(suffix, rows[i].path) == 0) &&
			(!rows[i].reason || strstr(h->reason, rows[i].reason)),
		    "%s: %s", rows[i].what, status_name(s));
		helper_end(h);
		end(own);
		end(system_pid);
	}
	unlink(OWN);
	unlink(SYSTEM);
}

static void
test_places(struct helper *h, const struct helper_query *q)
{
	pid_t own = place(OWN, OK), system_pid = place(SYSTEM, DENIED);
	char path[64];

	chmod("own", 0755);
	tap_ok(helper_token(h, q, util_now_ms() + 5000) == STATUS_DENIED,
	    "a runtime directory that is open to others is not used");
	helper_end(h);
	snprintf(path, sizeof(path), "%s/own/sasl-bearer/socket", dir);
	setenv("SASL_BEARER_SOCKET", path, 1);
	tap_ok(helper_token(h, q, util_now_ms() + 5000) == STATUS_OK,
	    "$SASL_BEARER_SOCKET is used");
	helper_end(h);
	snprintf(path, sizeof(path), "%s/nowhere", dir);
	setenv("SASL_BEARER_SOCKET", path, 1);
	chmod("own", 0700);
	tap_ok(helper_token(h, q, util_now_ms() + 5000) == STATUS_TEMPORARY,
	    "and then no other");
	helper_end(h);
	unsetenv("SASL_BEARER_SOCKET");
	end(own);
	end(system_pid);
	unlink(OWN);
	unlink(SYSTEM);
}

/* A helper that has refused us before we have said anything. */
static void
test_refused(struct helper *h)
{
	static const char reply[] = "protocol=1\nstatus=temporary\n\n";
	struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = SYSTEM};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), client;
	char out[64];
	struct msg_writer w;
	struct msg m;

	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, 1) < 0 ||
	    sock_open(&h->sock, SYSTEM, util_now_ms() + 5000) < 0) {
		tap_ok(0, "a listening socket");
		return;
	}
	client = accept(fd, NULL, NULL);
	(void)!send(client, reply, strlen(reply), MSG_NOSIGNAL);
	close(client);
	msg_begin(&w, out, sizeof(out));
	msg_put(&w, "request", "hello");
	msg_end(&w);
	tap_ok(sock_send(&h->sock, &w) == 0, "refused before we ask");
	tap_ok(sock_next(&h->sock, &m) == 0 && msg_get(&m, "status") &&
		strcmp(msg_get(&m, "status"), "temporary") == 0,
	    "we hear why");
	sock_close(&h->sock);
	close(fd);
	unlink(SYSTEM);
}

int
main(void)
{
	struct helper *h = calloc(1, sizeof(*h));
	struct helper_query q = {.user = "a@b", .service = "imap"};
	char path[64];

	if (!h || !mkdtemp(dir) || chdir(dir) < 0)
		return 1;
	/* the helper under a foreign uid has to reach its socket */
	chmod(dir, 0755);
	mkdir("own", 0700);
	mkdir("own/sasl-bearer", 0755);
	mkdir("system", 0755);
	snprintf(path, sizeof(path), "%s/own", dir);
	setenv("XDG_RUNTIME_DIR", path, 1);
	unsetenv("SASL_BEARER_SOCKET");
	test_rows(h, &q);
	test_places(h, &q);
	test_refused(h);
	free(h);
	rmdir("own/sasl-bearer");
	rmdir("own");
	rmdir("system");
	(void)!chdir("/");
	tap_ok(rmdir(dir) == 0, "nothing is left");
	return tap_done();
}
