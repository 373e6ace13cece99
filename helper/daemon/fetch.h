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

#endif
