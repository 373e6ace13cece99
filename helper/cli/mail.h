/* SPDX-License-Identifier: MIT */
/* mail.h - a mail server and an account for it, for probe and tunnel */
#ifndef SASL_BEARER_CLI_MAIL_H
#define SASL_BEARER_CLI_MAIL_H

#include "helper/cli/server.h"
#include "helper/mail/session.h"

/* What the command line says about it. */
struct mail_words {
	const char *user;
	const char *service; /* imap, pop or smtp */
	const char *server;  /* HOST[:PORT], or NULL: the account's */
	const char *ca_file; /* or NULL */
};

struct mail {
	struct resolved account;
	struct server server;
	struct session session; /* ready for session_open() */
};

/*
 * Find account and server, and tell the plugin in this process which helper it
 * is to ask: the one that was asked here.
 *
 *	ret	written only on success; mail_free() it
 *
 * Returns 0 or an exit code, reported.
 */
int
mail_new(struct cli *cli, const struct mail_words *words, struct mail **ret);

/*
 * Prepare a session, once account and server are known.
 *
 *	m	all bytes 0 before
 *	ca_file	NULL: the system's CA store
 */
void mail_set(struct mail *m, const struct protocol *p, const char *ca_file);

/* Report operands that are not as many as they should be. Returns EX_USAGE. */
int mail_usage(const struct cli *cli, int operands);

/*
 * Connect and log in.
 *
 * Returns 0 or an exit code, not reported: see session.error.
 */
int mail_login(struct mail *m);

/*
 * After a login, open the mailbox without changing it, and leave: a login may be
 * good for nothing, since Exchange lets people in who have no mailbox. SMTP has
 * no such question that harms nobody.
 *
 * Returns 0; EX_NOPERM, the server refuses that: see session.words; or another
 * exit code, not reported.
 */
int mail_use(struct mail *m);

/* Close and wipe. NULL is fine. */
void mail_free(struct mail *m);

#endif
