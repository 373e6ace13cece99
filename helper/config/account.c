/* SPDX-License-Identifier: MIT */
/* account - read accounts.d/NAME.conf */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "helper/config/account.h"

#define GENERIC "generic"

unsigned
source_line(const struct source *src, const char *key)
{
	return src->lines[conf_find(account_keys, key)];
}

static void
report_unknown(
    const struct settings *s, const char *name, const struct source *src)
{
	char dirs[CONF_TEXT_MAX / 2] = "";
	size_t i, len = 0;

	for (i = 0; s->providers_dir[i] && len < sizeof(dirs); i++) {
		snprintf(dirs + len, sizeof(dirs) - len, "%s%s",
		    i ? " or " : "", s->providers_dir[i]);
		len = strlen(dirs);
	}
	conf_error(src->e, src->path, source_line(src, "provider"),
	    "provider \"%.64s\" is not known: no %.64s.conf in %s", name, name,
	    dirs);
}

/* Whether an account says by itself where its tokens come from. */
static int
has_source(const struct account_conf *a)
{
	return a->token_endpoint || a->issuer || a->grant == GRANT_COMMAND ||
	    a->grant == GRANT_FILE ||
	    (a->grant == GRANT_MANAGED_IDENTITY && a->identity_endpoint);
}

/*
 * Load the provider. An account that says where its tokens come from needs
 * none, so then the file of the generic one may be missing.
 */
static int
load_provider(const struct settings *s, struct account_conf *a,
    const struct source *src, struct provider *p)
{
	int r, implied = !a->provider && has_source(a);

	if (!a->provider && !implied) {
		conf_error(src->e, src->path, 0,
		    "provider is not set; name one, or set token_endpoint "
		    "or issuer");
		return -EINVAL;
	}
	if (implied && !(a->provider = strdup(GENERIC)))
		return -ENOMEM;
	r = provider_load(s, a->provider, p, src->e);
	if (r == -ENOENT && implied)
		return 0;
	if (r == -ENOENT)
		report_unknown(s, a->provider, src);
	else if (r < 0)
		conf_error(src->e, src->path, source_line(src, "provider"),
		    "the file of provider \"%.64s\" has errors", a->provider);
	return r;
}

/* Take what the file will have. */
static int
parse(struct account_conf *a, struct source *src)
{
	struct conf_text text = {src->path, NULL, strlen(src->text)};
	int r;

	text.buf = strdup(src->text);
	if (!text.buf)
		return -ENOMEM;
	r = conf_parse(&text, account_keys, a, src->lines, src->e);
	util_secret_free(text.buf);
	return r;
}

static int
load(const struct settings *s, struct account_conf *a, struct source *src)
{
	unsigned before = src->e->count;
	struct provider p = {0};
	int r;

	if (src->text)
		r = parse(a, src);
	else
		r = conf_load(src->path, account_keys, a, src->lines, src->e);
	if (r == 0)
		r = load_provider(s, a, src, &p);
	if (r == 0 && !a->user && !(a->user = strdup(a->name)))
		r = -ENOMEM;
	if (r == 0) {
		r = account_merge(a, &p, src);
		account_check(a, src);
	}
	if (r == -ENOMEM)
		conf_error(src->e, src->path, 0, "out of memory");
	conf_clear(provider_keys, &p);
	return r == 0 && src->e->count > before ? -EINVAL : r;
}

/* Load an account. Gives out what there is also after an error. */
static int
load_from(const struct settings *s, const char *name, struct source *src,
    struct account_conf **ret)
{
	struct account_conf *a = calloc(1, sizeof(*a));
	int r = -EINVAL;

	*ret = NULL;
	if (!a) {
		conf_error(src->e, src->path, 0, "out of memory");
		return -ENOMEM;
	}
	snprintf(a->name, sizeof(a->name), "%s", name);
	if (account_name_valid(name))
		r = load(s, a, src);
	else
		conf_error(src->e, src->path, 0, "not a valid account name");
	if (!a->user)
		a->user = strdup(a->name);
	if (!a->user) {
		account_conf_free(a);
		return -ENOMEM;
	}
	*ret = a;
	return r;
}

int
account_load_text(const struct settings *s, const char *name, const char *text,
    struct account_conf **ret, struct conf_errors *e)
{
	char path[PATH_MAX];
	struct source src = {.path = path, .text = text, .e = e};
	struct account_conf *a;
	int r = account_path(s, name, path, sizeof(path));

	if (r < 0)
		return r;
	r = load_from(s, name, &src, &a);
	if (r < 0)
		account_conf_free(a);
	else
		*ret = a;
	return r;
}

int
account_load_partial(const struct settings *s, const char *name,
    struct account_conf **ret, struct conf_errors *e)
{
	char path[PATH_MAX];
	struct source src = {.path = path, .e = e};
	int r = account_path(s, name, path, sizeof(path));

	*ret = NULL;
	if (r < 0) {
		conf_error(e, s->accounts_dir, 0, "the path is too long");
		return r;
	}
	return load_from(s, name, &src, ret);
}

int
account_load(const struct settings *s, const char *name,
    struct account_conf **ret, struct conf_errors *e)
{
	struct account_conf *a;
	int r = account_load_partial(s, name, &a, e);

	if (r < 0)
		account_conf_free(a);
	else
		*ret = a;
	return r;
}

struct account_conf *
account_conf_share(struct account_conf *a)
{
	a->shared++;
	return a;
}

void
account_conf_free(struct account_conf *a)
{
	if (a && a->shared > 0) {
		a->shared--;
		return;
	}
	if (a)
		conf_clear(account_keys, a);
	free(a);
}

static int
digest_line(EVP_MD_CTX *ctx, const char *text)
{
	return (!text || EVP_DigestUpdate(ctx, text, strlen(text))) &&
	    EVP_DigestUpdate(ctx, "\n", 1);
}

/* What else tells one source of tokens from another, for its grant. */
static int
digest_source(EVP_MD_CTX *ctx, const struct account_conf *a)
{
	const char *const texts[] = {
	    a->grant == GRANT_JWT_BEARER ? a->user : NULL,
	    a->grant == GRANT_JWT_BEARER ? a->client_key : NULL,
	    a->identity_object_id,
	    a->identity_resource_id,
	    a->token_file,
	};
	size_t i;
	int ok = 1;

	if (a->grant == GRANT_REFRESH_TOKEN ||
	    a->grant == GRANT_CLIENT_CREDENTIALS)
		return 1;
	for (i = 0; ok && i < COUNT_OF(texts); i++)
		ok = digest_line(ctx, texts[i]);
	for (i = 0; ok && a->command && a->command[i]; i++)
		ok = digest_line(ctx, a->command[i]);
	return ok;
}

int
config_id(const struct account_conf *a, char buf[CONFIG_ID_SIZE])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const char *where = a->token_endpoint, *what = a->scope;
	unsigned len = 0;
	int ok;

	if (!where)
		where = a->issuer;
	if (a->grant == GRANT_MANAGED_IDENTITY) {
		where = a->identity_endpoint;
		what = a->identity_resource;
	}
	ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
	    digest_line(ctx, a->client_id) && digest_line(ctx, where) &&
	    digest_line(ctx, what) && digest_source(ctx, a) &&
	    EVP_DigestFinal_ex(ctx, md, &len);
	EVP_MD_CTX_free(ctx);
	if (ok)
		util_hex_format(buf, md, (CONFIG_ID_SIZE - 1) / 2);
	return ok ? 0 : -ENOMEM;
}
