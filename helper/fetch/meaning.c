/* SPDX-License-Identifier: MIT */
/* meaning - what a provider's error means, as a table */
#include "config.h"

#include <string.h>

#include "common/util.h"
#include "helper/explain/explain.h"
#include "helper/fetch/meaning.h"

#define ANY NULL
#define IDENTITY "managed_identity"
#define ASSERTION "client_assertion"
#define AGAIN "run the command again"
#define DELEGATE                                                      \
	"allow the numeric client ID of the service account with "    \
	"this scope in the Admin console of Google Workspace, under " \
	"domain-wide delegation"

/* The first row that fits counts. */
struct row {
	const char *word;
	const char *grant; /* of the request */
	const char *has;   /* an attribute that the request has */
	enum status status;
	const char *advice; /* NULL: see general_advice() */
};

#define DEFAULT_ADVICE "check the account's settings and its registration"

/* clang-format off */
static const struct row table[] = {
	/* "not now" */
	{"authorization_pending", ANY, ANY, STATUS_TEMPORARY, NULL},
	{"slow_down", ANY, ANY, STATUS_TEMPORARY, NULL},
	{"server_error", ANY, ANY, STATUS_TEMPORARY, NULL},
	{"temporarily_unavailable", ANY, ANY, STATUS_TEMPORARY, NULL},

	/* the machine's own service, whose words are few and vague */
	{"invalid_resource", IDENTITY, ANY, STATUS_CONFIG,
	    "check identity_resource"},
	{"invalid_scope", IDENTITY, ANY, STATUS_CONFIG,
	    "check identity_resource"},
	{ANY, IDENTITY, ANY, STATUS_CONFIG,
	    "assign an identity to the virtual machine; if it has several, "
	    "name one by client_id, identity_object_id or "
	    "identity_resource_id"},

	/* a person signs in */
	{"invalid_grant", "authorization_code", ANY, STATUS_LOGIN_REQUIRED,
	    "the code was used already or is too old: " AGAIN},
	{"expired_token", "device_code", ANY, STATUS_LOGIN_REQUIRED,
	    "the code was not entered in time: " AGAIN},
	{"bad_verification_code", ANY, ANY, STATUS_LOGIN_REQUIRED, AGAIN},

	/* an assertion about a mailbox: Google's service accounts */
	{"invalid_grant", "jwt_bearer", ANY, STATUS_CONFIG,
	    "check the clock of this machine, that the mailbox exists, and "
	    "that client_key has not been deleted"},
	{"unauthorized_client", "jwt_bearer", ANY, STATUS_CONFIG, DELEGATE},
	{"access_denied", "jwt_bearer", ANY, STATUS_CONFIG, DELEGATE},
	{"invalid_client", "jwt_bearer", ANY, STATUS_CONFIG,
	    "check that the service account exists, and that client_key "
	    "belongs to it"},
	{"invalid_request", "jwt_bearer", ANY, STATUS_CONFIG,
	    "check client_key, token_endpoint and scope"},

	/* a client that proves itself by an assertion */
	{"invalid_client", ANY, ASSERTION, STATUS_CONFIG,
	    "check client_id, that the provider knows this certificate, key "
	    "or federated credential for it, and the clock of this machine"},
	{"invalid_request", ANY, ASSERTION, STATUS_CONFIG,
	    "check tenant, client_id and scope, and what the provider "
	    "expects of the assertion"},

	/* in general: the advice is the shared table's */
	{"invalid_grant", ANY, ANY, STATUS_LOGIN_REQUIRED, NULL},
	{"interaction_required", ANY, ANY, STATUS_LOGIN_REQUIRED, NULL},
	{"consent_required", ANY, ANY, STATUS_LOGIN_REQUIRED, NULL},
	{"login_required", ANY, ANY, STATUS_LOGIN_REQUIRED, NULL},
	{"account_selection_required", ANY, ANY, STATUS_LOGIN_REQUIRED, NULL},
	{"expired_token", ANY, ANY, STATUS_LOGIN_REQUIRED, NULL},
	{"access_denied", ANY, ANY, STATUS_DENIED, NULL},
	{"invalid_client", ANY, ANY, STATUS_CONFIG, NULL},
	{"deleted_client", ANY, ANY, STATUS_CONFIG, NULL},
	{"disabled_client", ANY, ANY, STATUS_CONFIG, NULL},
	{"unauthorized_client", ANY, ANY, STATUS_CONFIG, NULL},
	{"admin_policy_enforced", ANY, ANY, STATUS_CONFIG,
	    "ask the administrator of the domain to allow this client_id"},
	{"invalid_scope", ANY, ANY, STATUS_CONFIG, NULL},
	{"invalid_resource", ANY, ANY, STATUS_CONFIG, NULL},
	{"invalid_target", ANY, ANY, STATUS_CONFIG, NULL},
	{"unsupported_grant_type", ANY, ANY, STATUS_CONFIG, NULL},
	{"unsupported_response_type", ANY, ANY, STATUS_CONFIG, NULL},
	{"unsupported_token_type", ANY, ANY, STATUS_CONFIG, NULL},
	{"redirect_uri_mismatch", ANY, ANY, STATUS_CONFIG, NULL},
	{"invalid_request", ANY, ANY, STATUS_CONFIG, NULL},
};
/* clang-format on */

int
meaning_later(long http_status)
{
	return http_status == 408 || http_status == 425 || http_status == 429 ||
	    http_status >= 500;
}

/*
 * Azure's service answers with 404 and 410 while it is updated. Other clouds
 * have one at the same address, which knows nothing of this.
 */
static const char *
advise_missing(const struct operation *op, long http_status)
{
	if (!(op->flags & OPERATION_IDENTITY))
		return NULL;
	if (http_status == 404)
		return "the metadata service is being updated, or this is no "
		       "virtual machine of Azure";
	if (http_status == 410)
		return "the metadata service is being updated, which takes up "
		       "to 70 s";
	return NULL;
}

static int
fits(const struct row *row, const struct operation *op,
    const struct msg *request, const char *word)
{
	return (!row->word || strcmp(row->word, word) == 0) &&
	    (!row->grant ||
		(op->grant && strcmp(row->grant, op->grant) == 0)) &&
	    (!row->has || msg_get(request, row->has));
}

/* What the words stand for depends on who could do something about it. */
static enum status
judge(const struct operation *op, enum status s)
{
	if (s == STATUS_LOGIN_REQUIRED && (op->flags & OPERATION_UNATTENDED))
		return STATUS_CONFIG;
	if (s == STATUS_DENIED && !(op->flags & OPERATION_INTERACTIVE))
		return STATUS_CONFIG;
	return s;
}

/* What is to be done about a word where nothing is special. */
static const char *
general_advice(const char *word)
{
	const struct explanation *e = explain_word(word);

	return e && e->who != EXPLAIN_SIGN_IN && e->remedy ? e->remedy
							   : DEFAULT_ADVICE;
}

struct meaning
meaning_find(const struct operation *op, const struct msg *request,
    long http_status, const char *word)
{
	struct meaning m = {STATUS_TEMPORARY, NULL};
	size_t i = 0;

	if (meaning_later(http_status))
		return m;
	m.advice = advise_missing(op, http_status);
	if (m.advice || !word)
		return m;
	while (i < COUNT_OF(table) && !fits(&table[i], op, request, word))
		i++;
	if (i == COUNT_OF(table))
		return m;
	m.status = judge(op, table[i].status);
	m.advice = table[i].advice;
	if (m.status == STATUS_CONFIG && !m.advice)
		m.advice = general_advice(word);
	return m;
}
