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

/* Free and zero one member, wiping it. */
void value_clear(const struct conf_key *key, void *into);

#endif
