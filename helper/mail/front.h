/* SPDX-License-Identifier: MIT */
/* front.h - be the mail server that wants no password */
#ifndef SASL_BEARER_FRONT_H
#define SASL_BEARER_FRONT_H

#include "helper/mail/session.h"

/* What comes next. */
enum front {
	FRONT_READY, /* pump() */
	FRONT_OVER,  /* the program has gone, or was told why not */
};

/*
 * Greet a local program and let it log in, with whatever it says: IMAP begins
 * as PREAUTH, RFC 3501 section 7.1.4; POP3 takes any USER and PASS, APOP or
 * AUTH, SMTP any AUTH, or none.
 *
 *	s	after session_login()
 *	local	see stream_adopt()
 *	code	what session_login() returned. If not 0 the program gets what
 *		the server said, or else the error
 *
 * A failure that is not the server's is a temporary one for SMTP: mail must not
 * bounce because the helper is in trouble.
 */
enum front front_run(struct session *s, struct stream *local, int code);

/*
 * Greet a local program by telling it that it is not served.
 *
 *	fd	what the program reads from
 *	code	an exit code; EX_NOPERM is for ever, all others may pass
 *	why	a line
 */
void front_refuse(const struct protocol *p, int fd, int code, const char *why);

#endif
