/* SPDX-License-Identifier: MIT */
/* setup-fetch - mbsync, offlineimap, getmail and fetchmail */
#include "config.h"

#include <string.h>

#include "helper/cli/setup.h"

#define IMAP 0 /* by service_names */

static void
put_mbsync_server(struct setup *s)
{
	const struct server *server = setup_server(s, IMAP);

	setup_put(s, "Host %s", server->host);
	setup_put(s, "Port %u", server->port);
	setup_put(s, "User %s", setup_quote(s, QUOTE_DOUBLE, s->account.user));
	setup_put(s, "SSLType %s", server->implicit_tls ? "IMAPS" : "STARTTLS");
	if (s->ca_file)
		setup_put(s, "CertificateFile %s",
		    setup_quote(s, QUOTE_DOUBLE, s->ca_file));
	setup_put(s, "AuthMechs %s", setup_mechanism(s, "OAUTHBEARER XOAUTH2"));
	setup_note(s, "no Pass and no PassCmd: nobody is asked for a password");
}

int
setup_mbsync(struct setup *s)
{
	const char *name = s->account.account;

	setup_file(s, "~/.mbsyncrc");
	setup_put(s, "IMAPAccount %s", name);
	if (s->way == WAY_TUNNEL)
		setup_put(s, "Tunnel %s",
		    setup_quote(
			s, QUOTE_DOUBLE, setup_tunnel_command(s, IMAP)));
	else
		put_mbsync_server(s);
	setup_put(s, "\nIMAPStore %s-remote", name);
	setup_put(s, "Account %s", name);
	setup_put(s, "\nMaildirStore %s-local", name);
	setup_put(s, "SubFolders Verbatim");
	setup_put(s, "Path ~/Mail/%s/", name);
	setup_put(s, "Inbox ~/Mail/%s/INBOX", name);
	setup_put(s, "\nChannel %s", name);
	setup_put(s, "Far :%s-remote:", name);
	setup_put(s, "Near :%s-local:", name);
	setup_put(s, "Patterns *");
	setup_put(s, "Create Near");
	setup_put(s, "SyncState *");
	setup_put(s, "%s", "");
	setup_note(s,
	    "Other IMAPAccounts, with a password, need \"AuthMechs PLAIN LOGIN\":"
	    " the default takes OAuth wherever a server has it.");
	if (s->way == WAY_PLUGIN)
		setup_environment(s);
	setup_file(s, "run");
	setup_put(s, "mkdir -p ~/Mail/%s && mbsync %s", name, name);
	return 0;
}

/* A list of Python: ["WORD", "WORD"]; the words have no control bytes. */
static const char *
python_words(struct setup *s, const char **words)
{
	const char *line = setup_quote(s, QUOTE_DOUBLE, *words);

	while (*++words)
		line = setup_format(
		    s, "%s, %s", line, setup_quote(s, QUOTE_DOUBLE, *words));
	return line;
}

/* Its configuration replaces %(NAME)s. */
static const char *
escape_percent(struct setup *s, const char *text)
{
	char buf[4096];
	size_t len = 0;

	for (; *text && len + 3 < sizeof(buf); text++) {
		if (*text == '%')
			buf[len++] = '%';
		buf[len++] = *text;
	}
	buf[len] = '\0';
	return setup_format(s, "%s", buf);
}

static void
put_offlineimap_token(struct setup *s)
{
	const struct server *server = setup_server(s, IMAP);
	const char *words[SETUP_WORDS];

	setup_put(s, "remotehost = %s", server->host);
	setup_put(s, "remoteport = %u", server->port);
	setup_put(s, "remoteuser = %s",
	    escape_percent(s, s->account.sasl_user[IMAP]));
	setup_put(s, "ssl = %s", server->implicit_tls ? "yes" : "no");
	if (!server->implicit_tls)
		setup_put(s, "starttls = yes");
	setup_put(s, "sslcacertfile = %s",
	    s->ca_file ? escape_percent(s, s->ca_file) : "OS-DEFAULT");
	setup_put(s, "auth_mechanisms = XOAUTH2");
	setup_token_words(s, IMAP, 0, words);
	setup_put(s,
	    "oauth2_access_token_eval = __import__(\"subprocess\")"
	    ".check_output([%s], text=True)",
	    escape_percent(s, python_words(s, words)));
	setup_note(s,
	    "asked for at each start: long runs need \"-o\" from cron, not "
	    "autorefresh");
}

