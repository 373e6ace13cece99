/* SPDX-License-Identifier: MIT */
/* words - error words of OAuth 2.0, and of Google's, in general */
#include "config.h"

#include "helper/explain/table.h"

#define GOOGLE_APPS                                                     \
	"Google Admin console, Security, Access and data control, API " \
	"controls"

/* clang-format off */
const struct explanation explain_words[] = {
	/* Google says more than the word */
	{"invalid_rapt", EXPLAIN_SERVER,
	    "the session control of Google Cloud wants the person to sign in "
	    "again",
	    GOOGLE_APPS ": exempt the application; or let the person sign in"},
	{"Invalid email or User ID", EXPLAIN_YOU,
	    "the domain has no such mailbox, or this is an alias",
	    "name the mailbox's primary address"},
	{"Invalid JWT", EXPLAIN_YOU,
	    "the assertion of the service account is not valid, mostly because "
	    "of the time",
	    "set this machine's clock, and check client_key"},
	{"expired or revoked", EXPLAIN_SIGN_IN,
	    "password changed, access removed, six months without use; after a "
	    "week: the application is in Testing",
	    "in the latter case: Google Auth Platform, Audience, Publish app"},
	{"has not completed the Google verification", EXPLAIN_YOU,
	    "the application is in Testing, and the person is no test user",
	    "Google Auth Platform, Audience: add the person to Test users, or "
	    "Publish app"},
	{"redirect_uri_mismatch", EXPLAIN_YOU,
	    "the redirect URI is not registered for the client",
	    "add the redirect URI to the registration of the client; at Google "
	    "make a client of the type Desktop app"},
	{"org_internal", EXPLAIN_YOU,
	    "the application is for one organisation, which the person is not "
	    "of", "Google Auth Platform, Audience: External"},
	{"admin_policy_enforced", EXPLAIN_SERVER,
	    "the domain does not allow this application",
	    GOOGLE_APPS ", Manage app access: allow this client_id"},
	{"disallowed_useragent", EXPLAIN_SIGN_IN,
	    "the provider wants a real browser", NULL},
	{"deleted_client|disabled_client", EXPLAIN_YOU,
	    "the application was deleted or disabled at the provider",
	    "check client_id"},

	/* RFC 6749 section 5.2, RFC 8628 section 3.5, OpenID Connect Core */
	{"authorization_pending|slow_down", EXPLAIN_NOBODY,
	    "the code of the sign-in has not been entered yet",
	    "enter it on the page that \"sasl-bearer login\" names"},
	{"expired_token", EXPLAIN_SIGN_IN,
	    "the code of the sign-in was not entered in time", NULL},
	{"bad_verification_code", EXPLAIN_SIGN_IN,
	    "the code of the sign-in is not known, or not any more", NULL},
	{"access_denied|authorization_declined|permission_denied",
	    EXPLAIN_SIGN_IN, "the permission was not given",
	    "agree on the page, or ask an administrator whether the "
	    "application may be used"},
	{"consent_required", EXPLAIN_SIGN_IN,
	    "nobody has consented to this application with these permissions",
	    "agree in the browser; where it wants an administrator, send them "
	    "the address that \"sasl-bearer login\" prints"},
	{"interaction_required|login_required|account_selection_required",
	    EXPLAIN_SIGN_IN, "the provider wants to ask the person something",
	    NULL},
	{"invalid_grant", EXPLAIN_SIGN_IN,
	    "the sign-in has ended: password changed, access revoked, or too "
	    "long without use", NULL},
	{"unauthorized_client", EXPLAIN_YOU,
	    "the application may not use this grant",
	    "check client_id, and that its registration allows this grant"},
	{"invalid_client", EXPLAIN_YOU,
	    "the provider does not know the application, or does not accept "
	    "its secret", "check client_id and client_secret"},
	{"invalid_scope", EXPLAIN_YOU,
	    "the provider does not know a permission that was asked for",
	    "check scope"},
	{"invalid_resource", EXPLAIN_YOU,
	    "the provider does not know the service that the token is for",
	    "check scope and resource"},
	{"invalid_target", EXPLAIN_YOU,
	    "the provider gives no token for this service",
	    "check resource and audience"},
	{"unsupported_grant_type", EXPLAIN_YOU,
	    "the provider does not support this grant",
	    "check grant and token_endpoint"},
	{"unsupported_response_type", EXPLAIN_YOU,
	    "the provider does not give such an answer",
	    "check token_endpoint"},
	{"unsupported_token_type", EXPLAIN_YOU,
	    "the provider does not revoke such tokens",
	    "check revocation_endpoint"},
	{"invalid_request", EXPLAIN_YOU,
	    "the request lacks something, or something in it is not right",
	    "check tenant, client_id, scope and client_secret"},
	{"temporarily_unavailable|server_error", EXPLAIN_NOBODY,
	    "the provider is in trouble for the moment", NULL},
	{0},
};
/* clang-format on */
