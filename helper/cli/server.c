/* SPDX-License-Identifier: MIT */
/* server - which mail server a command is about */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "helper/cli/server.h"
#include "helper/config/hostport.h"
#include "helper/mail/protocol.h"

/* The index of a service in service_names and in the arrays of a resolved. */
static size_t
service_index(enum service service)
{
	return service == SERVICE_IMAP ? 0 : service == SERVICE_POP ? 1 : 2;
}

/* On a port that is not known SMTP begins in clear, the others do not. */
static int
is_implicit(const struct protocol *p, unsigned port)
{
	enum tls_mode mode = protocol_tls(p, port);

	return mode == TLS_FROM_START ||
	    (mode == TLS_UNKNOWN && protocol_tls(p, p->port) == TLS_FROM_START);
}

static int
refuse_service(const struct resolved *account, size_t service)
{
	char names[32] = "";
	size_t i, len = 0;

	for (i = 0; service_names[i]; i++)
		if (account->services & 1U << i)
			len +=
			    (size_t)snprintf(names + len, sizeof(names) - len,
				"%s%s", len ? " " : "", service_names[i]);
	return cli_error(EX_NOPERM,
	    "account \"%s\" is not for %s: its services are %s",
	    account->account, service_names[service], names);
}

/* What is known of the account without an operand, or NULL. */
static const char *
known_server(const struct resolved *account, size_t service)
{
	if (*account->server[service])
		return account->server[service];
	return *account->hosts && !strpbrk(account->hosts, " *:[")
	    ? account->hosts
	    : NULL;
}

int
server_is_known(const struct resolved *account, enum service service)
{
	return known_server(account, service_index(service)) != NULL;
}

/* Whether the account's hosts have the server, as far as they are known. */
static int
is_listed(const struct resolved *account, const char *server)
{
	char **hosts = NULL;
	int listed;

	if (!*account->hosts || list_parse(account->hosts, " ", &hosts) < 0)
		return 1;
	listed = hostport_listed(server, hosts);
	list_free(hosts);
	return listed;
}

int
resolve_server(const struct resolved *account, enum service service,
    const char *operand, struct server *ret)
{
	size_t i = service_index(service);
	const char *text = operand ? operand : known_server(account, i);
	const struct protocol *p = protocol_find(service_names[i]);
	struct hostport found;

	if (account->services && !(account->services & service))
		return refuse_service(account, i);
	if (!text)
		return cli_error(EX_USAGE,
		    "no %s server is known for account \"%s\"; name it with "
		    "--server HOST[:PORT] (of tunnel: as its last word), or "
		    "with %s_server in the account's file",
		    service_names[i], account->account, service_names[i]);
	if (hostport_parse(text, &found) < 0)
		return cli_error(EX_USAGE,
		    "\"%s\" is not HOST or HOST:PORT; an IPv6 address stands "
		    "in brackets",
		    text);
	if (!is_listed(account, text))
		return cli_error(EX_NOPERM,
		    "host \"%s\" is not in hosts of account \"%s\"; add it "
		    "there, or name one of: %s",
		    found.host, account->account, account->hosts);
	snprintf(ret->host, sizeof(ret->host), "%s", found.host);
	ret->port = found.port ? found.port : p->port;
	ret->implicit_tls = is_implicit(p, ret->port);
	return 0;
}

void
server_format(const struct server *s, char *buf)
{
	int literal = strchr(s->host, ':') != NULL;

	snprintf(buf, RESOLVED_SERVER, "%s%s%s:%u", literal ? "[" : "", s->host,
	    literal ? "]" : "", s->port);
}
