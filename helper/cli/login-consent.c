/* SPDX-License-Identifier: MIT */
/* login-consent - the address where an administrator approves */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/login-consent.h"
#include "helper/cli/query.h"
#include "helper/cli/redirect.h"

#define SCOPE_MAX 2048

/* Scopes about the person who signs in: nothing to approve for all. */
static int
is_personal(const char *word, size_t len)
{
	static const char *const words[] = {
	    "openid", "profile", "email", "offline_access"};
	size_t i;

	for (i = 0; i < COUNT_OF(words); i++)
		if (strlen(words[i]) == len && memcmp(words[i], word, len) == 0)
			return 1;
	return 0;
}

/* Copy the other scopes; returns 0 or -ERR_TOOBIG. */
static int
copy_scope(const char *scope, char buf[SCOPE_MAX])
{
	size_t n, len = 0;

	buf[0] = '\0';
	for (; scope && *scope; scope += n + strspn(scope + n, " ")) {
		n = strcspn(scope, " ");
		if (n == 0 || is_personal(scope, n))
			continue;
		if (len + n + 2 > SCOPE_MAX)
			return -ERR_TOOBIG;
		if (len > 0)
			buf[len++] = ' ';
		memcpy(buf + len, scope, n);
		len += n;
		buf[len] = '\0';
	}
	return 0;
}

/* Copy the endpoint, with "organizations" for the tenant "common". */
static int
copy_endpoint(const struct account_conf *a, char *buf, size_t size)
{
	static const char common[] = "/common/";
	const char *url = a->admin_consent_endpoint;
	const char *at = a->tenant && strcmp(a->tenant, "common") == 0
	    ? strstr(url, common)
	    : NULL;
	int n;

	if (at)
		n = snprintf(buf, size, "%.*s/organizations/%s",
		    (int)(at - url), url, at + strlen(common));
	else
		n = snprintf(buf, size, "%s", url);
	return n < 0 || (size_t)n >= size ? -ERR_TOOBIG : 0;
}

int
login_consent_url(const struct account_conf *a, const char *redirect_uri,
    char *buf, size_t size)
{
	char scope[SCOPE_MAX];
	int r;

	if (!a->admin_consent_endpoint)
		return -ENOENT;
	if (!redirect_uri)
		redirect_uri =
		    a->redirect_uri ? a->redirect_uri : REDIRECT_DEFAULT;
	r = copy_scope(a->scope, scope);
	if (r == 0)
		r = copy_endpoint(a, buf, size);
	if (r == 0)
		r = query_add(buf, size, "client_id", a->client_id);
	if (r == 0)
		r = query_add(buf, size, "redirect_uri", redirect_uri);
	return r == 0 ? query_add(buf, size, "scope", scope) : r;
}

void
login_consent_print(const struct account_conf *a)
{
	char url[CONSENT_URL_MAX];

	if (login_consent_url(a, NULL, url, sizeof(url)) < 0)
		return;
	fflush(stdout);
	fprintf(stderr,
	    "\nIf the page asked for the approval of an administrator, send "
	    "them this address:\n\n    %s\n\n"
	    "After the approval it ends on a page that cannot be reached; "
	    "that is as it\nshould be. Then sign in again.\n",
	    url);
}
