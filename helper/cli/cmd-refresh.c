/* SPDX-License-Identifier: MIT */
/* cmd-refresh - get a new access token now */
#include "config.h"

#include <stdio.h>
#include <time.h>

#include "helper/cli/call.h"
#include "helper/cli/resolve.h"
#include "helper/cli/when.h"

static const struct cli_option options[] = {{0}};

static void
print_result(const struct msg *reply, const char *account)
{
	char when[WHEN_SIZE];
	int64_t at = 0;

	if (msg_get_number(reply, "expires_at", 1, INT64_MAX, &at) == 0 &&
	    at > 0) {
		when_format(at, time(NULL), when);
		printf("%s: new token, expires %s\n", account, when);
	} else {
		printf("%s: new token\n", account);
	}
}

int
cmd_refresh(struct cli *cli, int argc, char **argv)
{
	struct resolved account;
	struct call *c = NULL;
	const char *operand;
	int r;

	r = cli_parse(cli, options, argc, argv);
	if (r != 0)
		return r;
	operand = cli_operand(cli, argc, argv);
	if (!operand)
		return EX_USAGE;
	r = resolve(cli, operand, &account);
	if (r == 0)
		r = call_new(cli, "refresh", &c);
	if (r != 0)
		return r;
	msg_put(&c->w, "account", account.account);
	if (account.user[0] != '*')
		msg_put(&c->w, "user", account.user);
	r = call_run(c);
	if (r == 0)
		print_result(&c->reply, account.account);
	call_free(c);
	return r;
}
