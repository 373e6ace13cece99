/* SPDX-License-Identifier: MIT */
/* fetch.h - get a token from the provider, through a child */
#ifndef SASL_BEARER_DAEMON_FETCH_H
#define SASL_BEARER_DAEMON_FETCH_H

#include "helper/daemon/account.h"

/*
 * Start the fetch that account->life.fetching stands for. It ends, perhaps
 * before this returns, with a new token or an error in the account, and
 * account_settle(). When the daemon is stopping there is no fetch.
 */
void fetch_start(struct account *a);

/* Start fetches that had to wait for a free child. */
void fetch_next(struct daemon *d);

/*
 * Give the grant back to the provider (RFC 7009).
 *
 *	done	called once; reason is NULL when the provider said yes
 *
 * Returns 0; or -ENOTSUP when the provider has no such endpoint or there is
 * no grant, or another negative errno; then done is not called.
 */
int fetch_revoke(struct account *a,
    void (*done)(struct account *a, const char *reason, void *context),
    void *context);

/* Look whether the secret file has changed; if so, fetch. */
void fetch_check_secret(struct account *a);

#endif
