/* SPDX-License-Identifier: MIT */
/* authorize-error - our words for the errors that a browser brings back */
#include "config.h"

#include <string.h>
#include <sysexits.h>

#include "common/util.h"
#include "helper/cli/authorize.h"

#define REFUSED "the permission was not given"
#define REGISTRATION "the provider does not accept what was asked for"
#define AGAIN "run the command again"

/* clang-format off */
static const struct authorize_error errors[] = {
	{"access_denied", EX_NOPERM, 1, REFUSED,
	    "run the command again and agree, or ask an administrator whether "
	    "the application may be used"},
	{"consent_required", EX_UNAVAILABLE, 1, REFUSED,
	    "run the command again and agree, or ask an administrator for "
	    "approval"},
	{"interaction_required", EX_UNAVAILABLE, 1,
	    "the provider wants more of you than it could ask for",
	    "run the command again, or ask an administrator what is missing"},
	{"login_required", EX_UNAVAILABLE, 0, "nobody signed in", AGAIN},
	{"account_selection_required", EX_UNAVAILABLE, 0,
	    "no account was chosen", AGAIN},
	{"invalid_scope", EX_CONFIG, 0,
	    "the provider does not know a permission that was asked for",
	    "check scope and services of the account, and the permissions of "
	    "the registered application"},
	{"unauthorized_client", EX_CONFIG, 0,
	    "the registered application may not sign people in this way",
	    "register it as an application for mobile and desktop"},
	{"invalid_client", EX_CONFIG, 0,
	    "the provider does not know the application", "check client_id"},
	{"unsupported_response_type", EX_CONFIG, 0, REGISTRATION,
	    "use --device if the provider has that"},
	{"invalid_request", EX_CONFIG, 0, REGISTRATION,
	    "check client_id, redirect_uri and authorization_query"},
	{"invalid_target", EX_CONFIG, 0, REGISTRATION,
	    "check resource and audience"},
	{"server_error", EX_TEMPFAIL, 0, "the provider is in trouble",
	    "try again later"},
	{"temporarily_unavailable", EX_TEMPFAIL, 0,
	    "the provider is in trouble", "try again later"},
	{NULL, EX_UNAVAILABLE, 0, "the provider ended the sign-in",
	    "see what it says in the terminal, and run the command again"},
};
/* clang-format on */

const struct authorize_error *
authorize_error_find(const char *error)
{
	size_t i = 0;

	while (errors[i].error && strcmp(errors[i].error, error) != 0)
		i++;
	return &errors[i];
}
