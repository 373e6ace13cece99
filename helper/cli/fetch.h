/* SPDX-License-Identifier: MIT */
/* fetch.h - run sasl-bearer-fetch for one exchange with a provider */
#ifndef SASL_BEARER_CLI_FETCH_H
#define SASL_BEARER_CLI_FETCH_H

#include "common/msg.h"
#include "helper/config/settings.h"

/* One exchange. 128 KiB, and full of secrets: on the heap, fetch_free() it. */
struct fetch {
	struct msg_writer w; /* add attributes here */
	struct msg reply;
	char request[MSG_MAX];
	char answer[MSG_MAX + 1];
};

/*
 * Start a request with what every operation needs: the endpoints, the client
 * and how to get there.
 *
 *	secret	of the client, or NULL
 *
 * Returns NULL when there is no memory.
 */
struct fetch *fetch_new(const char *operation, const struct settings *s,
    const struct account_conf *a, const char *secret);

/*
 * Run the exchange and wait for its reply.
 *
 * Returns 0, whatever the reply says, or an exit code, reported.
 */
int fetch_run(struct fetch *f, const struct settings *s);

/* Wipe and free. NULL is fine. */
void fetch_free(struct fetch *f);

#endif
