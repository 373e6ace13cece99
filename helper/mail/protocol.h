/* SPDX-License-Identifier: MIT */
/* protocol.h - what IMAP, POP3 and SMTP say before and during a login */
#ifndef SASL_BEARER_PROTOCOL_H
#define SASL_BEARER_PROTOCOL_H

#include <stddef.h>

/* What a line of the server means for the command before it. */
enum reply {
	REPLY_GOOD, /* it worked: the last line */
	REPLY_MORE, /* the server waits for more, RFC 4422's challenge */
	REPLY_BAD,  /* it did not: the last line */
	REPLY_INFO, /* another line follows */
};

/* How a connection becomes a TLS one. */
enum tls_mode {
	TLS_FROM_START, /* RFC 8314 */
	TLS_STARTTLS,
	TLS_UNKNOWN, /* no port that is known: see what the server says */
};

/* What a server offers. */
struct offer {
	int starttls;
	int initial;	      /* IMAP's SASL-IR */
	char mechanisms[512]; /* blank-separated, or "" */
	char all[4096];	      /* as it came, blank-separated */
};

struct protocol {
	const char *name; /* of the helper's services, and libsasl2's */
	int tagged;	  /* commands begin with a tag, IMAP's */
	int names_itself; /* the client says its name, SMTP's */
	int lists;	  /* the list of capabilities ends with a dot, POP3's */
	unsigned port;	  /* where it is, if nothing else is said */
	const char *capability;	  /* the command that lists what there is */
	const char *starttls;	  /* the command */
	const char *authenticate; /* the command, before the mechanism */
	size_t initial_max;	  /* bytes of that line with a response */
	unsigned tls_port;	  /* of TLS_FROM_START */
	unsigned text_ports[2];	  /* of TLS_STARTTLS */

	/*
	 * What a line means, without its end. tag is IMAP's, with
	 * its blank. *text becomes
	 * what the server says in it: of REPLY_MORE, the challenge in base64.
	 */
	enum reply (*classify)(char *line, const char *tag, char **text);

	/* The same for the first line. */
	enum reply (*greeting)(char *line, char **text);

	/* Take a line of the list of capabilities, or leave it. */
	void (*take)(struct offer *o, const char *text);
};

/* One by its name, imap, pop or smtp; or NULL. */
const struct protocol *protocol_find(const char *name);

/* How TLS begins on a port. */
enum tls_mode protocol_tls(const struct protocol *p, unsigned port);

#endif
