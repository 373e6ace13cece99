/* SPDX-License-Identifier: MIT */
/* import-source - which provider the tokens of a file are of */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "helper/cli/import.h"

#define TENANT_MARK "{tenant}"
#define GOOGLE "https://oauth2.googleapis.com/token"
#define NAMES_MAX 512

/* sasl-xoauth2's default, and other names of what is one endpoint. */
static const char *const google[] = {
    "https://accounts.google.com/o/oauth2/token",
    "https://www.googleapis.com/oauth2/v3/token",
    "https://www.googleapis.com/oauth2/v4/token",
};

static const char *
canonical(const char *url)
{
	size_t i;

	for (i = 0; i < COUNT_OF(google); i++)
		if (!url || strcmp(url, google[i]) == 0)
			return GOOGLE;
	return url;
}

/* Whether a URL is a provider's endpoint; tells the tenant in it. */
static int
matches(const struct provider *p, const char *url, char *tenant)
{
	const char *pattern = p->token_endpoint, *mark, *rest;
	size_t head, tail, len;

	mark = pattern ? strstr(pattern, TENANT_MARK) : NULL;
	*tenant = '\0';
	if (!mark)
		return pattern && strcmp(pattern, url) == 0;
	head = (size_t)(mark - pattern);
	rest = mark + strlen(TENANT_MARK);
	tail = strlen(rest);
	len = strlen(url);
	if (len <= head + tail || strncmp(url, pattern, head) != 0 ||
	    strcmp(url + len - tail, rest) != 0)
		return 0;
	len -= head + tail;
	if (len > IMPORT_TENANT || memchr(url + head, '/', len))
		return 0;
	memcpy(tenant, url + head, len);
	tenant[len] = '\0';
	return 1;
}

/*
 * Whether an account could get tokens there: some providers are for applications
 * alone, and these must know what to ask for.
 */
static int
serves(const struct provider *p, const struct import_file *f)
{
	if (f->client_credentials)
		return f->scope || p->scope_client_credentials;
	return p->scope || p->scope_smtp;
}

/* What is found on the way through all providers. */
struct search {
	const struct import *im;
	const struct import_file *file;
	const char *url;
	struct import_source *ret;
	size_t count;
	char names[NAMES_MAX]; /* of those that fit */
};

/*
 * Look at one provider, of which the names are sorted. Of "microsoft" and
 * "microsoft-personal" the first is the one that is for all who have that
 * endpoint.
 */
static void
look_at(struct search *s, const char *name)
{
	struct conf_errors quiet = {0};
	struct provider p = {0};
	char tenant[IMPORT_TENANT + 1];
	size_t len = strlen(s->names), n = strlen(s->ret->provider);

	if (provider_load(&s->im->cli->settings, name, &p, &quiet) < 0 ||
	    !serves(&p, s->file) || !matches(&p, s->url, tenant) ||
	    (s->count > 0 && strncmp(name, s->ret->provider, n) == 0)) {
		conf_clear(provider_keys, &p);
		return;
	}
	snprintf(s->names + len, sizeof(s->names) - len, "%s%s",
	    len ? ", " : "", name);
	if (s->count++ == 0) {
		snprintf(
		    s->ret->provider, sizeof(s->ret->provider), "%s", name);
		memcpy(s->ret->tenant, tenant, sizeof(tenant));
		s->ret->conf = p;
	} else
		conf_clear(provider_keys, &p);
}

/* Find the provider with an endpoint. */
static int
find_by_endpoint(struct search *s)
{
	struct conf_errors e = {.report = cli_report};
	char **names;
	size_t i;

	if (provider_names(&s->im->cli->settings, &names, &e) < 0)
		return EX_CONFIG;
	for (i = 0; names[i]; i++)
		look_at(s, names[i]);
	list_free(names);
	return 0;
}

static int
by_endpoint(const struct import *im, const struct import_item *it,
    struct import_source *ret)
{
	struct search s = {.im = im,
	    .ret = ret,
	    .file = &it->file,
	    .url = canonical(it->file.token_endpoint)};
	int r = find_by_endpoint(&s);

	ret->url = s.url;
	if (r != 0)
		return r;
	if (s.count > 1)
		return cli_error(EX_USAGE,
		    "%s: several providers have its token_endpoint: %s; name "
		    "one with --provider",
		    it->name, s.names);
	if (s.count > 0)
		return 0;
	ret->token_endpoint = s.url;
	if (im->hosts)
		return 0;
	return cli_error(EX_USAGE,
	    "%s: no provider has the token_endpoint %s; name the mail servers "
	    "with --hosts, or a --provider",
	    it->name, s.url);
}

static int
by_name(const struct import *im, const struct import_item *it, const char *name,
    struct import_source *ret)
{
	struct conf_errors e = {.report = cli_report};
	const char *url = it->file.token_endpoint;

	if (strlen(name) > ACCOUNT_NAME_MAX ||
	    provider_load(&im->cli->settings, name, &ret->conf, &e) < 0)
		return cli_error(EX_USAGE,
		    "%s: provider \"%s\" is not known; name one of \"sasl-bearer "
		    "login --provider list\" with --provider",
		    it->name, name);
	snprintf(ret->provider, sizeof(ret->provider), "%s", name);
	if (!url)
		return 0;
	ret->url = canonical(url);
	if (!matches(&ret->conf, ret->url, ret->tenant))
		ret->token_endpoint = url;
	return 0;
}

int
import_source_find(const struct import *im, const struct import_item *it,
    struct import_source *ret)
{
	const char *name = im->provider;
	int r;

	if (!name && it->file.kind == IMPORT_MUTT)
		name = it->file.registration;
	if (name)
		r = by_name(im, it, name, ret);
	else if (it->file.kind == IMPORT_MUTT)
		r = cli_error(EX_DATAERR,
		    "%s: it does not say which provider it is for; name one "
		    "with --provider",
		    it->name);
	else
		r = by_endpoint(im, it, ret);
	if (r == 0 && im->tenant)
		snprintf(ret->tenant, sizeof(ret->tenant), "%s", im->tenant);
	return r;
}
