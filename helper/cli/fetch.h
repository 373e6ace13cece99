/* SPDX-License-Identifier: MIT */
/* fetch.h - one exchange with a provider, by sasl-bearer-fetch */
#ifndef SASL_BEARER_CLI_FETCH_H
#define SASL_BEARER_CLI_FETCH_H

#include "helper/config/program.h"
#include "helper/config/settings.h"

/*
 * Start a request with what every operation needs: the endpoints, the client
 * and its proof, and how to get there. An assertion is signed or read anew for
 * each request.
 *
 *	secret	of the client, or NULL
 *	ret	written only on success; add attributes to its w;
 *		program_free() it
 *
 * Returns 0 or an exit code, reported.
 */
int fetch_new(const char *operation, const struct settings *s,
    const struct account_conf *a, const char *secret, struct program **ret);

/*
 * Run the exchange and wait for its reply.
 *
 * Returns 0, whatever the reply says, or an exit code, reported.
 */
int fetch_run(struct program *p, const struct settings *s);

#endif
