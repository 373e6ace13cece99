/* SPDX-License-Identifier: MIT */
/* mail - a mail server and an account for it, for probe and tunnel */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "helper/cli/call.h"
#include "helper/cli/mail.h"

/* The service of a word. */
static int
find_service(const char *word, enum service *ret)
{
	size_t i;

	for (i = 0; service_names[i]; i++)
		if (strcmp(service_names[i], word) == 0) {
			*ret = (enum service)(1 << i);
			return 0;
		}
	return cli_error(
	    EX_USAGE, "unknown service \"%s\"; it is imap, pop or smtp", word);
}

static int
prepare(struct cli *cli, const struct mail_words *words, struct mail *m)
{
	enum service service = SERVICE_IMAP;
	const char *path;
	int r = find_service(words->service, &service);

	if (r == 0)
		r = resolve(cli, words->user, &m->account);
	if (r == 0)
		r = resolve_server(
		    &m->account, service, words->server, &m->server);
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
	snprintf(m->port, sizeof(m->port), "%u", m->server.port);
	m->session.protocol = protocol_find(words->service);
	m->session.host = m->server.host;
	m->session.port = m->port;
	m->session.ca_file = words->ca_file;
	m->session.user = m->account.user;
	return 0;
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
mail_login(struct mail *m)
{
	int r = session_open(&m->session);

	return r == 0 ? session_login(&m->session) : r;
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
