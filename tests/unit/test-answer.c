/* SPDX-License-Identifier: MIT */
/* test-answer - what the daemon takes over from sasl-bearer-fetch */
#include "config.h"

#include <stdlib.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/daemon/granted.h"
#include "helper/daemon/store.h"
#include "tests/unit/tap.h"

static const struct {
	const char *what, *lines;
	int64_t expires_in, refresh_in; /* -1: it is refused */
} rows[] = {
    {"a token alone", "access_token=a\n", EXPIRES_IN_DEFAULT, 0},
    {"times", "access_token=a\nexpires_in=60\nrefresh_in=30\n", 60, 30},
    {"the longest time", "access_token=a\nexpires_in=316224000\n",
	EXPIRES_IN_MAX, 0},
    {"bad advice", "access_token=a\nexpires_in=60\nrefresh_in=-1\n", 60, 0},
    {"no token", "expires_in=60\n", -1, 0},
    {"an empty token", "access_token=\n", -1, 0},
    {"what is no token", "access_token=a b\n", -1, 0},
    {"no time left", "access_token=a\nexpires_in=0\n", -1, 0},
    {"a time too long", "access_token=a\nexpires_in=316224001\n", -1, 0},
    {"what is no time", "access_token=a\nexpires_in=soon\n", -1, 0},
};

/* Parse "protocol=1" and lines; the result points into buf. */
static int
parse(char *buf, size_t size, const char *lines, struct granted *g)
{
	struct msg m;
	int n = snprintf(buf, size, "protocol=1\nstatus=ok\n%s\n", lines);

	if (msg_parse(&m, buf, (size_t)n) < 0)
		abort();
	return granted_parse(&m, g);
}

/* A value of a name, beside a good token, as long as it may be, and longer. */
static void
test_length(const char *name, size_t max)
{
	static char lines[2 * TOKEN_MAX], buf[MSG_MAX];
	struct granted g;
	size_t at, extra;
	int r;

	for (extra = 0; extra < 2; extra++) {
		at = (size_t)sprintf(lines, "%s%s=",
		    strcmp(name, "access_token") ? "access_token=a\n" : "",
		    name);
		memset(lines + at, 'x', max + extra);
		strcpy(lines + at + max + extra, "\n");
		r = parse(buf, sizeof(buf), lines, &g);
		tap_ok(r == (extra ? -ERR_FORMAT : 0), "%s of %zu bytes: %d",
		    name, max + extra, r);
	}
}

int
main(void)
{
	struct granted g;
	char buf[256];
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(rows); i++) {
		g = (struct granted){.expires_in = -1};
		r = parse(buf, sizeof(buf), rows[i].lines, &g);
		tap_ok(r == (rows[i].expires_in < 0 ? -ERR_FORMAT : 0) &&
			g.expires_in == rows[i].expires_in &&
			g.refresh_in == rows[i].refresh_in,
		    "%s: %d", rows[i].what, r);
	}
	tap_ok(
	    parse(buf, sizeof(buf),
		"access_token=a\nrefresh_token_expires_in=604799\n", &g) == 0 &&
		g.refresh_expires_in == 604799,
	    "the end of the sign-in");
	test_length("access_token", TOKEN_MAX);
	test_length("refresh_token", TOKEN_MAX);
	test_length("scope", SCOPE_MAX);
	return tap_done();
}