int
setup_offlineimap(struct setup *s)
{
	const char *name = s->account.account;

	setup_file(s, "~/.offlineimaprc");
	setup_put(s, "[general]");
	setup_put(s, "accounts = %s", name);
	setup_put(s, "[Account %s]", name);
	setup_put(s, "localrepository = %s-local", name);
	setup_put(s, "remoterepository = %s-remote", name);
	setup_put(s, "[Repository %s-local]", name);
	setup_put(s, "type = Maildir");
	setup_put(s, "localfolders = ~/Mail/%s", name);
	setup_put(s, "[Repository %s-remote]", name);
	setup_put(s, "type = IMAP");
	if (s->way == WAY_TUNNEL)
		setup_put(s, "preauthtunnel = %s",
		    escape_percent(s, setup_tunnel_command(s, IMAP)));
	else
		put_offlineimap_token(s);
	setup_file(s, "run");
	setup_put(s, "mkdir -p ~/Mail && offlineimap -o -a %s", name);
	return 0;
}

int
setup_getmail(struct setup *s)
{
	const struct server *server = setup_server(s, IMAP);
	const char *words[SETUP_WORDS], *name = s->account.account;

	if (!server->implicit_tls)
		return cli_error(EX_USAGE,
		    "getmail has no STARTTLS; name a port with --server "
		    "HOST:993");
	setup_token_words(s, IMAP, 0, words);
	setup_file(s, "~/.config/getmail/getmailrc");
	setup_put(s, "[retriever]");
	setup_put(s, "type = SimpleIMAPSSLRetriever");
	setup_put(s, "server = %s", server->host);
	setup_put(s, "port = %u", server->port);
	setup_put(s, "ca_certs = %s", s->ca_file ? s->ca_file : "system");
	setup_put(s, "username = %s", s->account.sasl_user[IMAP]);
	setup_put(s, "use_xoauth2 = True");
	setup_put(s, "password_command = (%s)", python_words(s, words));
	setup_put(s, "[destination]");
	setup_put(s, "type = Maildir");
	setup_put(s, "path = ~/Mail/%s/", name);
	setup_put(s, "[options]");
	setup_note(s, "only what is new, and leave it on the server");
	setup_put(s, "read_all = False");
	setup_file(s, "run");
	setup_put(s,
	    "mkdir -p ~/Mail/%s/cur ~/Mail/%s/new ~/Mail/%s/tmp && getmail",
	    name, name, name);
	return 0;
}

/* fetchmail cuts the command at blanks, knows no quotes, and replaces %h. */
static int
fetchmail_command(struct setup *s, size_t service, const char **ret)
{
	const char *words[SETUP_WORDS], *line = "";
	size_t i;

	setup_tunnel_words(s, service, words);
	for (i = 0; words[i]; i++) {
		if (setup_check(s, "word", words[i], " \t%") != 0)
			return EX_DATAERR;
		line = setup_format(s, "%s%s%s", line, i ? " " : "", words[i]);
	}
	*ret = setup_quote(s, QUOTE_FETCHMAIL, line);
	return 0;
}

static int
put_fetchmail_tunnel(struct setup *s, size_t i)
{
	const struct server *server = setup_server(s, i);
	const char *command = "";
	int r = fetchmail_command(s, i, &command);

	if (r != 0)
		return r;
	setup_put(s, "poll %s proto %s%s",
	    setup_quote(s, QUOTE_FETCHMAIL, server->host),
	    i == IMAP ? "imap" : "pop3", i == IMAP ? " auth ssh" : "");
	setup_put(s, "\tplugin %s", command);
	setup_put(s, "\tuser %s%s",
	    setup_quote(s, QUOTE_FETCHMAIL, s->account.user),
	    i == IMAP ? "" : " password \"unused\"");
	setup_note(s,
	    "TLS is the tunnel's; without this fetchmail insists on its own");
	setup_put(s, "\tsslproto \"\" keep");
	return 0;
}

static void
put_fetchmail_token(struct setup *s, size_t i)
{
	const struct server *server = setup_server(s, i);

	setup_note(
	    s, "for fetchmail 7, which knows OAuth; 6 does not: --with tunnel");
	setup_put(s, "poll %s proto %s service %u auth oauthbearer",
	    setup_quote(s, QUOTE_FETCHMAIL, server->host),
	    i == IMAP ? "imap" : "pop3", server->port);
	setup_put(s, "\tuser %s",
	    setup_quote(s, QUOTE_FETCHMAIL, s->account.sasl_user[i]));
	setup_put(
	    s, "\t%s", server->implicit_tls ? "ssl" : "sslproto \"auto\"");
	setup_put(s, "\tsslcertck%s%s keep", s->ca_file ? " sslcertfile " : "",
	    s->ca_file ? setup_quote(s, QUOTE_FETCHMAIL, s->ca_file) : "");
}

int
setup_fetchmail(struct setup *s)
{
	size_t i = setup_service(s);
	int r = 0;

	setup_file(s, "~/.fetchmailrc");
	if (s->way == WAY_TUNNEL)
		r = put_fetchmail_tunnel(s, i);
	else
		put_fetchmail_token(s, i);
	setup_file(s, "run");
	setup_put(s, "chmod 600 ~/.fetchmailrc");
	if (s->way == WAY_TOKEN)
		setup_put(s, "%s | fetchmail --passwordfd 0",
		    setup_token_command(s, i));
	return r;
}
