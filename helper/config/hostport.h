/* SPDX-License-Identifier: MIT */
/* hostport.h - the name of a mail server, perhaps with its port; pure */
#ifndef SASL_BEARER_HOSTPORT_H
#define SASL_BEARER_HOSTPORT_H

#include "common/util.h"

struct hostport {
	char host[HOST_MAX + 1]; /* an IPv6 address without its brackets */
	unsigned port;		 /* 0: not given */
};

/*
 * Read HOST or HOST:PORT.
 *
 *	text	a name, 1..255 of A-Z a-z 0-9 . - _ that begins with none of
 *		. and -; an IPv4 address; or an IPv6 address in brackets
 *	ret	written only on success; the port is 1..65535, or 0
 *
 * Returns 0 or -EINVAL.
 */
int hostport_parse(const char *text, struct hostport *ret);

/*
 * Whether hosts, a list of policy_host(), has the server; an IPv6 address with
 * brackets or without. What hostport_parse() refuses is in no list.
 */
int hostport_listed(const char *text, char *const *hosts);

#endif
