/* SPDX-License-Identifier: MIT */
/* resolve.h - which account a person means */
#ifndef SASL_BEARER_RESOLVE_H
#define SASL_BEARER_RESOLVE_H

#include <sys/types.h>

#include "common/msg.h"
#include "common/util.h"
#include "helper/cli/cli.h"

#define RESOLVED_WORDS 8192 /* bytes of a list */
#define RESOLVED_SERVER (HOST_MAX + sizeof("[]:65535"))
#define SERVICES 3 /* of enum service; arrays are by bit, as service_names */

/* What the helper tells about an account; "" is what it does not tell. */
struct resolved {
	char account[ACCOUNT_NAME_MAX + 1];
	char user[USER_MAX + 1]; /* never "*@domain" if a mailbox was named */
	char pattern[USER_MAX + 1]; /* user of the account: may be "*@domain" */
	char provider[ACCOUNT_NAME_MAX + 1];
	char grant[32];
	char client_id[256];
	char tenant[256];
	unsigned services;	    /* bits of enum service; 0: any */
	char hosts[RESOLVED_WORDS]; /* a blank between them */
	char allow[RESOLVED_WORDS]; /* uids, likewise */
	char server[SERVICES][RESOLVED_SERVER]; /* HOST or HOST:PORT */
	char sasl_user[SERVICES][USER_MAX + 1]; /* who the server is told */
};

/*
 * Find an account by its name, else by a user that only one account has, else
 * by a "*@domain" that only one account has. Asks the helper, so accounts that
 * are not for the caller do not count.
 *
 *	ret	written only on success
 *
 * Returns 0 or an exit code, reported with the candidates.
 */
int resolve(struct cli *cli, const char *operand, struct resolved *ret);

/*
 * Take over what one message of "list" says about an account.
 *
 *	user	whom it is for here: of "*@domain", a mailbox, or as it is
 *	ret	written whole
 */
void resolved_read(const struct msg *m, const char *user, struct resolved *ret);

/* Whether the account allows a uid, besides root and the helper's own. */
int resolved_allows(const struct resolved *account, uid_t uid);

#endif
