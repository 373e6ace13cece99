/* SPDX-License-Identifier: MIT */
/* mail - a mail server and an account for it, for probe and tunnel */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "helper/cli/call.h"
#include "helper/cli/mail.h"

static int
prepare(struct cli *cli, const struct mail_words *words, struct mail *m)
{
	const struct protocol *p = protocol_find(words->service);
	const char *path;
	int r;

	if (!p && protocol_find(words->user))
		return cli_error(EX_USAGE,
		    "the account comes first: sasl-bearer %s %s %s",
		    cli->command->name, words->service, words->user);
	if (!p)
		return cli_error(EX_USAGE,
		    "unknown service \"%s\"; it is imap, pop or smtp",
		    words->service);
	r = resolve(cli, words->user, &m->account);
	if (r == 0)
		r = resolve_server(&m->account,
		    (enum service)service_parse(p->name), words->server,
		    &m->server);
	if (r == 0)
		r = call_socket(cli, &path);
	if (r != 0)
		return r;
	if (m->account.user[0] == '*')
		return cli_error(EX_USAGE,
		    "account \"%s\" is for all of %s; name a mailbox",
		    m->account.account, m->account.user);
	if (setenv(CALL_SOCKET_VARIABLE, path, 1) < 0)
		return cli_error(EX_OSERR, "out of memory");
	mail_set(m, p, words->ca_file);
	return 0;
}

void
mail_set(struct mail *m, const struct protocol *p, const char *ca_file)
{
	m->session.stream.in = m->session.stream.out = -1;
	m->session.protocol = p;
	m->session.host = m->server.host;
	m->session.port = m->server.port;
	m->session.ca_file = ca_file;
	m->session.user = m->account.user;
}

int
mail_new(struct cli *cli, const struct mail_words *words, struct mail **ret)
{
	struct mail *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return cli_error(EX_OSERR, "out of memory");
	m->session.stream.in = m->session.stream.out = -1;
	r = prepare(cli, words, m);
	if (r == 0)
		*ret = m;
	else
		mail_free(m);
	return r;
}

int
mail_usage(const struct cli *cli, int operands)
{
	const char *what = operands == 0 ? "USER is missing, an account or its "
					   "address, and then imap, pop or smtp"
	    : operands == 1 ? "the service is missing: imap, pop or smtp"
			    : "too many arguments";

	return cli_error(EX_USAGE, "%s: %s; see \"sasl-bearer %s --help\"",
	    cli->command->name, what, cli->command->name);
}

int
mail_login(struct mail *m)
{
	int r = session_open(&m->session);

	return r == 0 ? session_login(&m->session) : r;
}

int
mail_use(struct mail *m)
{
	static const struct {
		const char *protocol, *question, *goodbye;
	} commands[] = {
	    {"imap", "EXAMINE INBOX", "LOGOUT"},
	    {"pop", "STAT", "QUIT"},
	    {"smtp", "NOOP", "QUIT"},
	};
	struct session *s = &m->session;
	size_t i = 0;
	enum reply reply;
	char *text;
	int r;

	while (strcmp(commands[i].protocol, s->protocol->name) != 0)
		i++;
	r = session_command(s, commands[i].question);
	if (r == 0)
		r = session_reply(s, commands[i].question, &reply, &text);
	if (r != 0)
		return r;
	session_trace(s, "mailbox", "%s: %s", commands[i].question, s->words);
	if (reply != REPLY_GOOD)
		return session_fail(s, EX_NOPERM,
		    "%s logs %s in, but refuses %s: \"%s\"", s->host, s->user,
		    commands[i].question, s->words);
	if (session_command(s, commands[i].goodbye) == 0)
		session_reply(s, commands[i].goodbye, &reply, &text);
	return 0; /* whatever the server makes of a goodbye */
}

void
mail_free(struct mail *m)
{
	if (!m)
		return;
	session_close(&m->session);
	util_wipe(m, sizeof(*m));
	free(m);
}
