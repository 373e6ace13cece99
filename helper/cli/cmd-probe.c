/* SPDX-License-Identifier: MIT */
/* cmd-probe - a real login, step by step */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "helper/cli/mail.h"
#include "helper/cli/screen.h"
#include "helper/explain/explain.h"

static void
show(void *context, const char *what, const char *text)
{
	(void)context;
	screen_field(what, text);
}

static void
show_target(const struct mail *m)
{
	char server[RESOLVED_SERVER], account[512];

	snprintf(account, sizeof(account), "%s%s%s%s%s", m->account.account,
	    strcmp(m->account.account, m->account.user) ? ", user " : "",
	    strcmp(m->account.account, m->account.user) ? m->account.user : "",
	    *m->account.provider ? ", provider " : "", m->account.provider);
	screen_field("account", account);
	server_format(&m->server, server);
	screen_field("server", server);
}

/* What the server's words mean, if somebody has found out. */
static void
show_meaning(const struct mail *m)
{
	const struct explanation *e = explain_reply(m->session.words);
	const struct explain_names names = {
	    .user = m->account.user,
	    .account = m->account.account,
	};
	char text[EXPLAIN_TEXT_SIZE];

	if (!e)
		return;
	explain_means(text, sizeof(text), e, &names);
	screen_field("it means", text);
	screen_field("who acts", explain_who_text(e->who));
	explain_remedy(text, sizeof(text), e, &names);
	screen_field("remedy", text);
}

/*
 * A login may be good for nothing: Exchange lets people in who have no mailbox.
 * SMTP has no such question that harms nobody.
 */
static int
use(struct session *s)
{
	static const struct {
		const char *protocol, *question, *goodbye;
	} commands[] = {
	    {"imap", "EXAMINE INBOX", "LOGOUT"},
	    {"pop", "STAT", "QUIT"},
	    {"smtp", "NOOP", "QUIT"},
	};
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

static int
probe(struct mail *m)
{
	int r;

	m->session.trace = show;
	show_target(m);
	r = mail_login(m);
	if (r == 0)
		r = use(&m->session);
	if (r == 0) {
		screen_field("result", "the login works");
		return 0;
	}
	show_meaning(m);
	return cli_error(r, "%s", m->session.error);
}

int
cmd_probe(struct cli *cli, int argc, char **argv)
{
	struct mail_words words = {0};
	const struct cli_option options[] = {
	    {"server", &words.server, NULL},
	    {"ca-file", &words.ca_file, NULL},
	    {0},
	};
	struct mail *m;
	int r;

	r = cli_parse(cli, options, argc, argv);
	if (r != 0)
		return r;
	if (argc - optind != 2)
		return cli_error(EX_USAGE, "usage: sasl-bearer %s %s",
		    cli->command->name, cli->command->usage);
	words.user = argv[optind];
	words.service = argv[optind + 1];
	r = mail_new(cli, &words, &m);
	if (r == 0) {
		r = probe(m);
		mail_free(m);
	}
	return r;
}
