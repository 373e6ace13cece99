/* SPDX-License-Identifier: MIT */
/* resolve.h - which account a person means */
#ifndef SASL_BEARER_RESOLVE_H
#define SASL_BEARER_RESOLVE_H

#include "common/util.h"
#include "helper/cli/cli.h"

struct resolved {
	char account[ACCOUNT_NAME_MAX + 1];
	char user[USER_MAX + 1]; /* never "*@domain" if a mailbox was named */
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

#endif
