/* SPDX-License-Identifier: MIT */
/* setup-mta - Exim, OpenSMTPD and sendmail as clients of a smarthost */
#include "config.h"

#include <string.h>

#include "helper/cli/setup.h"

#define SMTP 2 /* by service_names */
/* What needs no quotes in any of their files. */
#define ODD " \t\"'\\$#%&(){}<>;:,!*?^`|~[]/="

/* Their users are of the system, which has its own helper. */
static int
check(const struct setup *s)
{
	if (s->cli->user_mode && call_is_default(s->cli))
		return cli_error(EX_USAGE,
		    "%s cannot use your own helper: add --system to set it up "
		    "with an account of the system's",
		    s->program->name);
	return setup_check(s, "user", s->account.user, ODD) == 0 ? 0
								 : EX_DATAERR;
}

/* An authenticator that asks for the token and hands on what went wrong. */
static int
put_exim_authenticator(struct setup *s, const char *mechanism)
{
	int bearer = strcmp(mechanism, "OAUTHBEARER") == 0;
	const char *words[SETUP_WORDS], *line = "";
	size_t i;

	setup_token_words(s, SMTP, 1, words);
	for (i = 0; words[i]; i++) {
		if (setup_check(s, "word", words[i], " \t\"'\\$#{}") != 0)
			return EX_DATAERR;
		line = setup_format(s, "%s%s ", line, words[i]);
	}
	setup_put(s, "sasl_bearer_%s:", bearer ? "oauthbearer" : "xoauth2");
	setup_put(s, "  driver = plaintext");
	setup_put(s, "  public_name = %s", mechanism);
	setup_put(s, "  client_ignore_invalid_base64");
	setup_put(s,
	    "  client_send = \"<; ; ${base64d:${run{%s--format %s}{$value}"
	    "{${acl{sasl_bearer_failed}{$value}}}}}; %s\"",
	    line, bearer ? "oauthbearer" : "xoauth2",
	    bearer ? "\\001" : "${lc:}");
	return 0;
}

static void
put_exim_transport(struct setup *s)
{
	setup_file(s, "/etc/exim4/conf.d/transport/50_sasl-bearer");
	setup_put(s, "sasl_bearer:");
	setup_put(s, "  driver = smtp");
	if (setup_server(s, SMTP)->implicit_tls)
		setup_put(s, "  protocol = smtps");
	setup_note(s, "without a login, or to anybody else, nothing is sent");
	setup_put(s, "  hosts_require_auth = *");
	setup_put(s, "  hosts_require_tls = *");
	setup_put(s, "  tls_verify_hosts = *");
	setup_put(s, "  tls_verify_cert_hostnames = *");
	setup_put(s, "  tls_verify_certificates = %s",
	    s->ca_file ? s->ca_file : "system");
}

int
setup_exim(struct setup *s)
{
	const struct server *server = setup_server(s, SMTP);
	int r = check(s);

	if (r != 0)
		return r;
	setup_file(s, "/etc/exim4/conf.d/acl/50_sasl-bearer");
	setup_note(s,
	    "Where there is no conf.d each file belongs into the section of "
	    "that name. Exim asks as its own user, on Debian Debian-exim, which "
	    "the account must allow.");
	setup_put(s, "sasl_bearer_failed:");
	setup_put(s, "  defer");
	setup_put(s, "    logwrite = $acl_arg1");
	setup_file(s, "/etc/exim4/conf.d/router/190_sasl-bearer");
	setup_put(s, "sasl_bearer:");
	setup_put(s, "  driver = manualroute");
	setup_put(s, "  domains = ! +local_domains");
	setup_put(s, "  transport = sasl_bearer");
	setup_put(
	    s, "  route_list = * %s::%u byname", server->host, server->port);
	setup_put(s, "  no_more");
	put_exim_transport(s);
	setup_file(s, "/etc/exim4/conf.d/auth/50_sasl-bearer");
	setup_note(s,
	    "${base64d:} takes off what Exim puts on again; the last item "
	    "answers a refusal");
	if (strcmp(setup_mechanism(s, "XOAUTH2"), "XOAUTH2") == 0)
		r = put_exim_authenticator(s, "XOAUTH2");
	if (r == 0 &&
	    strcmp(setup_mechanism(s, "OAUTHBEARER"), "OAUTHBEARER") == 0)
		r = put_exim_authenticator(s, "OAUTHBEARER");
	return r;
}

