/* SPDX-License-Identifier: MIT */
/* test-policy - which names match which patterns */
#include "config.h"

#include <stddef.h>

#include "common/util.h"
#include "helper/config/policy.h"
#include "tests/unit/tap.h"

static const struct {
	const char *pattern, *host;
	enum match match;
} host_rows[] = {
    {"imap.example.com", "imap.example.com", MATCH_EXACT},
    {"imap.example.com", "IMAP.Example.COM", MATCH_EXACT},
    {"imap.example.com", "imap.example.com.", MATCH_EXACT},
    {"imap.example.com", "imap.example.com..", MATCH_NONE},
    {"imap.example.com", "imap.example.com.evil.org", MATCH_NONE},
    {"imap.example.com", "xmap.example.com", MATCH_NONE},
    {"imap.example.com", "", MATCH_NONE},
    {"imap.example.com", ".", MATCH_NONE},
    {"*.example.com", "imap.example.com", MATCH_GLOB},
    {"*.example.com", "Imap.Example.com.", MATCH_GLOB},
    {"*.example.com", "a.b.example.com", MATCH_NONE},
    {"*.example.com", "example.com", MATCH_NONE},
    {"*.example.com", ".example.com", MATCH_NONE},
    {"*.0.0.1", "127.0.0.1", MATCH_NONE},
    {"127.0.0.1", "127.0.0.1", MATCH_EXACT},
    {"*.example.com", "[x.example.com", MATCH_NONE},
    {"*.example.com", "a/b.example.com", MATCH_NONE},
    {"::1", "::1", MATCH_EXACT},
    {"[::1]", "::1", MATCH_NONE},
};

static const struct {
	const char *pattern, *user;
	enum match match;
} user_rows[] = {
    {"alice@example.com", "alice@example.com", MATCH_EXACT},
    {"alice@example.com", "Alice@Example.com", MATCH_EXACT},
    {"alice@example.com", "alice@example.org", MATCH_NONE},
    {"*@example.com", "alice@example.com", MATCH_GLOB},
    {"*@example.com", "a.b+c@EXAMPLE.com", MATCH_GLOB},
    {"*@example.com", "@example.com", MATCH_NONE},
    {"*@example.com", "alice@x@example.com", MATCH_NONE},
    {"*@example.com", "alice@sub.example.com", MATCH_NONE},
    {"*@example.com", "a b@example.com", MATCH_NONE},
    {"*@example.com", "../a@example.com", MATCH_NONE},
    {"*@example.com", "\xc3\xa9@example.com", MATCH_NONE},
    {"*@example.com", "alice", MATCH_NONE},
};

int
main(void)
{
	char host[16], pattern[16], long_user[128];
	char *list[2] = {NULL, NULL};
	char *both[3] = {pattern, host, NULL};
	char copy[64];
	size_t i;

	for (i = 0; i < COUNT_OF(host_rows); i++) {
		snprintf(copy, sizeof(copy), "%s", host_rows[i].pattern);
		list[0] = copy;
		tap_ok(policy_host(list, host_rows[i].host) ==
			host_rows[i].match,
		    "host %s, %s", host_rows[i].pattern, host_rows[i].host);
	}
	snprintf(pattern, sizeof(pattern), "*.x.org");
	snprintf(host, sizeof(host), "a.x.org");
	tap_ok(policy_host(both, "a.x.org") == MATCH_EXACT,
	    "the exact match wins");
	tap_ok(policy_host(NULL, "a") == MATCH_NONE, "no hosts, no match");

	for (i = 0; i < COUNT_OF(user_rows); i++)
		tap_ok(policy_user(user_rows[i].pattern, user_rows[i].user) ==
			user_rows[i].match,
		    "user %s, %s", user_rows[i].pattern, user_rows[i].user);
	memset(long_user, 'a', 65);
	memcpy(long_user + 65, "@example.com", 13);
	tap_ok(policy_user("*@example.com", long_user) == MATCH_NONE,
	    "a local part of 65 bytes");
	tap_ok(policy_user("*@example.com", long_user + 1) == MATCH_GLOB,
	    "a local part of 64 bytes");
	return tap_done();
}
