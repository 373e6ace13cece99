/* SPDX-License-Identifier: MIT */
/* test-foreign - tokens that other programs make */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/daemon/foreign.h"
#include "tests/unit/tap.h"

#define NOW 1000

/* What is read, and the token and lifetime that come of it. */
static const struct {
	const char *text;
	const char *token;
	int64_t expires_in;
} good[] = {
    {"ya29.abc", "ya29.abc", 0},
    {"ya29.abc\n", "ya29.abc", 0},
    {"\r\n\nya29.abc\r\n", "ya29.abc", 0},
    {"abc==\n", "abc==", 0},
    {"access_token=abc==\nexpires_in=60\n", "abc==", 60},
    {"expires_in=60\n\naccess_token=a", "a", 60},
    {"protocol=1\naccess_token=a\nexpires_at=1500\ntoken_type=Bearer\n", "a",
	500},
    {"access_token=a\nexpires_in=60\nexpires_at=1001\n", "a", 1},
};

static const struct {
	const char *text;
	int code;
	const char *why;
} bad[] = {
    {"", -ERR_FORMAT, "gave no token"},
    {"\n\n", -ERR_FORMAT, "gave no token"},
    {"expires_in=5\n", -ERR_FORMAT, "gave no token"},
    {"two words\n", -ERR_FORMAT, "not a token (RFC 6750)"},
    {"{\"access_token\": \"a\"}\n", -ERR_FORMAT, "not a token (RFC 6750)"},
    {"a\nb\n", -ERR_FORMAT, "more than a token on one line"},
    {"access_token=a\001b\n", -ERR_FORMAT, "not a token (RFC 6750)"},
    {"access_token=a\nexpires_in=soon\n", -ERR_FORMAT, "expires_in"},
    {"access_token=a\nexpires_in=-1\n", -ERR_FORMAT, "expires_in"},
    {"access_token=a\nexpires_in=0\n", -ERR_FORMAT, "expires_in"},
    {"access_token=a\nexpires_in=99999999999999999999\n", -ERR_FORMAT,
	"expires_in"},
    {"access_token=a\nexpires_at=x\n", -ERR_FORMAT, "expires_at"},
    /* a script whose variable was empty */
    {"access_token=\n", -ERR_FORMAT, "gave no token"},
    {"access_token=\nexpires_in=60\n", -ERR_FORMAT, "gave no token"},
    /* milliseconds, and what does not fit into a state file */
    {"access_token=a\nexpires_at=1700000000000\n", -ERR_FORMAT,
	"more than a year"},
    {"access_token=a\nexpires_at=4611686018427387903\n", -ERR_FORMAT,
	"more than a year"},
    {"access_token=a\nexpires_at=1000\n", -ETIME, "has expired"},
    {"access_token=a\nexpires_at=1\n", -ETIME, "has expired"},
};

static int
parse(const char *text, size_t len, struct foreign *f, char *why, char **ret)
{
	char *buf = malloc(len + 1);

	if (!buf)
		abort();
	memcpy(buf, text, len);
	*ret = buf;
	return foreign_parse(buf, len, NOW, f, why);
}

int
main(void)
{
	static char big[TOKEN_MAX + 1];
	char why[FOREIGN_WHY], *buf;
	struct foreign f;
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(good); i++) {
		f = (struct foreign){0};
		r = parse(good[i].text, strlen(good[i].text), &f, why, &buf);
		tap_ok(r == 0 && strcmp(f.access_token, good[i].token) == 0 &&
			f.expires_in == good[i].expires_in,
		    "good text %zu", i);
		free(buf);
	}
	for (i = 0; i < COUNT_OF(bad); i++) {
		f = (struct foreign){.expires_in = -7};
		r = parse(bad[i].text, strlen(bad[i].text), &f, why, &buf);
		tap_ok(r == bad[i].code && strstr(why, bad[i].why) &&
			!f.access_token && f.expires_in == -7,
		    "bad text %zu: %s", i, bad[i].why);
		free(buf);
	}
	r = parse("abc\0def", 7, &f, why, &buf);
	tap_ok(r == -ERR_FORMAT && strstr(why, "no text"), "a NUL in it");
	free(buf);
	memset(big, 'a', sizeof(big));
	r = parse(big, sizeof(big), &f, why, &buf);
	tap_ok(r == -ERR_FORMAT, "longer than a token may be");
	free(buf);
	r = parse(big, TOKEN_MAX, &f, why, &buf);
	tap_ok(r == 0 && f.expires_in == 0, "as long as a token may be");
	free(buf);
	return tap_done();
}
