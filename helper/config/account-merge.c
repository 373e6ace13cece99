/* SPDX-License-Identifier: MIT */
/* account-merge - what an account takes over from its provider */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "helper/config/account.h"
#include "helper/config/hostport.h"

#define TENANT_MAX 128
#define TENANT_MARK "{tenant}"

/* Members that are strings, the same in both. */
static const struct {
	size_t account;
	size_t provider;
} inherited[] = {
#define BOTH(m)                                                                \
	{                                                                      \
		offsetof(struct account_conf, m), offsetof(struct provider, m) \
	}
    BOTH(tenant),
    BOTH(issuer),
    BOTH(token_endpoint),
    BOTH(device_authorization_endpoint),
    BOTH(authorization_endpoint),
    BOTH(revocation_endpoint),
    BOTH(authorization_issuer),
    BOTH(authorization_query),
    BOTH(redirect_uri),
    BOTH(admin_consent_endpoint),
    BOTH(identity_endpoint),
    BOTH(identity_resource),
    BOTH(imap_server),
    BOTH(pop_server),
    BOTH(smtp_server),
#undef BOTH
};

/* What an account that names hosts of its own does not want. */
static void
drop_servers(const struct account_conf *a, struct provider *p)
{
	char **servers[] = {&p->imap_server, &p->pop_server, &p->smtp_server};
	size_t i;

	for (i = 0; a->hosts && i < COUNT_OF(servers); i++) {
		if (!*servers[i] || hostport_listed(*servers[i], a->hosts))
			continue;
		free(*servers[i]);
		*servers[i] = NULL;
	}
}

static void
inherit(struct account_conf *a, struct provider *p)
{
	char **to, **from;
	size_t i;

	for (i = 0; i < COUNT_OF(inherited); i++) {
		to = (void *)((char *)a + inherited[i].account);
		from = (void *)((char *)p + inherited[i].provider);
		if (*to)
			continue;
		*to = *from;
		*from = NULL;
	}
	if (!a->hosts) {
		a->hosts = p->hosts;
		p->hosts = NULL;
	}
	if (a->min_validity_s == 0)
		a->min_validity_s = p->min_validity_s;
	if (a->min_validity_s == 0)
		a->min_validity_s = 300;
	if (a->refresh_token_lifetime_s == 0)
		a->refresh_token_lifetime_s = p->refresh_token_lifetime_s;
}

static int
tenant_valid(const char *tenant)
{
	size_t len = strspn(tenant,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789.-");

	return len > 0 && len <= TENANT_MAX && !tenant[len];
}

/* Whether a tenant stands for many: an app has no roles there. */
static int
is_shared_tenant(const char *tenant)
{
	return util_case_equal(tenant, "common") ||
	    util_case_equal(tenant, "consumers") ||
	    util_case_equal(tenant, "organizations");
}

/* Check that a tenant which is needed can be put into a URL. */
static int
check_tenant(const struct account_conf *a, const struct source *src)
{
	const char *wrong = NULL;

	if (!a->tenant)
		wrong = "the provider needs tenant; set it to the "
			"directory's ID or domain";
	else if (!tenant_valid(a->tenant))
		wrong = "tenant is not 1 to 128 of A-Z a-z 0-9 . -";
	else if (a->grant == GRANT_CLIENT_CREDENTIALS &&
	    is_shared_tenant(a->tenant))
		wrong = "grant client_credentials needs tenant set to the "
			"directory's ID or domain";
	if (!wrong)
		return 0;
	conf_error(src->e, src->path, source_line(src, "tenant"), "%s", wrong);
	return -EINVAL;
}

/* Put the tenant in the place of its mark. Takes and returns heap memory. */
static int
substitute(char **url, const char *tenant)
{
	char *mark, *new;
	size_t head, size;

	while ((mark = strstr(*url, TENANT_MARK))) {
		size = strlen(*url) + strlen(tenant) + 1;
		new = malloc(size);
		if (!new)
			return -ENOMEM;
		head = (size_t)(mark - *url);
		snprintf(new, size, "%.*s%s%s", (int)head, *url, tenant,
		    mark + strlen(TENANT_MARK));
		free(*url);
		*url = new;
	}
	return 0;
}

static int
substitute_all(struct account_conf *a, const struct source *src)
{
	char **urls[] = {&a->issuer, &a->token_endpoint,
	    &a->device_authorization_endpoint, &a->authorization_endpoint,
	    &a->revocation_endpoint, &a->admin_consent_endpoint};
	size_t i;
	int checked = 0, r = 0;

	for (i = 0; r == 0 && i < COUNT_OF(urls); i++) {
		if (!*urls[i] || !strstr(*urls[i], TENANT_MARK))
			continue;
		if (!checked)
			r = check_tenant(a, src);
		checked = 1;
		if (r == 0)
			r = substitute(urls[i], a->tenant);
	}
	return r;
}

int
account_scope_has(const char *scope, const char *word, size_t len)
{
	size_t n;

	for (; *scope; scope += n + strspn(scope + n, " ")) {
		n = strcspn(scope, " ");
		if (n == len && memcmp(scope, word, len) == 0)
			return 1;
	}
	return 0;
}

/* Append the words of a text that the scope, which has room, has not. */
static void
add_words(char *scope, const char *words)
{
	size_t n, len;

	for (; words && *words; words += n + strspn(words + n, " ")) {
		n = strcspn(words, " ");
		if (n == 0 || account_scope_has(scope, words, n))
			continue;
		len = strlen(scope);
		if (len > 0)
			scope[len++] = ' ';
		memcpy(scope + len, words, n);
		scope[len + n] = '\0';
	}
}

/* The scope of the services in use: a provider may refuse consent to more. */
static int
merge_scope(struct account_conf *a, struct provider *p)
{
	const char *parts[] = {
	    p->scope, p->scope_imap, p->scope_pop, p->scope_smtp};
	size_t i, size = 1;

	if (a->scope || a->grant >= GRANT_MANAGED_IDENTITY)
		return 0;
	if (a->grant == GRANT_CLIENT_CREDENTIALS) {
		a->scope = p->scope_client_credentials;
		p->scope_client_credentials = NULL;
		return 0;
	}
	if (a->grant == GRANT_JWT_BEARER && p->scope_jwt_bearer) {
		a->scope = p->scope_jwt_bearer;
		p->scope_jwt_bearer = NULL;
		return 0;
	}
	for (i = 0; i < COUNT_OF(parts); i++)
		size += parts[i] ? strlen(parts[i]) + 1 : 0;
	a->scope = calloc(1, size);
	if (!a->scope)
		return -ENOMEM;
	add_words(a->scope, p->scope);
	for (i = 0; service_names[i]; i++)
		if (a->services == 0 || (a->services & 1U << i))
			add_words(a->scope, parts[i + 1]);
	if (!*a->scope) {
		free(a->scope);
		a->scope = NULL;
	}
	return 0;
}

int
account_merge(
    struct account_conf *a, struct provider *p, const struct source *src)
{
	int r;

	drop_servers(a, p);
	inherit(a, p);
	if (source_line(src, "client_auth") == 0)
		a->client_auth = p->client_auth;
	r = substitute_all(a, src);
	return r == 0 ? merge_scope(a, p) : r;
}
