/* SPDX-License-Identifier: MIT */
/* value.h - one value of a configuration file */
#ifndef SASL_BEARER_VALUE_H
#define SASL_BEARER_VALUE_H

#include "helper/config/conf.h"

/*
 * Parse a value and store it.
 *
 *	text	trimmed, not empty, text without control bytes
 *	into	the struct; what the member held before is not freed
 *	why	on failure: one line that names the key; no value of a
 *		CONF_STRING is in it, since that may be a secret
 *
 * Returns 0, -EINVAL, or -ENOMEM.
 */
int value_parse(const struct conf_key *key, const char *text, void *into,
    char why[CONF_TEXT_MAX]);

#define VALUE_EXPANDED_MAX 4096

/*
 * Replace each "${NAME}" by that variable of the environment.
 *
 *	key	for errors
 *	buf	of no use after a failure
 *	why	on failure: one line
 *
 * Returns 0, or -EINVAL: a variable is not set, or empty, or no text, or not
 * written right; or the result is too long.
 */
int value_expand(const struct conf_key *key, const char *text,
    char buf[VALUE_EXPANDED_MAX], char why[CONF_TEXT_MAX]);

/* Free and zero one member, wiping it. */
void value_clear(const struct conf_key *key, void *into);

#endif
