/* SPDX-License-Identifier: MIT */
/* query.h - names and values in the query of a URL */
#ifndef SASL_BEARER_QUERY_H
#define SASL_BEARER_QUERY_H

#include <stddef.h>

/*
 * Append a parameter to a URL, encoded (RFC 6749 appendix B; a blank is %20).
 *
 *	url	terminated, size bytes; it may have a query already
 *	value	NULL or empty: nothing is added
 *
 * Returns 0, or -ERR_TOOBIG; then url is as it was.
 */
int query_add(char *url, size_t size, const char *name, const char *value);

/* The same with parameters that are encoded already, as "a=b&c=d". */
int query_add_raw(char *url, size_t size, const char *text);

/*
 * Find a parameter and decode it.
 *
 *	query	without the question mark; it may end with "#..."
 *	buf	size bytes; any bytes may come, but no NUL within
 *
 * Returns 1 when it is there and not empty; 0 when not, and buf is untouched;
 * -ERR_TWICE; -ERR_FORMAT for a broken escape; -ERR_CONTROL for a NUL;
 * -ERR_TOOBIG.
 */
int query_get(const char *query, const char *name, char *buf, size_t size);

#endif
