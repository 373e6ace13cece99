/* SPDX-License-Identifier: MIT */
/* cmd-logout - forget an account's tokens */
#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "helper/cli/call.h"
#include "helper/cli/json.h"
#include "helper/cli/resolve.h"

static int
print_json(const struct resolved *a, const struct msg *reply)
{
	struct json_object *o = json_object_new_object();

	json_put(o, "account", a->account);
	json_put(o, "revoked", msg_get(reply, "revoked"));
	json_put(o, "reason", msg_get(reply, "reason"));
	return json_print(o);
}

/* Say what is gone and what is not. */
static void
print_result(struct cli *cli, const char *account, const struct msg *reply)
{
	const char *revoked = msg_get(reply, "revoked");
	const char *reason = msg_get(reply, "reason");
	char path[PATH_MAX];

	printf("%s: tokens forgotten\n", account);
	if (revoked && strcmp(revoked, "yes") == 0)
		printf("The provider has revoked the grant.\n");
	else if (revoked && strcmp(revoked, "no") == 0)
		printf("The provider did not revoke the grant: %s. End it in "
		       "the account's settings there.\n",
		    reason ? reason : "no reason given");
	else if (revoked && strcmp(revoked, "unsupported") == 0)
		printf("The grant is not revoked: the provider has no way for "
		       "that. It ends in the account's settings there.\n");
	if (cli_settings(cli) == 0 &&
	    account_path(&cli->settings, account, path, sizeof(path)) == 0 &&
	    access(path, F_OK) == 0)
		printf("The account file %s stays; remove it to remove the "
		       "account.\n",
		    path);
}

int
cmd_logout(struct cli *cli, int argc, char **argv)
{
	int keep_grant = 0, json = 0, r;
	const struct cli_option options[] = {
	    {"json", NULL, &json},
	    {"keep-grant", NULL, &keep_grant},
	    {0},
	};
	struct resolved account;
	struct call *c = NULL;
	const char *operand;

	r = cli_parse(cli, options, argc, argv);
	if (r != 0)
		return r;
	operand = cli_operand(cli, argc, argv);
	if (!operand)
		return EX_USAGE;
	r = resolve(cli, operand, &account);
	if (r == 0)
		r = call_new(cli, "forget", &c);
	if (r != 0)
		return r;
	msg_put(&c->w, "account", account.account);
	msg_put(&c->w, "revoke", keep_grant ? NULL : "yes");
	r = call_run(c);
	if (r == 0 && json)
		r = print_json(&account, &c->reply);
	else if (r == 0)
		print_result(cli, account.account, &c->reply);
	call_free(c);
	return r;
}
