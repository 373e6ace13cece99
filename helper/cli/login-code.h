/* SPDX-License-Identifier: MIT */
/* login-code.h - sign in with a code that a browser brings back (RFC 6749) */
#ifndef SASL_BEARER_LOGIN_CODE_H
#define SASL_BEARER_LOGIN_CODE_H

#include "helper/cli/authorize.h"
#include "helper/cli/login-endpoints.h"

/* Why there are no tokens, for a page as for a terminal; "" when not known. */
struct login_failure {
	char what[CONF_TEXT_MAX];
	char next[CONF_TEXT_MAX];
};

/*
 * Begin: fill in all of q but its redirect_uri, which is set, and make the
 * address to open.
 *
 *	url	AUTHORIZE_URL_MAX bytes
 *
 * Returns 0 or an exit code, reported.
 */
int login_code_begin(const struct login *l, const struct endpoints *e,
    struct authorize *q, char *url);

/*
 * Report an answer that has no code. What the provider says is shown on the
 * terminal, and is not in *why.
 *
 * Returns an exit code.
 */
int login_code_refused(const struct login *l, enum authorize_result result,
    const struct authorize_answer *answer, struct login_failure *why);

/* A sign-in that has got its code. */
struct login_code {
	const struct login *login;
	const struct endpoints *endpoints;
	const struct authorize *request;
	const char *code;
};

/*
 * Exchange the code for tokens (RFC 6749 section 4.1.3, RFC 7636 section 4.5)
 * and judge them with login_check().
 *
 *	ret	the reply with the tokens; program_free() it
 *	why	filled in after a failure
 *
 * Returns 0 or an exit code, reported.
 */
int login_code_redeem(struct cli *cli, const struct login_code *c,
    struct program **ret, struct login_failure *why);

#endif
