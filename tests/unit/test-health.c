/* SPDX-License-Identifier: MIT */
/* test-health - what is wrong with an account, or soon will be */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "helper/health/health.h"
#include "tests/unit/tap.h"

#define NOW 1000000000 /* 2001-09-09 */
#define LOGIN "run \"sasl-bearer login a\""
#define DOCTOR "run \"sasl-bearer doctor a\""

/* Lines of a message, and what comes of it: WHAT SEVERITY, in their order. */
static const struct {
	const char *lines;
	const char *found;
	const char *text;   /* of the first; NULL: does not matter */
	const char *remedy; /* likewise */
} rows[] = {
    {"", "", NULL, NULL},
    {"state=fresh\nexpires_at=1000003600\nstorage=plain\n", "", NULL, NULL},
    {"state=stale\nexpires_at=999990000\n", "", NULL, NULL},
    {"state=login_required\nlast_error=revoked; " LOGIN "\n",
	"login_required critical ", "revoked", LOGIN},
    {"state=login_required\n", "login_required critical ",
	"nobody is signed in", LOGIN},
    /* a token that still lasts does not make it less urgent */
    {"state=login_required\nexpires_at=1000003600\nlast_error=x\n",
	"login_required critical ", "x", NULL},
    {"state=config\nlast_error=/x:3: what\n", "config critical ", "/x:3: what",
	NULL},
    {"state=backoff\nlast_error=503\n", "no_token critical ", "503", DOCTOR},
    {"state=backoff\nexpires_at=1000000000\nlast_error=503\n",
	"no_token critical ", "503", NULL},
    {"state=backoff\nexpires_at=1000000001\nlast_error=503\n"
     "error_since=999999000\n",
	"backoff warning ", "503", DOCTOR},
    {"state=backoff\nexpires_at=1000000001\nerror_since=999999700\n",
	"backoff warning ", "the provider gives no token", NULL},
    {"state=backoff\nexpires_at=1000000001\nerror_since=999999701\n", "", NULL,
	NULL},
    {"state=backoff\nexpires_at=999999999\nerror_since=999999990\n",
	"no_token critical ", NULL, NULL},
    {"state=fresh\nrejected=3\nlast_error=535 no\n", "rejected critical ",
	"535 no", DOCTOR},
    {"state=fresh\nunsaved=yes\n", "unsaved critical ", NULL, NULL},
    {"state=fresh\nunsaved=no\n", "", NULL, NULL},
    /* 14 days are 1209600 s, 3 days 259200 */
    {"certificate_expires_at=1001209601\n", "", NULL, NULL},
    {"certificate_expires_at=1001209600\n", "certificate_expires warning ",
	"the certificate of the application expires in 14 days (2001-09-23)",
	NULL},
    {"certificate_expires_at=1000259201\n", "certificate_expires warning ",
	NULL, NULL},
    {"certificate_expires_at=1000259200\n", "certificate_expires critical ",
	"the certificate of the application expires in 3 days (2001-09-12)",
	NULL},
    {"certificate_expires_at=999990000\n", "certificate_expires critical ",
	"the certificate of the application expired 2 h ago (2001-09-08)",
	NULL},
    {"client_secret_expires_at=1000864000\n", "client_secret_expires warning ",
	"the secret of the application expires in 10 days (2001-09-19)", NULL},
    {"client_secret_expires_at=1000000060\ncertificate_expires_at=1000000060\n",
	"client_secret_expires critical certificate_expires critical ",
	"the secret of the application expires in 1 min (2001-09-09)", NULL},
    /* 90 days, of which 76 are over */
    {"state=fresh\nrefresh_token_age=6566400\ngrant_expires_at=1001209600\n",
	"grant_expires warning ",
	"the sign-in expires in 14 days (2001-09-23): the provider has not "
	"renewed it for 76 days",
	LOGIN},
    {"refresh_token_age=6566399\ngrant_expires_at=1001209601\n", "", NULL,
	NULL},
    /* 24 hours: the last 6, the last 3 */
    {"refresh_token_age=3600\ngrant_expires_at=1000082800\n", "", NULL, NULL},
    {"refresh_token_age=64800\ngrant_expires_at=1000021600\n",
	"grant_expires warning ", NULL, NULL},
    {"refresh_token_age=75600\ngrant_expires_at=1000010800\n",
	"grant_expires critical ", NULL, NULL},
    {"state=login_required\nrefresh_token_age=9\ngrant_expires_at=999999999\n",
	"login_required critical ", NULL, NULL},
    /* all that can be at a time */
    {"state=backoff\nrejected=2\nunsaved=yes\nrefresh_token_age=9\n"
     "grant_expires_at=1000000001\nclient_secret_expires_at=1\n"
     "certificate_expires_at=1\n",
	"no_token critical rejected critical unsaved critical "
	"grant_expires critical client_secret_expires critical "
	"certificate_expires critical ",
	NULL, NULL},
};

