/* SPDX-License-Identifier: MIT */
/* issuer - whether an answer came from the provider that was asked */
#include "config.h"

#include <string.h>

#include "helper/cli/issuer.h"

#define TENANT "{tenantid}"

/* The length of an issuer without its last slash. */
static size_t
length(const char *issuer)
{
	size_t len = strlen(issuer);

	return len > 0 && issuer[len - 1] == '/' ? len - 1 : len;
}

int
issuer_matches(const char *expected, const char *iss)
{
	const char *hole = strstr(expected, TENANT), *tail;
	size_t len = length(iss), head, tail_len, part;

	if (!hole)
		return len == length(expected) &&
		    memcmp(expected, iss, len) == 0;
	head = (size_t)(hole - expected);
	tail = hole + strlen(TENANT);
	tail_len = length(tail);
	if (len <= head + tail_len || memcmp(iss, expected, head) != 0 ||
	    memcmp(iss + len - tail_len, tail, tail_len) != 0)
		return 0;
	part = len - head - tail_len;
	return memchr(iss + head, '/', part) == NULL;
}
