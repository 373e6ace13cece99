/* SPDX-License-Identifier: MIT */
/* operation - what can be asked of sasl-bearer-fetch, as a table */
#include "config.h"

#include <string.h>

#include "common/util.h"
#include "helper/fetch/operation.h"

#define URN "urn:ietf:params:oauth:grant-type:"
#define SCOPE "scope", "resource", "audience"

/* clang-format off */
static const struct operation table[] = {
	/* redirect_uri: not in RFC 6749 section 6, but Yahoo wants it */
	{OPERATION_TOKEN, 0, "token",
	    "refresh_token", {"grant_type", "refresh_token"},
	    "token_endpoint", {"client_id", "refresh_token"},
	    {SCOPE, "redirect_uri"}},
	{OPERATION_TOKEN, OPERATION_UNATTENDED, "token",
	    "client_credentials", {"grant_type", "client_credentials"},
	    "token_endpoint", {"client_id"}, {SCOPE}},
	{OPERATION_TOKEN, OPERATION_INTERACTIVE, "token",
	    "device_code", {"grant_type", URN "device_code"},
	    "token_endpoint", {"client_id", "device_code"}, {SCOPE}},
	/* RFC 6749 section 4.1.3, RFC 7636 section 4.5 */
	{OPERATION_TOKEN, OPERATION_INTERACTIVE, "token",
	    "authorization_code", {"grant_type", "authorization_code"},
	    "token_endpoint",
	    {"client_id", "code", "redirect_uri", "code_verifier"}, {SCOPE}},
	/* RFC 7523 section 2.1 */
	{OPERATION_TOKEN, OPERATION_UNATTENDED, "token",
	    "jwt_bearer", {"grant_type", URN "jwt-bearer"},
	    "token_endpoint", {"assertion"}, {SCOPE}},
	{OPERATION_TOKEN, OPERATION_UNATTENDED | OPERATION_IDENTITY, "token",
	    "managed_identity", {"api-version", "2018-02-01"},
	    "identity_endpoint", {"identity_endpoint", "identity_resource"},
	    {"identity_object_id", "identity_resource_id"}},
	{OPERATION_DEVICE, OPERATION_INTERACTIVE, "device_authorization",
	    NULL, {NULL}, "device_authorization_endpoint",
	    {"client_id"}, {SCOPE}},
	{OPERATION_REVOKE, 0, "revoke",
	    NULL, {NULL}, "revocation_endpoint",
	    {"token"}, {"token_type_hint"}},
	/* whether there is a way at all: nothing is sent */
	{OPERATION_REACH, 0, "reach",
	    NULL, {NULL}, "token_endpoint", {NULL}, {NULL}},
	{OPERATION_DISCOVER, 0, "discover",
	    NULL, {NULL}, NULL,
	    {"issuer"}, {NULL}},
};
/* clang-format on */

const struct operation *
operation_find(const struct msg *request)
{
	const char *name = msg_get(request, "operation");
	const char *grant = msg_get(request, "grant");
	size_t i;

	for (i = 0; i < COUNT_OF(table); i++)
		if (name && strcmp(name, table[i].name) == 0 &&
		    (!table[i].grant ||
			(grant && strcmp(grant, table[i].grant) == 0)))
			return &table[i];
	return NULL;
}

const char *
operation_lacks(const struct operation *op, const struct msg *request)
{
	size_t i;

	for (i = 0; op->needs[i]; i++)
		if (!msg_get(request, op->needs[i]))
			return op->needs[i];
	return NULL;
}
