/* SPDX-License-Identifier: MIT */
/* cmd-refresh - get a new access token now */
#include "config.h"

#include <stdio.h>
#include <time.h>

#include "helper/cli/call.h"
#include "helper/cli/json.h"
#include "helper/cli/resolve.h"
#include "helper/cli/when.h"

static int
print_json(const struct resolved *a, int64_t expires_at)
{
	struct json_object *o = json_object_new_object();

	json_put(o, "account", a->account);
	json_put(o, "user", a->user);
	json_object_object_add(o, "expires_at",
	    expires_at > 0 ? json_object_new_int64(expires_at) : NULL);
	return json_print(o);
}

static int
print_result(const struct msg *reply, const struct resolved *a, int json)
{
	char when[WHEN_SIZE];
	int64_t at = 0;

	msg_get_number(reply, "expires_at", 1, INT64_MAX, &at);
	if (json)
		return print_json(a, at);
	when_format(at, time(NULL), when);
	if (at > 0)
		printf("%s: new token, expires %s\n", a->account, when);
	else
		printf("%s: new token\n", a->account);
	return 0;
}

int
cmd_refresh(struct cli *cli, int argc, char **argv)
{
	struct resolved account;
	struct call *c = NULL;
	const char *operand;
	int json = 0, r;
	const struct cli_option options[] = {{"json", NULL, &json}, {0}};

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
		r = print_result(&c->reply, &account, json);
	call_free(c);
	return r;
}
