/* SPDX-License-Identifier: MIT */
/* call - one request to the helper */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/call.h"

int
call_is_default(const struct cli *cli)
{
	const char *path = getenv(CALL_SOCKET_VARIABLE);

	return !cli->socket && !(path && *path);
}

int
call_socket(struct cli *cli, const char **ret)
{
	int r;

	if (cli->socket) {
		*ret = cli->socket;
		return 0;
	}
	if (!call_is_default(cli)) {
		*ret = getenv(CALL_SOCKET_VARIABLE);
		return 0;
	}
	r = cli_settings(cli);
	if (r == 0)
		*ret = cli->settings.listen[0];
	return r;
}

int
call_new(struct cli *cli, const char *request, struct call **ret)
{
	struct call *c;
	const char *path;
	int r;

	r = call_socket(cli, &path);
	if (r != 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return cli_error(EX_OSERR, "out of memory");
	c->path = path;
	c->user_mode = cli->user_mode;
	c->timeout_ms = CALL_TIMEOUT_MS;
	c->sock.fd = -1;
	msg_begin(&c->w, c->request, sizeof(c->request));
	msg_put(&c->w, "request", request);
	*ret = c;
	return 0;
}

/* A stranger who made the socket must not get what we send. */
static int
check_peer(struct call *c)
{
	pid_t pid;
	int r = sock_peer(c->sock.fd, &c->peer, &pid);

	if (r == 0 && c->user_mode && c->peer != 0 && c->peer != geteuid())
		r = -ERR_PEER;
	return r;
}

int
call_try(struct call *c)
{
	int r = msg_end(&c->w);

	if (r == 0)
		r = sock_open(&c->sock, c->path, util_now_ms() + c->timeout_ms);
	if (r == 0)
		r = check_peer(c);
	if (r == 0)
		r = sock_send(&c->sock, &c->w);
	if (r == 0 || r == -EPIPE)
		r = sock_next(&c->sock, &c->reply);
	return r;
}

int
call_has_systemd(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

/* What a person can do about a connection that failed. */
static const char *
advice(const struct call *c, int code)
{
	switch (code) {
	case -ENOENT:
	case -ENOTDIR:
	case -ECONNREFUSED:
		return c->user_mode
		    ? "start it with: sasl-bearerd --user (or add --system to "
		      "ask the system's)"
		    : call_has_systemd()
		    ? "start it with: systemctl start sasl-bearerd"
		    : "start sasl-bearerd, as root";
	case -EACCES:
		return "the directories of the socket must be open to all";
	case -ERR_PEER:
		return "somebody else made this socket; do not use it";
	default:
		return "the helper's log says more";
	}
}

int
call_report(const struct call *c, int code)
{
	char text[64];

	if (c->w.error < 0)
		return cli_error(EX_USAGE, "cannot send the request: %s",
		    err_text(code, text, sizeof(text)));
	return cli_error(EX_TEMPFAIL, "no answer from the helper at %s: %s; %s",
	    c->path, err_text(code, text, sizeof(text)), advice(c, code));
}

int
call_status(const struct call *c)
{
	enum status s = status_parse(msg_get(&c->reply, "status"));
	const char *reason = msg_get(&c->reply, "reason");

	if (s == STATUS_OK)
		return 0;
	if (!reason)
		reason = "the helper gave no reason; its log says more";
	return cli_error(status_exit(s), "%s", reason);
}

int
call_run(struct call *c)
{
	int r = call_try(c);

	return r < 0 ? call_report(c, r) : call_status(c);
}

int
call_next(struct call *c)
{
	int r = sock_next(&c->sock, &c->reply);

	return r < 0 ? call_report(c, r) : 0;
}

/* The last message says how many there were. */
static int
list_accounts(
    struct call *c, int (*each)(void *, const struct msg *), void *context)
{
	int64_t count = -1, seen = 0;
	int r = call_run(c);

	while (r == 0) {
		r = call_next(c);
		if (r != 0)
			return r;
		if (!msg_get(&c->reply, "account"))
			break;
		if (each(context, &c->reply) < 0)
			return cli_error(EX_OSERR, "out of memory");
		seen++;
	}
	if (r == 0)
		r = call_status(c);
	if (r == 0 &&
	    (msg_get_number(&c->reply, "count", 0, INT64_MAX, &count) < 0 ||
		count != seen))
		r = cli_error(
		    EX_TEMPFAIL, "the helper's list is not whole; try again");
	return r;
}

int
call_list(struct cli *cli, const char *user,
    int (*each)(void *context, const struct msg *m), void *context)
{
	struct call *c = NULL;
	int r = call_new(cli, "list", &c);

	if (r != 0 || !c)
		return r;
	msg_put(&c->w, "user", user);
	r = list_accounts(c, each, context);
	call_free(c);
	return r;
}

void
call_free(struct call *c)
{
	if (!c)
		return;
	if (c->sock.fd >= 0)
		sock_close(&c->sock);
	util_wipe(c, sizeof(*c));
	free(c);
}
