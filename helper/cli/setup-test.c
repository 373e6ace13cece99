/* SPDX-License-Identifier: MIT */
/* setup-test - imtest, ldapsearch, and programs that are not known here */
#include "config.h"

#include <string.h>

#include "helper/cli/setup.h"
#include "helper/config/hostport.h"

int
setup_imtest(struct setup *s)
{
	static const char *const programs[] = {
	    "imtest", "pop3test", "smtptest"};
	size_t i = setup_service(s);
	const struct server *server = setup_server(s, i);
	const char *user = setup_quote(s, QUOTE_SHELL, s->account.user);

	setup_environment(s);
	setup_file(s, "run");
	setup_note(s,
	    "from cyrus-clients; it does not check the server's certificate: "
	    "\"sasl-bearer probe\" does, and shows more");
	setup_put(s, "/usr/lib/cyrus/bin/%s %s -p %u -m %s -u %s -a %s %s",
	    programs[i], server->implicit_tls ? "-s" : "-t ''", server->port,
	    setup_mechanism(s, "XOAUTH2"), user, user, server->host);
	return 0;
}

/* A directory is no mail service: the account must be for all of them. */
int
setup_ldapsearch(struct setup *s)
{
	struct hostport server;
	const char *host;

	if (s->account.services)
		return cli_error(EX_NOPERM,
		    "account \"%s\" is for mail alone; \"services\" must not be "
		    "set in its file, so that a directory may get the token",
		    s->account.account);
	if (!s->operand || hostport_parse(s->operand, &server) < 0)
		return cli_error(
		    EX_USAGE, "ldapsearch needs --server HOST or HOST:PORT");
	host = strchr(server.host, ':') ? setup_format(s, "[%s]", server.host)
					: server.host;
	setup_environment(s);
	setup_file(s, "run");
	setup_note(s,
	    "-N: the server's name is the one given here, and not what DNS "
	    "makes of its address; it must be in hosts of the account");
	if (s->ca_file)
		setup_put(s, "export LDAPTLS_CACERT=%s",
		    setup_quote(s, QUOTE_SHELL, s->ca_file));
	setup_put(s, "ldapsearch -N -H %s://%s:%u%s -Y %s -U %s -b '' -s base",
	    server.port == 389 ? "ldap" : "ldaps", host,
	    server.port ? server.port : 636, server.port == 389 ? " -ZZ" : "",
	    setup_mechanism(s, "OAUTHBEARER"),
	    setup_quote(s, QUOTE_SHELL, s->account.user));
	return 0;
}

/* What any program may ask for, by the ways there are. */
int
setup_generic(struct setup *s)
{
	size_t i = setup_service(s);
	const struct server *server = setup_server(s, i);

	setup_file(s, "what the program asks for");
	setup_note(s, "server: %s, port %u, %s", server->host, server->port,
	    server->implicit_tls ? "SSL/TLS" : "STARTTLS");
	if (s->ca_file)
		setup_note(s, "its certificate is known by %s", s->ca_file);
	setup_note(s,
	    "1. It uses libsasl2: mechanism %s, user %s, no password. It needs "
	    "to be restarted once after the account was made.",
	    setup_mechanism(s, "OAUTHBEARER or XOAUTH2"), s->account.user);
	setup_note(s,
	    "2. It knows OAuth, or XOAUTH2, and can ask a command for the token "
	    "or the password: user %s, and the command \"token\" below. If it "
	    "wants the whole response of the mechanism in base64, add --format "
	    "xoauth2 or --format oauthbearer.",
	    s->account.sasl_user[i]);
	setup_note(s,
	    "3. It can use a command in place of a connection: \"tunnel\" "
	    "below. No TLS and no login there; any password will do.");
	setup_environment(s);
	setup_file(s, "run");
	setup_put(s, "%s", setup_token_command(s, i));
	setup_put(s, "%s", setup_tunnel_command(s, i));
	return 0;
}