static const struct {
	const char *lines;
	int64_t at;
} expiries[] = {
    {"expires_at=5\n", 0},
    {"certificate_expires_at=5\n", 5},
    {"certificate_expires_at=5\nclient_secret_expires_at=4\n", 4},
    {"grant_expires_at=3\nclient_secret_expires_at=4\n", 3},
};

static void
parse(const char *lines, char *buf, size_t size, struct msg *m)
{
	int n = snprintf(buf, size, "protocol=1\naccount=a\n%s\n", lines);

	if (n < 0 || (size_t)n >= size || msg_parse(m, buf, (size_t)n) < 0)
		abort();
}

static void
test_row(size_t i)
{
	struct health_problem p[HEALTH_MAX];
	char buf[2048], found[512] = "";
	struct msg m;
	size_t n, j, len = 0;

	parse(rows[i].lines, buf, sizeof(buf), &m);
	n = health_check(&m, NOW, NULL, p);
	for (j = 0; j < n; j++)
		len += (size_t)snprintf(found + len, sizeof(found) - len,
		    "%s %s ", health_name(p[j].what),
		    health_severity_name(p[j].severity));
	tap_is(found, rows[i].found,
	    *rows[i].found ? rows[i].found : "no problem");
	if (rows[i].text)
		tap_is(n ? p[0].text : NULL, rows[i].text, "its text");
	if (rows[i].remedy)
		tap_is(n ? p[0].remedy : NULL, rows[i].remedy, "its remedy");
}

/* What is shown of a reason of any length is a line. */
static void
test_long(void)
{
	static char lines[4096], buf[8192];
	struct health_problem p[HEALTH_MAX];
	struct msg m;

	snprintf(lines, sizeof(lines), "state=config\nlast_error=%03000d\n", 0);
	parse(lines, buf, sizeof(buf), &m);
	tap_ok(health_check(&m, NOW, NULL, p) == 1 &&
		strlen(p[0].text) == HEALTH_TEXT - 1,
	    "a reason that is too long is cut");
}

static void
test_limits(void)
{
	static const struct health_limits hour = {3600, 60};
	struct health_problem p[HEALTH_MAX];
	char buf[256];
	struct msg m;

	parse("certificate_expires_at=1000003601\n", buf, sizeof(buf), &m);
	tap_ok(health_check(&m, NOW, &hour, p) == 0, "limits of one's own");
	tap_ok(health_check(&m, NOW + 1, &hour, p) == 1 &&
		p[0].severity == HEALTH_WARNING && p[0].at == 1000003601,
	    "a second later it is a problem");
}

int
main(void)
{
	char buf[512];
	struct msg m;
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++)
		test_row(i);
	for (i = 0; i < COUNT_OF(expiries); i++) {
		parse(expiries[i].lines, buf, sizeof(buf), &m);
		tap_ok(health_next_expiry(&m) == expiries[i].at,
		    "what expires first: row %zu", i);
	}
	for (i = 0; i < HEALTH_KINDS; i++)
		tap_ok(health_name((enum health_what)i) != NULL,
		    "%s has a name", health_name((enum health_what)i));
	test_long();
	test_limits();
	return tap_done();
}
