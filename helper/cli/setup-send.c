/* SPDX-License-Identifier: MIT */
/* setup-send - msmtp, git, swaks and curl */
#include "config.h"

#include <string.h>

#include "helper/cli/setup.h"

#define SMTP 2 /* by service_names */

/* msmtp takes off one pair of quotes, and knows no others. */
static void
put_msmtp(struct setup *s)
{
	const struct server *server = setup_server(s, SMTP);
	int bearer = strcmp(setup_mechanism(s), "OAUTHBEARER") == 0;

	setup_file(s, "~/.msmtprc");
	setup_put(s, "account %s", s->account.account);
	setup_put(s, "host %s", server->host);
	setup_put(s, "port %u", server->port);
	setup_put(s, "tls on");
	setup_put(s, "tls_starttls %s", server->implicit_tls ? "off" : "on");
	if (s->ca_file)
		setup_put(s, "tls_trust_file \"%s\"", s->ca_file);
	setup_put(s, "auth %s", bearer ? "oauthbearer" : "xoauth2");
	setup_put(s, "user \"%s\"", s->account.sasl_user[SMTP]);
	setup_put(s, "passwordeval \"%s\"", setup_token_command(s, SMTP));
	if (setup_is_address(s->account.user))
		setup_put(s, "from \"%s\"", s->account.user);
	setup_put(s, "account default : %s", s->account.account);
}

int
setup_msmtp(struct setup *s)
{
	put_msmtp(s);
	setup_file(s, "run");
	setup_put(s, "chmod 600 ~/.msmtprc");
	return 0;
}

int
setup_git(struct setup *s)
{
	return cli_error(EX_SOFTWARE, "%s", s->program->name);
}

int
setup_swaks(struct setup *s)
{
	return cli_error(EX_SOFTWARE, "%s", s->program->name);
}

int
setup_curl(struct setup *s)
{
	return cli_error(EX_SOFTWARE, "%s", s->program->name);
}
