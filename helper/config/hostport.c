/* SPDX-License-Identifier: MIT */
/* hostport - the name of a mail server, perhaps with its port; pure */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "helper/config/hostport.h"
#include "helper/config/policy.h"

#define NAME_CHARS                                             \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
	"0123456789.-_"

/* Copy len bytes that are a host. Returns 0 or -EINVAL. */
static int
take_host(const char *text, size_t len, int bracketed, char host[HOST_MAX + 1])
{
	struct in6_addr in6;

	if (len == 0 || len > HOST_MAX)
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (bracketed)
		return inet_pton(AF_INET6, host, &in6) == 1 ? 0 : -EINVAL;
	return strspn(host, NAME_CHARS) == len && !strchr(".-", *host)
	    ? 0
	    : -EINVAL;
}

int
hostport_parse(const char *text, struct hostport *ret)
{
	int bracketed = *text == '[';
	size_t len;
	struct hostport found = {.port = 0};
	int64_t port = 0;

	text += bracketed;
	len = strcspn(text, bracketed ? "]" : ":");
	if (take_host(text, len, bracketed, found.host) < 0)
		return -EINVAL;
	text += len;
	if (bracketed && *text++ != ']')
		return -EINVAL;
	if (*text &&
	    (*text != ':' || util_number_parse(text + 1, 1, 65535, &port) < 0))
		return -EINVAL;
	found.port = (unsigned)port;
	*ret = found;
	return 0;
}

int
hostport_listed(const char *text, char *const *hosts)
{
	struct hostport server;
	char bracketed[HOST_MAX + 3];

	if (hostport_parse(text, &server) < 0)
		return 0;
	snprintf(bracketed, sizeof(bracketed), "[%s]", server.host);
	return policy_host(hosts, server.host) != MATCH_NONE ||
	    policy_host(hosts, bracketed) != MATCH_NONE;
}
