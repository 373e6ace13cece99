/* SPDX-License-Identifier: MIT */
/* meaning - what a provider's error word means, as a table */
#include "config.h"

#include <string.h>

#include "common/util.h"
#include "helper/fetch/meaning.h"

#define ADVICE "check the account's settings and its registration"

/* What a word means in general. */
static const struct {
	const char *word;
	enum status status;
	const char *advice; /* NULL: none */
} table[] = {
    {"invalid_grant", STATUS_LOGIN_REQUIRED, NULL},
    {"interaction_required", STATUS_LOGIN_REQUIRED, NULL},
    {"consent_required", STATUS_LOGIN_REQUIRED, NULL},
    {"login_required", STATUS_LOGIN_REQUIRED, NULL},
    {"expired_token", STATUS_LOGIN_REQUIRED, NULL},
    {"bad_verification_code", STATUS_LOGIN_REQUIRED, NULL},
    {"access_denied", STATUS_DENIED, NULL},
    {"invalid_client", STATUS_CONFIG, "check client_id and client_secret"},
    {"deleted_client", STATUS_CONFIG, "check client_id"},
    {"disabled_client", STATUS_CONFIG, "check client_id"},
    {"unauthorized_client", STATUS_CONFIG,
	"check client_id, and that its registration allows this grant"},
    {"admin_policy_enforced", STATUS_CONFIG,
	"ask the administrator of the domain to allow this client_id"},
    {"invalid_scope", STATUS_CONFIG, "check scope"},
    {"invalid_resource", STATUS_CONFIG, "check scope and resource"},
    {"invalid_target", STATUS_CONFIG, "check resource and audience"},
    {"unsupported_grant_type", STATUS_CONFIG, "check grant and token_endpoint"},
    {"unsupported_token_type", STATUS_CONFIG, "check revocation_endpoint"},
    {"redirect_uri_mismatch", STATUS_CONFIG,
	"add the redirect URI to the registration of the client"},
    {"invalid_request", STATUS_CONFIG,
	"check tenant, client_id, scope and client_secret"},
};

int
meaning_later(long http_status)
{
	return http_status == 408 || http_status == 425 || http_status == 429 ||
	    http_status >= 500;
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

struct meaning
meaning_find(const struct operation *op, long http_status, const char *word)
{
	struct meaning m = {STATUS_TEMPORARY, NULL};
	size_t i = 0;

	if (meaning_later(http_status))
		return m;
	while (i < COUNT_OF(table) && strcmp(word, table[i].word) != 0)
		i++;
	if (i == COUNT_OF(table))
		return m;
	m.status = judge(op, table[i].status);
	m.advice = table[i].advice;
	if (m.status == STATUS_CONFIG && !m.advice)
		m.advice = ADVICE;
	return m;
}
