/* SPDX-License-Identifier: MIT */
/* login-check.h - whether what a sign-in brought is enough */
#ifndef SASL_BEARER_LOGIN_CHECK_H
#define SASL_BEARER_LOGIN_CHECK_H

#include "common/msg.h"
#include "helper/cli/login.h"

/*
 * Judge the tokens of a sign-in, before anything is written.
 *
 *	tokens	the provider's reply: access_token, refresh_token ...
 *	why	written when it is not enough: one line for people, clean
 *
 * Returns 0 or an exit code, not reported.
 */
int login_check(
    const struct login *l, const struct msg *tokens, char why[CONF_TEXT_MAX]);

#endif
