/* SPDX-License-Identifier: MIT */
/* grant.h - what else is done with a grant: revoke it, see if it was mended */
#ifndef SASL_BEARER_DAEMON_GRANT_H
#define SASL_BEARER_DAEMON_GRANT_H

#include "helper/daemon/account.h"

/*
 * Give the grant back to the provider (RFC 7009).
 *
 *	done	called once; reason is NULL when the provider said yes
 *
 * Returns 0; or -ENOTSUP when the provider has no such endpoint or there is
 * no grant, or another negative errno; then done is not called.
 */
int grant_revoke(struct account *a,
    void (*done)(struct account *a, const char *reason, void *context),
    void *context);

/*
 * Where a file that the account names could mend an error, or has the token in
 * it: look whether it has changed; if so, fetch.
 */
void grant_check_files(struct account *a);

#endif
