/* SPDX-License-Identifier: MIT */
/* cmd-login - sign in */
#include "config.h"

#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/cli/login.h"
#include "helper/cli/start.h"

/* The title of one provider. */
static void
print_provider(const struct settings *s, const char *name)
{
	struct conf_errors e = {.report = cli_report};
	struct provider p = {0};

	if (provider_load(s, name, &p, &e) == 0)
		printf("%-12s  %s\n", name, p.title ? p.title : "");
	conf_clear(provider_keys, &p);
}

static int
has_name(char **list, const char *name)
{
	for (; list && *list; list++)
		if (strcmp(*list, name) == 0)
			return 1;
	return 0;
}

/* --provider list: each name once, the first directory's before the next's. */
static int
list_providers(struct cli *cli)
{
	struct conf_errors e = {.report = cli_report};
	char **names, **seen = NULL;
	size_t i, n;
	int r = 0;

	for (i = 0; r == 0 && cli->settings.providers_dir[i]; i++) {
		r = conf_names(cli->settings.providers_dir[i], &names, &e);
		if (r < 0)
			break;
		for (n = 0; r == 0 && names[n]; n++) {
			if (has_name(seen, names[n]))
				continue;
			r = list_add(&seen, names[n], strlen(names[n]));
			print_provider(&cli->settings, names[n]);
		}
		list_free(names);
	}
	list_free(seen);
	return r < 0 ? EX_CONFIG : 0;
}

/*
 * Whether the helper will take tokens from us: it does from root and from its
 * own user. Better to know before a person signs in.
 */
static int
check_rights(const struct cli *cli, uid_t peer)
{
	const struct passwd *pw = getpwnam(cli->settings.run_as);

	if (cli->user_mode || geteuid() == 0 || geteuid() == peer ||
	    (pw && pw->pw_uid == geteuid()))
		return 0;
	return cli_error(EX_NOPERM,
	    "only root may sign in for the system's helper; run this as root, "
	    "or use your own helper with --user");
}

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
	printf("Only root will be allowed to use this account. The smtp "
	       "client of Postfix, for\nexample, runs as user \"postfix\": "
	       "for it stop here and add \"--allow postfix\",\n");
	if (l->text)
		printf("    sasl-bearer login --allow postfix --provider %s "
		       "--client-id %s ... %s\n",
		    l->account->provider, l->account->client_id, l->name);
	printf("or put a line \"allow = postfix\" into\n    %s\n\n", l->path);
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
	printf("\n\"sasl-bearer list\" shows its state. Programs of these "
	       "users are now offered\nXOAUTH2 and OAUTHBEARER on every "
	       "server. A program that also logs in with a\npassword "
	       "somewhere must be told where:\n"
	       "    mbsync:  AuthMechs XOAUTH2\n"
	       "    Postfix: smtp_sasl_mechanism_filter = xoauth2, per "
	       "transport\n"
	       "Postfix also needs smtp_sasl_tls_security_options = "
	       "noanonymous.\n"
	       "Restart programs that were already running.\n");
}

/* All of a sign-in, in its order. */
static int
sign_in(struct cli *cli, struct login *l, const char *operand)
{
	struct fetch *tokens = NULL;
	uid_t peer = 0;
	int r;

	r = cli_settings(cli);
	if (r == 0)
		r = start_helper(cli, &peer);
	if (r == 0)
		r = check_rights(cli, peer);
	if (r == 0)
		r = login_account(cli, l, operand);
	if (r == 0)
		r = login_read_secret(l);
	if (r != 0)
		return r;
	print_allow(cli, l);
	r = login_device(cli, l, &tokens);
	if (r == 0)
		r = login_store(cli, l, &tokens->reply);
	if (r == 0)
		print_end(cli, l);
	fetch_free(tokens);
	return r;
}

int
cmd_login(struct cli *cli, int argc, char **argv)
{
	int device = 0, browser = 0, paste = 0, r;
	struct login l = {0};
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
	    {"device", NULL, &device},
	    {"browser", NULL, &browser},
	    {"paste", NULL, &paste},
	    {0},
	};
	const char *operand;

	r = cli_parse(cli, options, argc, argv);
	if (r != 0)
		return r;
	if (browser || paste)
		return cli_error(EX_USAGE,
		    "%s is not available in this version; use --device",
		    browser ? "--browser" : "--paste");
	if (l.provider && strcmp(l.provider, "list") == 0) {
		r = cli_settings(cli);
		return r == 0 ? list_providers(cli) : r;
	}
	operand = cli_operand(cli, argc, argv);
	if (!operand)
		return EX_USAGE;
	r = sign_in(cli, &l, operand);
	login_clear(&l);
	return r;
}
