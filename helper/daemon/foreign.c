/* SPDX-License-Identifier: MIT */
/* foreign - tokens that other programs make */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/daemon/foreign.h"

#define LIFETIME_MAX (INT64_C(86400) * 366)

/* What the lines have said so far. */
struct parser {
	const char *token;
	int64_t expires_in;
	int64_t expires_at;
	const char *wrong; /* NULL: nothing */
};

/* Whether a line is NAME=VALUE: a token may end with '=' as well. */
static int
is_attribute(const char *line, const char *value)
{
	static const char token[] = "access_token=";

	return value &&
	    (value[strspn(value, "=")] != '\0' || strcmp(line, token) == 0);
}

/* Take one line, without its end. */
static void
take_line(struct parser *p, char *line)
{
	char *value = strchr(line, '=');

	if (!is_attribute(line, value)) {
		if (p->token)
			p->wrong = "gave more than a token on one line";
		p->token = line;
		return;
	}
	*value++ = '\0';
	if (strcmp(line, "access_token") == 0)
		p->token = *value ? value : NULL;
	else if (strcmp(line, "expires_in") == 0 &&
	    util_number_parse(value, 1, LIFETIME_MAX, &p->expires_in) < 0)
		p->wrong = "gave an expires_in that is no number of seconds";
	else if (strcmp(line, "expires_at") == 0 &&
	    util_number_parse(value, 1, INT64_MAX / 2, &p->expires_at) < 0)
		p->wrong = "gave an expires_at that is no number of seconds";
}

int
foreign_parse(char *text, size_t len, int64_t now_s, struct foreign *ret,
    char why[FOREIGN_WHY])
{
	struct parser p = {0};
	char *line, *next;
	int r = -ERR_FORMAT;

	text[len] = '\0';
	if (strlen(text) != len)
		p.wrong = "gave bytes that are no text";
	for (line = text; !p.wrong && *line; line = next) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		line[strcspn(line, "\r")] = '\0';
		if (*line)
			take_line(&p, line);
	}
	if (!p.wrong && !p.token)
		p.wrong = "gave no token";
	if (!p.wrong && !util_b64token_valid(p.token))
		p.wrong = "gave something that is not a token (RFC 6750)";
	if (!p.wrong && p.expires_at && p.expires_at <= now_s) {
		p.wrong = "gave a token that has expired; whatever renews it "
			  "has not done so";
		r = -ETIME;
	}
	if (!p.wrong && p.expires_at - now_s > LIFETIME_MAX)
		p.wrong = "gave an expires_at more than a year ahead; it "
			  "counts seconds";
	if (p.wrong) {
		snprintf(why, FOREIGN_WHY, "%s", p.wrong);
		return r;
	}
	ret->access_token = p.token;
	ret->expires_in = p.expires_in;
	if (p.expires_at)
		ret->expires_in = p.expires_at - now_s;
	return 0;
}
