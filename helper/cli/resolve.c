/* SPDX-License-Identifier: MIT */
/* resolve - which account a person means */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "helper/cli/call.h"
#include "helper/cli/resolve.h"

#define CANDIDATES 512 /* bytes of names in an error */

/* How well an account matches; a better match beats all lesser ones. */
enum match { MATCH_NONE, MATCH_DOMAIN, MATCH_USER, MATCH_NAME };

struct search {
	const char *operand;
	enum match best;
	unsigned count; /* of accounts that match best */
	struct resolved found;
	char candidates[CANDIDATES];
};

static enum match
match(const char *operand, const char *account, const char *user)
{
	const char *at = strrchr(operand, '@');

	if (strcmp(operand, account) == 0)
		return MATCH_NAME;
	if (strcmp(operand, user) == 0)
		return MATCH_USER;
	if (at && user[0] == '*' && util_case_equal(at, user + 1))
		return MATCH_DOMAIN;
	return MATCH_NONE;
}

static void
add_candidate(struct search *s, const char *account)
{
	size_t len = strlen(s->candidates);

	snprintf(s->candidates + len, sizeof(s->candidates) - len, "%s%s",
	    len ? ", " : "", account);
}

static void
consider(struct search *s, const char *account, const char *user)
{
	enum match m = match(s->operand, account, user);

	if (m == MATCH_NONE || m < s->best)
		return;
	if (m > s->best) {
		s->best = m;
		s->count = 0;
		s->candidates[0] = '\0';
	}
	s->count++;
	add_candidate(s, account);
	snprintf(s->found.account, sizeof(s->found.account), "%s", account);
	snprintf(s->found.user, sizeof(s->found.user), "%s",
	    m == MATCH_DOMAIN ? s->operand : user);
}

/* Go through the accounts the helper lists. Returns 0 or an exit code. */
static int
search(struct call *c, struct search *s)
{
	const char *account, *user;
	int r = call_run(c);

	while (r == 0) {
		r = call_next(c);
		if (r != 0)
			break;
		account = msg_get(&c->reply, "account");
		if (!account)
			return call_status(c);
		user = msg_get(&c->reply, "user");
		consider(s, account, user ? user : account);
	}
	return r;
}

int
resolve(struct cli *cli, const char *operand, struct resolved *ret)
{
	struct search s = {.operand = operand};
	struct call *c;
	int r = call_new(cli, "list", &c);

	if (r != 0)
		return r;
	r = search(c, &s);
	call_free(c);
	if (r != 0)
		return r;
	if (s.count == 0)
		return cli_error(EX_NOPERM,
		    "no account \"%s\" for you; \"sasl-bearer list\" shows "
		    "those there are",
		    operand);
	if (s.count > 1)
		return cli_error(EX_USAGE,
		    "\"%s\" is the user of several accounts; name one: %s",
		    operand, s.candidates);
	*ret = s.found;
	return 0;
}
