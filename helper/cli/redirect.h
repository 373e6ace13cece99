/* SPDX-License-Identifier: MIT */
/* redirect.h - the address to which a sign-in sends the browser back */
#ifndef SASL_BEARER_REDIRECT_H
#define SASL_BEARER_REDIRECT_H

#include <stddef.h>

#define REDIRECT_DEFAULT "http://127.0.0.1/" /* RFC 8252 section 7.3 */
#define REDIRECT_MAX 512

enum redirect_host {
	REDIRECT_ELSEWHERE, /* not this machine: only for --paste */
	REDIRECT_IPV4,
	REDIRECT_IPV6,
	REDIRECT_LOCALHOST, /* both; browsers differ in which they try first */
};

/* A redirect_uri in its parts. */
struct redirect {
	enum redirect_host host;
	int port;		 /* 0: any that is free */
	char name[16];		 /* the host as it stands there */
	char tail[REDIRECT_MAX]; /* all that follows host and port */
	char path[REDIRECT_MAX]; /* what a browser asks for; at least "/" */
};

/*
 * Take a redirect_uri apart.
 *
 * What is not plain http to 127.0.0.1, [::1] or localhost is REDIRECT_ELSEWHERE
 * and has no parts. Returns 0, -ERR_TOOBIG, -ERR_FORMAT for a fragment, or
 * -ERR_NUMBER for a bad port.
 */
int redirect_parse(struct redirect *r, const char *uri);

/*
 * Write the address with a port in it.
 *
 *	buf	at least REDIRECT_MAX bytes
 *	host	at least 32 bytes: "localhost:12345", as in a Host header
 */
void
redirect_format(const struct redirect *r, int port, char *buf, char host[32]);

#endif