int
setup_opensmtpd(struct setup *s)
{
	setup_file(s, "/etc/smtpd.conf");
	setup_note(s,
	    "OpenSMTPD has PLAIN and LOGIN alone, asks no command and takes no "
	    "socket, so it cannot use OAuth. It can hand its mail to a Postfix "
	    "on this machine: that one listens as below, and is configured as "
	    "\"sasl-bearer setup postfix %s\" prints.",
	    s->account.account);
	setup_put(
	    s, "action \"sasl-bearer\" relay host smtp://127.0.0.1:10025");
	setup_put(s, "match from local for any action \"sasl-bearer\"");
	setup_file(s, "/etc/postfix/master.cf");
	setup_note(
	    s, "in place of all other lines with \"inet\" and \"smtpd\"");
	setup_put(s, "127.0.0.1:10025 inet n - n - - smtpd");
	return 0;
}

int
setup_sendmail(struct setup *s)
{
	const struct server *server = setup_server(s, SMTP);
	const char *mechanism = setup_mechanism(s, "XOAUTH2"),
		   *user = s->account.user;
	int r = check(s);

	if (r != 0)
		return r;
	if (server->implicit_tls)
		return cli_error(EX_USAGE,
		    "sendmail begins TLS by STARTTLS only; name a port with "
		    "--server HOST:587");
	s->comment = "dnl # ";
	setup_file(s, "/etc/mail/sendmail.mc");
	setup_note(s,
	    "sendmail cuts lines at 2047 bytes, so tokens above 1.5 kB fail: "
	    "those of Exchange often are, those of Gmail not. After a refusal "
	    "it goes on without a login, and the server's answer to that comes "
	    "back to the sender.");
	setup_note(s, "before the lines with MAILER:");
	setup_put(s, "define(`SMART_HOST', `[%s]')dnl", server->host);
	setup_put(
	    s, "define(`RELAY_MAILER_ARGS', `TCP $h %u')dnl", server->port);
	setup_put(
	    s, "define(`ESMTP_MAILER_ARGS', `TCP $h %u')dnl", server->port);
	setup_put(s, "define(`confAUTH_MECHANISMS', `%s')dnl", mechanism);
	setup_put(s, "FEATURE(`authinfo', `hash /etc/mail/authinfo')dnl");
	if (s->ca_file)
		setup_put(s, "define(`confCACERT', `%s')dnl", s->ca_file);
	if (!s->socket_is_usual) {
		setup_note(s, "after them:");
		setup_put(s, "LOCAL_CONFIG");
		setup_put(s, "ESASL_BEARER_SOCKET=%s", s->socket);
	}
	s->comment = "# ";
	setup_file(s, "/etc/mail/access");
	setup_note(s,
	    "TLS_Srv needs FEATURE(`access_db'), which Debian's and Fedora's "
	    "files have. It wants a good certificate, but sendmail does not see "
	    "for which server: who has any and is in the path gets the token.");
	setup_put(s, "TLS_Srv:%s VERIFY", server->host);
	setup_file(s, "/etc/mail/authinfo");
	setup_note(s, "the password must not be empty, and is not used");
	setup_put(s, "AuthInfo:%s \"U:%s\" \"I:%s\" \"P:unused\" \"M:%s\"",
	    server->host, user, user, mechanism);
	setup_file(s, "run");
	setup_put(s, "cd /etc/mail && makemap hash authinfo <authinfo && make");
	return 0;
}
