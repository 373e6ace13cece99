/* SPDX-License-Identifier: MIT */
/* setup-mua - nmh and KMail, with the plugin */
#include "config.h"

#include <string.h>

#include "helper/cli/setup.h"

/*
 * The options of nmh for a server. XOAUTH2 by name is nmh's own, which wants
 * tokens of its own: without a name libsasl2 chooses.
 */
static void
put_nmh(struct setup *s, const char *command, size_t service)
{
	const struct server *server = setup_server(s, service);
	int bearer = strcmp(setup_mechanism(s, ""), "OAUTHBEARER") == 0;

	setup_put(s, "%s -%s %s -port %u %s -certverify -sasl%s -user %s",
	    command, service == 2 ? "server" : "host", server->host,
	    server->port, server->implicit_tls ? "-initialtls" : "-tls",
	    bearer ? " -saslmech oauthbearer" : "", s->account.user);
}

int
setup_nmh(struct setup *s)
{
	if (setup_check(s, "user", s->account.user, " \t") != 0)
		return EX_DATAERR;
	s->comment = "#: ";
	setup_file(s, "~/.mh_profile");
	setup_put(s, "Path: Mail");
	setup_note(s,
	    "-saslmech xoauth2 would be nmh's own, which knows nothing of the "
	    "helper");
	if (s->services & SERVICE_POP)
		put_nmh(s, "inc:", 1);
	if (s->services & SERVICE_SMTP)
		put_nmh(s, "send: -mts smtp", 2);
	s->comment = "# ";
	if (s->ca_file && s->socket_is_usual)
		setup_file(s, "run");
	setup_environment(s);
	if (s->ca_file)
		setup_put(s, "export SSL_CERT_FILE=%s",
		    setup_quote(s, QUOTE_SHELL, s->ca_file));
	return 0;
}

static void
note_server(struct setup *s, size_t i)
{
	static const char *const names[] = {"IMAP", "POP3", "SMTP"};
	const struct server *server = setup_server(s, i);

	setup_note(s, "%s: server %s, port %u, encryption %s, user name %s",
	    names[i], server->host, server->port,
	    server->implicit_tls ? "SSL/TLS" : "STARTTLS", s->account.user);
}

int
setup_kmail(struct setup *s)
{
	size_t i;

	setup_file(s, "KMail: Settings, Configure KMail, Accounts");
	for (i = 0; i < SERVICES; i++)
		if (s->services & 1U << i)
			note_server(s, i);
	setup_note(s,
	    "Authentication: XOAUTH2, the only one of both that KMail offers.");
	setup_note(s,
	    "Password: any text. It is not used: the plugin takes the place of "
	    "KDE's own, and the token comes from the helper. Do not sign in "
	    "where KMail itself opens a page of the provider.");
	setup_note(
	    s, "The IMAP server must have SASL-IR, as Exchange and Gmail do.");
	setup_environment(s);
	return 0;
}
