/* SPDX-License-Identifier: MIT */
/* server.h - which mail server a command is about */
#ifndef SASL_BEARER_CLI_SERVER_H
#define SASL_BEARER_CLI_SERVER_H

#include "helper/cli/resolve.h"

struct server {
	char host[HOST_MAX + 1]; /* an IPv6 address without brackets */
	unsigned port;		 /* 1..65535 */
	int implicit_tls;	 /* else STARTTLS, or STLS */
};

/*
 * Find the server of an account for one service.
 *
 *	service	one of enum service; the account must serve it
 *	operand	HOST or HOST:PORT, of --server or as an operand; it must be in
 *		the account's hosts. NULL: the account's server, else the only
 *		host if there is only one and it is a name
 *	ret	written only on success
 *
 * Without a port it is 993, 995 or 587. Whether TLS comes first is said by
 * protocol_tls(); where that does not know, as it is on these ports.
 *
 * Returns 0 or an exit code, reported.
 */
int resolve_server(const struct resolved *account, enum service service,
    const char *operand, struct server *ret);

/* Whether resolve_server() needs no operand. */
int server_is_known(const struct resolved *account, enum service service);

/*
 * Write a server as URLs have it: HOST:PORT, an IPv6 address in brackets.
 *
 *	buf	RESOLVED_SERVER bytes
 */
void server_format(const struct server *s, char *buf);

#endif
