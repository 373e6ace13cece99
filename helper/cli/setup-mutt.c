/* SPDX-License-Identifier: MIT */
/* setup-mutt - mutt and neomutt: a token command, the plugin, or a tunnel */
#include "config.h"

#include <string.h>

#include "helper/cli/setup.h"

#define NEOMUTT "neomutt"

static int
is_neomutt(const struct setup *s)
{
	return strcmp(s->program->name, NEOMUTT) == 0;
}

/* set NAME="VALUE" */
static void
set(struct setup *s, const char *prefix, const char *name, const char *value)
{
	setup_put(
	    s, "set %s%s=%s", prefix, name, setup_quote(s, QUOTE_MUTT, value));
}

/* URL of a server, for a user or not. */
static const char *
url(struct setup *s, size_t service, const char *user, const char *path)
{
	static const char *const plain[] = {"imap", "pop", "smtp"};
	static const char *const tls[] = {"imaps", "pops", "smtps"};
	const struct server *server = setup_server(s, service);
	char where[RESOLVED_SERVER];

	server_format(server, where);
	return setup_format(s, "%s://%s%s%s/%s",
	    server->implicit_tls && s->way != WAY_TUNNEL ? tls[service]
							 : plain[service],
	    user ? setup_quote(s, QUOTE_PERCENT, user) : "", user ? "@" : "",
	    where, path);
}

/*
 * The value of PROTOCOL_authenticators, or NULL if none names the mechanism:
 * neomutt has no "xoauth2" for POP. mutt's SMTP takes its own mechanism for a
 * name it knows; one with a blank at its end only libsasl2 knows.
 */
static const char *
authenticators(struct setup *s, size_t service)
{
	int pop = strcmp(service_names[service], "pop") == 0;
	int smtp = strcmp(service_names[service], "smtp") == 0;
	int bearer = strcmp(setup_mechanism(s, "XOAUTH2"), "OAUTHBEARER") == 0;

	if (is_neomutt(s) && pop && !bearer)
		return s->way == WAY_TOKEN ? "oauthbearer" : NULL;
	if (s->way == WAY_PLUGIN && !is_neomutt(s) && smtp)
		return bearer ? "OAUTHBEARER " : "XOAUTH2 ";
	return bearer ? "oauthbearer" : "xoauth2";
}

/* How to log in to a service. */
static void
put_login(struct setup *s, size_t service)
{
	const char *prefix = setup_format(s, "%s_", service_names[service]);
	const char *names = authenticators(s, service);

	if (names)
		set(s, prefix, "authenticators", names);
	else
		setup_note(s,
		    "%sauthenticators must not be set: it has no name for "
		    "XOAUTH2, which libsasl2 takes if the server has it",
		    prefix);
	if (s->way == WAY_TOKEN)
		set(s, prefix, "oauth_refresh_command",
		    setup_token_command(s, service));
	else
		setup_note(s,
		    "%soauth_refresh_command must not be set, or it would be "
		    "used instead of the plugin",
		    prefix);
}

/* The name that the server is told, or that the plugin asks for. */
static const char *
user_of(const struct setup *s, size_t service)
{
	return s->way == WAY_TOKEN ? s->account.sasl_user[service]
				   : s->account.user;
}

static void
put_imap(struct setup *s, size_t i)
{
	set(s, "", "folder", url(s, i, NULL, ""));
	set(s, "", "spoolfile", "+INBOX");
	set(s, "", "imap_user", user_of(s, i));
	if (s->way == WAY_TUNNEL)
		set(s, "", "tunnel", setup_tunnel_command(s, i));
	else
		put_login(s, i);
}

static void
put_pop(struct setup *s, size_t i)
{
	set(s, "", "pop_host", url(s, i, NULL, ""));
	set(s, "", "pop_user", user_of(s, i));
	if (is_neomutt(s) && s->way == WAY_TOKEN)
		setup_note(s,
		    "neomutt has only oauthbearer for POP, for tokens of up to "
		    "512 bytes; where that is not enough: --with tunnel");
	if (s->way == WAY_TUNNEL)
		set(s, "", "tunnel", setup_tunnel_command(s, i));
	else
		put_login(s, i);
	if (s->way != WAY_TOKEN) {
		setup_note(s, "asked for before a login, and not used");
		set(s, "", "pop_pass", "unused");
	}
}

static void
put_smtp(struct setup *s, size_t i)
{
	if (s->way == WAY_TUNNEL && (s->services & SERVICE_IMAP)) {
		setup_note(s,
		    "$tunnel is for SMTP as well, so this %s cannot send by "
		    "itself: see \"sasl-bearer setup msmtp\", and set sendmail",
		    s->program->name);
		return;
	}
	/* with a name in it a password is asked for, which a tunnel wants not */
	set(s, "", "smtp_url",
	    url(s, i, s->way == WAY_TUNNEL ? NULL : user_of(s, i), ""));
	if (s->way == WAY_TUNNEL)
		set(s, "", "tunnel", setup_tunnel_command(s, i));
	else
		put_login(s, i);
	if (setup_is_address(s->account.user))
		set(s, "", "from", s->account.user);
}

static void
put_tls(struct setup *s)
{
	if (s->way == WAY_TUNNEL) {
		setup_note(s, "TLS is the tunnel's: none here");
		setup_put(s, "set tunnel_is_secure=yes");
		return;
	}
	setup_put(s, "set ssl_starttls=yes ssl_force_tls=yes");
	if (s->ca_file)
		set(s, "", "certificate_file", s->ca_file);
}

int
setup_mutt(struct setup *s)
{
	static void (*const put[SERVICES])(struct setup *, size_t) = {
	    put_imap, put_pop, put_smtp};
	size_t i;

	setup_file(s, is_neomutt(s) ? "~/.neomuttrc" : "~/.muttrc");
	if (s->way == WAY_PLUGIN)
		setup_note(s,
		    "for a %s built with Cyrus SASL: \"%s -v\" has %s. Others, "
		    "as Debian's, use GNU SASL and need --with token",
		    s->program->name, s->program->name,
		    is_neomutt(s) ? "+sasl" : "+USE_SASL");
	put_tls(s);
	for (i = 0; i < SERVICES; i++)
		if (s->services & 1U << i)
			put[i](s, i);
	if (s->way == WAY_PLUGIN)
		setup_environment(s);
	return 0;
}
