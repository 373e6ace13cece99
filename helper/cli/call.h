/* SPDX-License-Identifier: MIT */
/* call.h - one request to the helper */
#ifndef SASL_BEARER_CALL_H
#define SASL_BEARER_CALL_H

#include <sys/types.h>

#include "common/msg.h"
#include "common/sock.h"
#include "helper/cli/cli.h"

#define CALL_TIMEOUT_MS 60000
#define CALL_SOCKET_VARIABLE "SASL_BEARER_SOCKET"

struct call {
	const char *path;   /* of the socket */
	int user_mode;	    /* then only root's or our own socket will do */
	int64_t timeout_ms; /* CALL_TIMEOUT_MS; may be changed */
	uid_t peer;
	struct msg_writer w; /* add attributes here */
	struct msg reply;
	struct sock sock;
	char request[MSG_MAX];
};

/*
 * Prepare a request.
 *
 *	ret	written only on success; call_free() it
 *
 * Returns 0 or an exit code, reported.
 */
int call_new(struct cli *cli, const char *request, struct call **ret);

/*
 * The helper's socket: --socket, else the variable, else the configuration's.
 *
 *	ret	written only on success; lives as long as cli
 *
 * Returns 0 or an exit code, reported.
 */
int call_socket(struct cli *cli, const char **ret);

/* Whether the socket is one the caller did not name. */
int call_is_default(const struct cli *cli);

/*
 * Send the request and receive the first message of the reply.
 *
 * Returns 0, also when the reply says an error, or a negative code, not
 * reported.
 */
int call_try(struct call *c);

/* Report a code of call_try(). Returns the exit code. */
int call_report(const struct call *c, int code);

/* Report what a reply says, if that is not ok. Returns the exit code. */
int call_status(const struct call *c);

/* call_try() with everything reported. Returns the exit code. */
int call_run(struct call *c);

/* Receive the next message. Returns 0 or an exit code, reported. */
int call_next(struct call *c);

/*
 * Ask for all accounts the caller may see.
 *
 *	user	NULL, or the only one, by name or user
 *	each	gets a message about each; returns 0, or -1 without memory
 *
 * Returns 0 or an exit code, reported: then some may be missing.
 */
int call_list(struct cli *cli, const char *user,
    int (*each)(void *context, const struct msg *m), void *context);

/* Whether systemd runs here, so that "systemctl" is of use. */
int call_has_systemd(void);

/* Close and wipe. NULL is fine. */
void call_free(struct call *c);

#endif
