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
	int bearer = strcmp(setup_mechanism(s, "XOAUTH2"), "OAUTHBEARER") == 0;

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

/* send-email takes a program like sendmail(1): its own Perl has no plugin. */
int
setup_git(struct setup *s)
{
	put_msmtp(s);
	setup_file(s, "~/.gitconfig");
	setup_put(s, "[sendemail]");
	setup_put(s, "\tsendmailCmd = msmtp -a %s -t", s->account.account);
	if (setup_is_address(s->account.user))
		setup_put(s, "\tfrom = %s", s->account.user);
	setup_file(s, "run");
	setup_put(s, "chmod 600 ~/.msmtprc");
	return 0;
}

int
setup_git_imap_send(struct setup *s)
{
	setup_file(s, "~/.gitconfig");
	setup_put(s, "[imap]");
	setup_put(s, "\tfolder = Drafts");
	setup_put(s, "\ttunnel = %s",
	    setup_quote(
		s, QUOTE_DOUBLE, setup_tunnel_command(s, setup_service(s))));
	return 0;
}

int
setup_swaks(struct setup *s)
{
	const char *user = setup_quote(s, QUOTE_SHELL, s->account.user);

	setup_file(s, "run");
	setup_note(s,
	    "TLS and the login are the tunnel's: no --tls and no --auth here");
	setup_put(s, "swaks --pipe %s --from %s --to %s",
	    setup_quote(s, QUOTE_SHELL, setup_tunnel_command(s, SMTP)), user,
	    user);
	return 0;
}

/* The end of the command: what curl shall do, to try it. */
static void
put_curl_url(struct setup *s, size_t i, const char *where)
{
	static const char *const plain[] = {"imap", "pop3", "smtp"};
	static const char *const tls[] = {"imaps", "pop3s", "smtps"};
	int implicit = setup_server(s, i)->implicit_tls;
	const char *url =
	    setup_format(s, "%s://%s", implicit ? tls[i] : plain[i], where);
	const char *user = setup_quote(s, QUOTE_SHELL, s->account.user);

	if (i == SMTP)
		setup_put(s,
		    "\t--mail-from %s --mail-rcpt bob@example.net -T "
		    "~/message %s",
		    user, url);
	else if (i == 1)
		setup_put(s, "\t%s/1", url);
	else
		setup_put(s, "\t'%s/INBOX;MAILINDEX=*'", url);
}

/* The token goes through a pipe: arguments can be read by everybody. */
int
setup_curl(struct setup *s)
{
	size_t i = setup_service(s);
	const struct server *server = setup_server(s, i);
	const char *user = s->account.sasl_user[i];
	char where[RESOLVED_SERVER];

	if (setup_check(s, "user", user, ":;") != 0)
		return EX_DATAERR;
	server_format(server, where);
	setup_file(s, "run");
	setup_note(s,
	    "printf is the shell's own, and curl reads from a pipe: as an "
	    "argument of --oauth2-bearer everybody here could read the token");
	setup_put(s, "token=$(%s) &&", setup_token_command(s, i));
	setup_put(s, "\tprintf 'oauth2-bearer = \"%%s\"\\n' \"$token\" |");
	setup_put(s, "\tcurl -sS -K - %s%s%s%s-u %s \\",
	    server->implicit_tls ? "" : "--ssl-reqd ",
	    s->ca_file ? "--cacert " : "",
	    s->ca_file ? setup_quote(s, QUOTE_SHELL, s->ca_file) : "",
	    s->ca_file ? " " : "",
	    setup_quote(s, QUOTE_SHELL, setup_format(s, "%s:", user)));
	put_curl_url(s, i, where);
	return 0;
}
