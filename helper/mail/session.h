/* SPDX-License-Identifier: MIT */
/* session - a mail server, from the connection to the end of the login */
#ifndef SASL_BEARER_SESSION_H
#define SASL_BEARER_SESSION_H

#include "common/util.h"
#include "helper/mail/protocol.h"
#include "helper/mail/stream.h"

#define SESSION_MS 60000 /* for all until the login has ended */
#define SESSION_WORDS_SIZE 1024
#define SESSION_ERROR_SIZE (SESSION_WORDS_SIZE + 512)

/*
 * A session, and what it has come to. Functions return 0, or an exit code of
 * <sysexits.h> with a line for people in error.
 */
struct session {
	/* the caller's, first of all; they stay the caller's */
	const struct protocol *protocol;
	const char *host;
	unsigned port;
	const char *ca_file; /* or NULL: the system's */
	const char *user;    /* whose account it is */
	/* is told what happens, in words without secrets; or NULL */
	void (*trace)(void *context, const char *what, const char *text);
	void *context;

	struct offer offer;		   /* of the last list */
	char greeting[SESSION_WORDS_SIZE]; /* the server's first words */
	char words[SESSION_WORDS_SIZE];	   /* its last ones */
	int refused;			   /* it did not let us in: see words */
	char mechanism[32];		   /* that was chosen */
	char error[SESSION_ERROR_SIZE];	   /* "" when all is well */
	char tag[8];			   /* with a blank behind it */
	unsigned commands;
	struct stream stream;
};

/*
 * Connect, begin TLS, by STARTTLS where the port wants that, and ask what there
 * is. Nothing goes on in clear. session_close() it, also after a failure.
 */
int session_open(struct session *s);

/*
 * Log in through libsasl2, by OAUTHBEARER or XOAUTH2, RFC 4422. The user's
 * helper is asked by the plugin; SASL_BEARER_SOCKET says which.
 *
 * Returns 0; EX_NOPERM, the server refuses, or the helper does; EX_UNAVAILABLE,
 * a person must sign in; EX_TEMPFAIL; EX_CONFIG; EX_PROTOCOL.
 */
int session_login(struct session *s);

/* Ask what there is, anew: after a login that differs. */
int session_offers(struct session *s);

/* Begin a command that is not sent as a whole: its tag and a blank, or "". */
const char *session_tag(struct session *s);

/*
 * Send a command: its line, without tag and end.
 *
 * Returns 0 or an exit code.
 */
int session_command(struct session *s, const char *line);

/* Send a line that is no command. Returns 0 or an exit code. */
int session_send(struct session *s, const char *line, size_t len);

/*
 * Take a line, as stream_line() does.
 *
 *	what	what it answers, for errors
 *
 * Returns 0 or an exit code.
 */
int session_line(struct session *s, const char *what, char **ret);

/*
 * Take lines up to one that is not REPLY_INFO; these go to protocol->take().
 *
 *	what	the command, for errors
 *	text	see protocol.h
 *
 * Returns 0 or an exit code.
 */
int session_reply(
    struct session *s, const char *what, enum reply *ret, char **text);

/* Describe a failure, without control bytes; returns code. */
__attribute__((format(printf, 3, 4))) int
session_fail(struct session *s, int code, const char *fmt, ...);

/* Say something to trace(). */
__attribute__((format(printf, 3, 4))) void
session_trace(struct session *s, const char *what, const char *fmt, ...);

void session_close(struct session *s);

#endif
