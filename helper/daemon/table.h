/* SPDX-License-Identifier: MIT */
/* table.h - all accounts, and which of them a request means */
#ifndef SASL_BEARER_TABLE_H
#define SASL_BEARER_TABLE_H

#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"
#include "helper/daemon/account.h"

struct table {
	struct account **by_name; /* sorted */
	struct account *
	    *by_user; /* sorted, without regard to case; globs last */
	size_t count;
	size_t globs; /* how many at the end of by_user are globs */
};

/*
 * Take over an array of accounts.
 *
 * Returns 0; or -ENOMEM, and the table is as before.
 */
int table_set(struct table *t, struct account **accounts, size_t count);

void table_clear(struct table *t);

struct account *table_find(const struct table *t, const char *name);

/* Call each() for every account, and before it for its mailboxes. */
void table_each(const struct table *t,
    void (*each)(struct account *a, void *context), void *context);

/* Whether some account allows a uid; for uid 0, whether there is any. */
int table_serves(const struct table *t, uid_t uid);

/* What a token is wanted for. */
struct wanted {
	uid_t uid;
	const char *user;
	const char *account;   /* or NULL: only this one */
	const char *service;   /* or NULL */
	const char *host;      /* or NULL */
	const char *mechanism; /* or NULL: a person at the command line asks */
};

/*
 * Find the account a request means.
 *
 *	reason	REASON_SIZE bytes; written when the result is not STATUS_OK
 *
 * An asker whom no account for the user allows gets STATUS_DENIED with one and
 * the same text, whether or not there are such accounts.
 */
enum status table_choose(const struct table *t, const struct wanted *w,
    struct account **ret, char *reason);

#endif
