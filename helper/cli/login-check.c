/* SPDX-License-Identifier: MIT */
/* login-check - whether what a sign-in brought is enough */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "helper/cli/granted.h"
#include "helper/cli/identity.h"
#include "helper/cli/login-check.h"

#define NAME_SIZE 191 /* of a name that is shown */

/* Whether there is all that an account needs to live on. */
static int
check_tokens(
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

/* A person may have unticked a box, an administrator may allow only a part. */
static int
check_scope(
    const struct login *l, const struct msg *tokens, char why[CONF_TEXT_MAX])
{
	const char *asked = l->account->scope;
	const char *granted = msg_get(tokens, "scope");
	char missing[GRANTED_TEXT_MAX];

	switch (granted_compare(asked, granted, missing)) {
	case GRANTED_LESS:
		snprintf(why, CONF_TEXT_MAX,
		    "the provider did not grant \"%s\": sign in again and tick "
		    "its box on the consent page, ask the administrator to "
		    "allow it, or leave the service out with --services",
		    missing);
		return EX_NOPERM;
	case GRANTED_UNKNOWN:
		cli_error(0,
		    "the provider granted \"%.300s\" and was asked for "
		    "\"%.300s\"; these may be names for the same, but if mail "
		    "servers refuse the token, check scope",
		    granted, asked);
		return 0;
	case GRANTED_ALL:
		break;
	}
	return 0;
}

/* A browser may be signed in as somebody else, and choose for the person. */
static int
check_names(
    const struct login *l, const struct identity *id, char why[CONF_TEXT_MAX])
{
	const char *want = l->as ? l->as : l->account->user;
	char who[NAME_SIZE];

	if (id->count == 0 || identity_has(id, want))
		return 0;
	util_sanitise(who, sizeof(who), id->names[0], strlen(id->names[0]));
	snprintf(why, CONF_TEXT_MAX,
	    "signed in as \"%s\", but this account is for \"%.190s\": sign in "
	    "again as that user, or, if %s is the name to sign in with, add "
	    "--as %s",
	    who, want, who, who);
	return EX_NOPERM;
}

static int
check_identity(
    const struct login *l, const struct msg *tokens, char why[CONF_TEXT_MAX])
{
	const char *id_token = msg_get(tokens, "id_token");
	struct identity id = {0};
	int r;

	if (!id_token)
		return 0;
	r = identity_parse(id_token, l->account->client_id, &id);
	if (r == 0)
		return check_names(l, &id, why);
	if (r != -EACCES) {
		cli_error(0,
		    "cannot read the provider's id_token, so whether \"%s\" "
		    "has signed in is not known",
		    l->as ? l->as : l->account->user);
		return 0;
	}
	snprintf(why, CONF_TEXT_MAX,
	    "the sign-in did not succeed: the provider's id_token is for "
	    "another application than client_id \"%.200s\"",
	    l->account->client_id);
	return EX_PROTOCOL;
}

int
login_check(
    const struct login *l, const struct msg *tokens, char why[CONF_TEXT_MAX])
{
	int r = check_tokens(l, tokens, why);

	if (r == 0)
		r = check_identity(l, tokens, why);
	if (r == 0)
		r = check_scope(l, tokens, why);
	return r;
}
