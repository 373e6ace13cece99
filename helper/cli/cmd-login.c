/* SPDX-License-Identifier: MIT */
/* cmd-login - sign in */
#include "config.h"

#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "helper/cli/login-browser.h"
#include "helper/cli/login-providers.h"
#include "helper/cli/login-way.h"
#include "helper/cli/login.h"
#include "helper/cli/signals.h"
#include "helper/cli/start.h"

static void
print_list(const char *heading, char **list, const char *first)
{
	printf("%s%s", heading, first ? first : "");
	for (; list && *list; list++)
		printf(" %s", *list);
	printf("\n");
}

/* Whom an account of the system's helper is for, before it is too late. */
static void
print_allow(const struct cli *cli, const struct login *l)
{
	if (cli->user_mode || l->account->allow)
		return;
	printf("Only root will be allowed to use this account. For Postfix, "
	       "whose smtp client\nruns as user \"postfix\", stop here and ");
	if (l->text)
		printf("add \"--allow postfix\" to the command.\n\n");
	else
		printf(
		    "put a line \"allow = postfix\" into\n    %s\n\n", l->path);
	fflush(stdout);
}

static void
print_end(const struct cli *cli, const struct login *l)
{
	printf("\nSigned in as %s; the helper has the tokens.\n",
	    l->account->user);
	printf("Account:       %s\n", l->path);
	print_list("Mail servers: ", l->account->hosts, "");
	print_list("Allowed users:", l->account->allow,
	    cli->user_mode ? " you, root" : " root");
	printf("\n\"sasl-bearer list\" shows its state, \"sasl-bearer "
	       "probe\" tries it at a server, and\n\"sasl-bearer setup\" "
	       "prints how Postfix, mbsync, mutt and others are configured.\n"
	       "Programs of these users are now offered XOAUTH2 and "
	       "OAUTHBEARER on every\nserver. A program that also logs in "
	       "with a password somewhere must be told where:\n"
	       "    mbsync:  AuthMechs XOAUTH2\n"
	       "    Postfix: smtp_sasl_mechanism_filter = xoauth2, per "
	       "transport\n"
	       "Postfix also needs smtp_sasl_tls_security_options = "
	       "noanonymous.\n"
	       "Restart programs that were already running.\n");
}

/* All that comes before a person must act. */
static int
prepare(struct cli *cli, struct login *l, const char *operand)
{
	uid_t peer = 0;
	int r;

	r = cli_settings(cli);
	if (r == 0)
		r = start_helper(cli, &peer);
	if (r == 0)
		r = start_check_rights(cli, peer, "sign in");
	if (r == 0)
		r = login_account(cli, l, operand);
	return r == 0 ? login_read_secret(l) : r;
}

/* Get tokens, in the way that was chosen. */
static int
get_tokens(struct cli *cli, struct login *l, struct login_browser *b,
    struct program **ret)
{
	struct endpoints e = {0};
	enum way way;
	int r = 0;

	if (!l->ways[WAY_DEVICE])
		r = login_endpoints(cli, l, &e);
	else
		way = WAY_DEVICE;
	if (r == 0 && !l->ways[WAY_DEVICE])
		r = login_way(l, &e, &way);
	if (r == 0) {
		l->flow = way_names[way];
		r = way == WAY_BROWSER ? login_browser(cli, l, &e, b, ret)
		    : way == WAY_PASTE ? login_paste(cli, l, &e, ret)
				       : login_device(cli, l, ret);
	}
	login_endpoints_clear(&e);
	return r;
}

/*
 * All of a sign-in, in its order. Once there are tokens signals wait until they
 * are kept and the browser knows.
 */
static int
sign_in(struct cli *cli, struct login *l, const char *operand)
{
	struct login_browser *b = calloc(1, sizeof(*b));
	struct program *tokens = NULL;
	sigset_t old;
	int r;

	if (!b)
		return cli_error(EX_OSERR, "out of memory");
	r = prepare(cli, l, operand);
	if (r == 0) {
		print_allow(cli, l);
		signals_announce("\nInterrupted: nothing was stored.\n");
		r = get_tokens(cli, l, b, &tokens);
	}
	signals_hold(&old);
	signals_announce(NULL);
	if (r == 0)
		r = login_store(cli, l, &tokens->reply);
	login_browser_end(cli, l, b, r);
	if (r == 0)
		print_end(cli, l);
	fflush(stdout);
	signals_release(&old);
	program_free(tokens);
	free(b);
	return r;
}

/* A name that is wrong would be found out when the program is refused. */
static int
check_users(const char *allow)
{
	char **users = NULL;
	int64_t uid;
	size_t i;
	int r = 0;

	if (!allow)
		return 0;
	if (list_parse(allow, ", ", &users) < 0)
		return cli_error(EX_OSERR, "out of memory");
	for (i = 0; r == 0 && users && users[i]; i++)
		if (util_number_parse(users[i], 0, UINT32_MAX, &uid) < 0 &&
		    !getpwnam(users[i]))
			r = cli_error(EX_NOUSER,
			    "--allow: there is no user \"%s\" on this machine; "
			    "name one that there is, or a number",
			    users[i]);
	list_free(users);
	return r;
}

static int
list_providers(struct cli *cli, int json, int operands)
{
	int r;

	if (operands > 0)
		return cli_error(EX_USAGE,
		    "\"--provider list\" takes no USER: nobody is signed in");
	r = cli_settings(cli);
	return r == 0 ? login_providers(cli, json) : r;
}

int
cmd_login(struct cli *cli, int argc, char **argv)
{
	struct login l = {0};
	int json = 0, r;
	const struct cli_option options[] = {
	    {"provider", &l.provider, NULL},
	    {"tenant", &l.tenant, NULL},
	    {"client-id", &l.client_id, NULL},
	    {"issuer", &l.issuer, NULL},
	    {"token-endpoint", &l.token_endpoint, NULL},
	    {"services", &l.services, NULL},
	    {"hosts", &l.hosts, NULL},
	    {"allow", &l.allow, NULL},
	    {"client-secret-file", &l.client_secret_file, NULL},
	    {"as", &l.as, NULL},
	    {"browser", NULL, &l.ways[WAY_BROWSER]},
	    {"device", NULL, &l.ways[WAY_DEVICE]},
	    {"paste", NULL, &l.ways[WAY_PASTE]},
	    {"json", NULL, &json},
	    {0},
	};
	const char *operand;

	r = cli_parse(cli, options, argc, argv);
	if (r != 0)
		return r;
	if (l.ways[WAY_BROWSER] + l.ways[WAY_DEVICE] + l.ways[WAY_PASTE] > 1)
		return cli_error(EX_USAGE,
		    "--browser, --device and --paste exclude each other");
	if (l.provider && strcmp(l.provider, "list") == 0)
		return list_providers(cli, json, argc - optind);
	if (json)
		return cli_error(EX_USAGE,
		    "--json is for \"--provider list\"; a sign-in talks to a "
		    "person");
	if (l.as && (!*l.as || !util_text_valid(l.as, strlen(l.as))))
		return cli_error(
		    EX_USAGE, "--as is empty, or has a control byte in it");
	operand = cli_operand(cli, argc, argv);
	if (!operand)
		return EX_USAGE;
	r = check_users(l.allow);
	if (r == 0)
		r = sign_in(cli, &l, operand);
	login_clear(&l);
	return r;
}
