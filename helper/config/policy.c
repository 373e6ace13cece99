/* SPDX-License-Identifier: MIT */
/* policy - which names match which patterns; pure */
#include "config.h"

#include <string.h>

#include "common/util.h"
#include "helper/config/policy.h"

#define LOCAL_PART_MAX 64
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define LOCAL_PART LETTERS DIGITS ".!#$%&'*+=?^_{|}~-"

/* Whether a name is an address or something no pattern may stand for. */
static int
is_literal(const char *host)
{
	return strpbrk(host, ":[/") || strspn(host, DIGITS ".") == strlen(host);
}

static int
host_matches_glob(const char *pattern, const char *host)
{
	const char *dot = strchr(host, '.');

	return strncmp(pattern, "*.", 2) == 0 && dot && dot != host &&
	    !is_literal(host) && util_case_equal(pattern + 1, dot);
}

enum match
policy_host(char *const *hosts, const char *host)
{
	char name[HOST_MAX + 1];
	size_t len = strnlen(host, HOST_MAX + 2);
	enum match best = MATCH_NONE;

	if (len > 0 && host[len - 1] == '.')
		len--;
	if (len == 0 || len > HOST_MAX)
		return MATCH_NONE;
	memcpy(name, host, len);
	name[len] = '\0';
	for (; hosts && *hosts; hosts++) {
		if (util_case_equal(*hosts, name))
			return MATCH_EXACT;
		if (host_matches_glob(*hosts, name))
			best = MATCH_GLOB;
	}
	return best;
}

enum match
policy_user(const char *pattern, const char *user)
{
	const char *at;
	size_t local;

	if (pattern[0] != '*')
		return util_case_equal(pattern, user) ? MATCH_EXACT
						      : MATCH_NONE;
	at = strchr(user, '@');
	if (!at || !util_case_equal(pattern + 1, at))
		return MATCH_NONE;
	local = (size_t)(at - user);
	return local > 0 && local <= LOCAL_PART_MAX &&
		strspn(user, LOCAL_PART) >= local
	    ? MATCH_GLOB
	    : MATCH_NONE;
}
