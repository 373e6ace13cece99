/* SPDX-License-Identifier: MIT */
/* login-check - whether what a sign-in brought is enough */
#include "config.h"

#include <stdio.h>

#include "helper/cli/login-check.h"

int
login_check(
    const struct login *l, const struct msg *tokens, char why[CONF_TEXT_MAX])
{
	if (!msg_get(tokens, "access_token")) {
		snprintf(why, CONF_TEXT_MAX,
		    "the sign-in did not succeed: the provider sent no token");
		return EX_PROTOCOL;
	}
	if (!msg_get(tokens, "refresh_token")) {
		snprintf(why, CONF_TEXT_MAX,
		    "the provider sent no refresh token, so the account would "
		    "die within the hour; the scope asked for was \"%.300s\": "
		    "it may lack offline_access",
		    l->account->scope ? l->account->scope : "");
		return EX_CONFIG;
	}
	return 0;
}
