/* SPDX-License-Identifier: MIT */
/* login-browser.h - sign in with the browser of this machine (RFC 8252) */
#ifndef SASL_BEARER_LOGIN_BROWSER_H
#define SASL_BEARER_LOGIN_BROWSER_H

#include "helper/cli/login-code.h"
#include "helper/cli/loopback.h"
#include "helper/cli/open-browser.h"

/* A browser that is away, or back and waiting for its page. */
struct login_browser {
	struct authorize request;
	struct authorize_answer answer;
	enum authorize_result result;
	struct browser opener;
	struct loopback *loopback;
	struct login_failure why;
	int back;
	char url[AUTHORIZE_URL_MAX];
};

/*
 * Send a browser to the provider, wait for it to come back, get the tokens.
 *
 *	b	zeroed, 30 KiB; login_browser_end() it in any case
 *	ret	the reply with the tokens; program_free() it
 *
 * Returns 0 or an exit code, reported.
 */
int login_browser(struct cli *cli, const struct login *l,
    const struct endpoints *e, struct login_browser *b, struct program **ret);

/*
 * Show the browser that waits how it all ended, the storing of the tokens
 * included, and free what b holds.
 *
 *	code	0, or the exit code of the command
 */
void login_browser_end(
    struct cli *cli, const struct login *l, struct login_browser *b, int code);

/*
 * Sign in with a browser anywhere, of which the address it ends at is pasted.
 *
 * Returns 0 or an exit code, reported.
 */
int login_paste(struct cli *cli, const struct login *l,
    const struct endpoints *e, struct program **ret);

#endif
