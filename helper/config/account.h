/* SPDX-License-Identifier: MIT */
/* account.h - between the parts that make an account out of its files */
#ifndef SASL_BEARER_ACCOUNT_H
#define SASL_BEARER_ACCOUNT_H

#include "helper/config/settings.h"

/* The file an account is read from, for errors found after parsing. */
struct source {
	const char *path;
	const char *text;	       /* what it will have; NULL: read it */
	unsigned lines[CONF_KEYS_MAX]; /* by index into account_keys */
	struct conf_errors *e;
};

/* The line a key of the account stands on, 0 when it does not. */
unsigned source_line(const struct source *src, const char *key);

/*
 * Fill what the account leaves open from its provider; its members are
 * moved, not copied.
 *
 * Returns 0; -EINVAL, reported; -ENOMEM.
 */
int account_merge(
    struct account_conf *a, struct provider *p, const struct source *src);

/* Report everything that is wrong in a merged account. */
void account_check(const struct account_conf *a, const struct source *src);

#endif
