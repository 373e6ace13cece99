/* SPDX-License-Identifier: MIT */
/* helper.h - the plugin's three requests to sasl-bearerd */
#ifndef SASL_BEARER_PLUGIN_HELPER_H
#define SASL_BEARER_PLUGIN_HELPER_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/msg.h"
#include "common/sock.h"

#define REASON_MAX 1280 /* bytes of what seterror is given */

/* One conversation. Large and secret: on the heap, helper_end() when done. */
struct helper {
	struct sock sock;
	struct msg reply;	  /* points into sock */
	char path[SOCK_PATH_MAX]; /* of the socket that answered */
	char reason[REASON_MAX];  /* why there is no token; one line */
};

/* What is asked for; NULL members are not sent. */
struct helper_query {
	const char *user;
	const char *authzid;
	const char *service;
	const char *host;
	const char *port;
	const char *mechanism;
};

/*
 * Whether the mechanisms should be offered in this process: some helper says
 * so, or none can be asked just now and one has left a marker for our uid.
 *
 *	deadline_ms	CLOCK_MONOTONIC, for all sockets together
 */
int helper_offers(struct helper *h, int64_t deadline_ms);

/*
 * Ask for a token at each socket in turn.
 *
 * Returns STATUS_OK: h->reply has token, token_id and sasl_user, all checked,
 * until helper_end(). Anything else: h->reason says why and what to do. Call
 * helper_end() in any case.
 */
enum status helper_token(
    struct helper *h, const struct helper_query *q, int64_t deadline_ms);

/*
 * Report that a server refused a token.
 *
 *	path	h->path of the call that gave it
 *	detail	the server's words, one line
 *
 * Best effort: the server's own error is what the user has to see.
 */
void helper_reject(struct helper *h, const char *path,
    const struct helper_query *q, const char *token_id, const char *detail);

/* Close the conversation and wipe it. h itself is the caller's to free. */
void helper_end(struct helper *h);

#endif
