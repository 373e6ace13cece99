/* SPDX-License-Identifier: MIT */
/* resolve - which account a person means */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "helper/cli/call.h"
#include "helper/cli/resolve.h"
#include "helper/config/conf.h"

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

/* What an unknown name is compared with. */
struct near {
	const char *operand;
	size_t count;			    /* of all accounts */
	char account[ACCOUNT_NAME_MAX + 1]; /* probably meant, or "" */
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

/* Copy a value of the reply; what is absent, or does not fit, is "". */
static void
copy(char *dst, size_t size, const struct msg *m, const char *name)
{
	const char *value = msg_get(m, name);

	if (!value || strlen(value) >= size)
		value = "";
	snprintf(dst, size, "%s", value);
}

static unsigned
services_of(const struct msg *m)
{
	const char *value = msg_get(m, "services");
	char **names = NULL;
	unsigned bits = 0;
	size_t i;

	if (!value || list_parse(value, " ", &names) < 0)
		return 0;
	for (i = 0; names && names[i]; i++)
		bits |= service_parse(names[i]);
	list_free(names);
	return bits;
}

/* The server of one service, and the user it is told. */
static void
copy_service(struct resolved *r, const struct msg *m, size_t i)
{
	char name[32];

	snprintf(name, sizeof(name), "%s_server", service_names[i]);
	copy(r->server[i], sizeof(r->server[i]), m, name);
	snprintf(name, sizeof(name), "sasl_user_%s", service_names[i]);
	copy(r->sasl_user[i], sizeof(r->sasl_user[i]), m, name);
	if (!*r->sasl_user[i])
		copy(r->sasl_user[i], sizeof(r->sasl_user[i]), m, "sasl_user");
	if (!*r->sasl_user[i])
		memcpy(r->sasl_user[i], r->user, sizeof(r->user));
}

void
resolved_read(const struct msg *m, const char *user, struct resolved *r)
{
	size_t i;

	*r = (struct resolved){.services = services_of(m)};
	copy(r->account, sizeof(r->account), m, "account");
	snprintf(r->user, sizeof(r->user), "%s", user);
	copy(r->pattern, sizeof(r->pattern), m, "user");
	copy(r->provider, sizeof(r->provider), m, "provider");
	copy(r->grant, sizeof(r->grant), m, "grant");
	copy(r->client_id, sizeof(r->client_id), m, "client_id");
	copy(r->tenant, sizeof(r->tenant), m, "tenant");
	copy(r->hosts, sizeof(r->hosts), m, "hosts");
	copy(r->allow, sizeof(r->allow), m, "allow");
	for (i = 0; i < SERVICES; i++)
		copy_service(r, m, i);
}

static void
consider(struct search *s, const struct msg *reply)
{
	const char *account = msg_get(reply, "account");
	const char *user = msg_get(reply, "user");
	enum match m = match(s->operand, account, user ? user : account);

	if (m == MATCH_NONE || m < s->best)
		return;
	if (m > s->best) {
		s->best = m;
		s->count = 0;
		s->candidates[0] = '\0';
	}
	s->count++;
	add_candidate(s, account);
	if (m == MATCH_DOMAIN)
		user = s->operand;
	resolved_read(reply, user ? user : account, &s->found);
}

/* Go through the accounts the helper lists. Returns 0 or an exit code. */
static int
search(struct call *c, struct search *s)
{
	int r = call_run(c);

	while (r == 0) {
		r = call_next(c);
		if (r != 0)
			break;
		if (!msg_get(&c->reply, "account"))
			return call_status(c);
		consider(s, &c->reply);
	}
	return r;
}

/* Whether that name was probably meant. */
static int
is_near(const char *operand, const char *name)
{
	const struct conf_key keys[] = {{.name = name}, {0}};
	size_t local = strcspn(name, "@");

	return util_case_equal(operand, name) ||
	    (name[local] && strlen(operand) == local &&
		strncasecmp(operand, name, local) == 0) ||
	    conf_near_miss(keys, operand);
}

static int
look_near(void *context, const struct msg *m)
{
	struct near *near = context;
	const char *account = msg_get(m, "account");
	const char *user = msg_get(m, "user");

	near->count++;
	if (!*near->account &&
	    (is_near(near->operand, account) ||
		(user && is_near(near->operand, user))))
		snprintf(near->account, sizeof(near->account), "%s", account);
	return 0;
}

/* Say what there is instead. Returns the exit code. */
static int
report_unknown(struct cli *cli, const char *operand)
{
	struct near near = {.operand = operand};
	int other = cli->user_mode && call_is_default(cli);
	int r = call_list(cli, NULL, look_near, &near);

	if (r != 0)
		return r;
	if (*near.account)
		return cli_error(EX_NOPERM,
		    "no account \"%s\" for you: did you mean \"%s\"?", operand,
		    near.account);
	return cli_error(EX_NOPERM, "no account \"%s\" for you; %s%s", operand,
	    near.count > 0
		? "\"sasl-bearer list\" shows those there are"
		: "there is none yet, \"sasl-bearer login\" makes one",
	    other ? "; --system asks the system's helper" : "");
}

int
resolve(struct cli *cli, const char *operand, struct resolved *ret)
{
	struct search s = {.operand = operand};
	struct call *c;
	int r = call_new(cli, "list", &c);

	if (r != 0)
		return r;
	msg_put(&c->w, "user", operand); /* names of accounts count as well */
	r = search(c, &s);
	call_free(c);
	if (r != 0)
		return r;
	if (s.count == 0)
		return report_unknown(cli, operand);
	if (s.count > 1)
		return cli_error(EX_USAGE,
		    "\"%s\" is the user of several accounts; name one: %s",
		    operand, s.candidates);
	*ret = s.found;
	return 0;
}

int
resolved_allows(const struct resolved *account, uid_t uid)
{
	char **uids = NULL;
	int found = 0;
	int64_t n;
	size_t i;

	if (list_parse(account->allow, " ", &uids) < 0)
		return 0;
	for (i = 0; uids && uids[i]; i++)
		if (util_number_parse(uids[i], 0, UINT32_MAX, &n) == 0 &&
		    (uid_t)n == uid)
			found = 1;
	list_free(uids);
	return found;
}
