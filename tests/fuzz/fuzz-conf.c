/* SPDX-License-Identifier: MIT */
/*
 * fuzz-conf - feed bytes to the readers of configuration files
 *
 * What is before the first 0x00 is an account's file, what is after it the
 * provider's; the whole is also read as sasl-bearer.conf. Whatever they are,
 * errors are one line of clean text, and an account without errors has what
 * the helper relies on.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "helper/config/account.h"
#include "tests/fuzz/fuzz.h"

static void
check_error(void *context, const char *line)
{
	(void)context;
	if (!*line || strlen(line) >= CONF_TEXT_MAX ||
	    !util_text_valid(line, strlen(line)))
		abort();
}

/* Parse a copy of some bytes, in a buffer of exactly the size allowed. */
static int
parse(const unsigned char *data, size_t size, const struct conf_key *keys,
    void *into, struct source *src)
{
	struct conf_text text = {"f.conf", malloc(size + 1), size};
	int r;

	if (!text.buf)
		abort();
	memcpy(text.buf, data, size);
	r = conf_parse(&text, keys, into, src->lines, src->e);
	free(text.buf);
	if ((r < 0) != (src->e->count > 0))
		abort();
	return r;
}

/* Whether an account says all that its grant needs. */
static int
is_complete(const struct account_conf *a)
{
	int endpoint = a->token_endpoint || a->issuer;

	switch ((enum grant)a->grant) {
	case GRANT_REFRESH_TOKEN:
		return endpoint && a->client_id;
	case GRANT_CLIENT_CREDENTIALS:
		return endpoint && a->client_id &&
		    (a->client_secret || a->client_secret_file ||
			a->client_secret_credential || a->client_key ||
			a->client_certificate || a->assertion_file);
	case GRANT_JWT_BEARER:
		return endpoint && (a->client_key || a->client_certificate);
	case GRANT_MANAGED_IDENTITY:
		return a->identity_endpoint && a->identity_resource;
	case GRANT_COMMAND:
		return a->command && a->command[0] && *a->command[0] == '/';
	case GRANT_FILE:
		return !!a->token_file;
	}
	return 0;
}

/* What the helper takes for granted. */
static void
check_account(const struct account_conf *a)
{
	char id[CONFIG_ID_SIZE];

	if (!a->user || !*a->user || strlen(a->user) > USER_MAX || !a->hosts ||
	    !a->hosts[0] || !is_complete(a) || a->min_validity_s < 30 ||
	    a->keepalive_s < 3600)
		abort();
	if (a->token_endpoint && strstr(a->token_endpoint, "{tenant}"))
		abort();
	if (a->user[0] == '*' &&
	    (a->user[1] != '@' || !a->allow || a->services == 0 ||
		!grant_takes_glob((enum grant)a->grant)))
		abort();
	if (config_id(a, id) < 0 || strlen(id) != CONFIG_ID_SIZE - 1)
		abort();
}

static void
try_account(const unsigned char *data, size_t size)
{
	const unsigned char *end = memchr(data, 0, size);
	size_t len = end ? (size_t)(end - data) : size;
	size_t rest = end ? size - len - 1 : 0;
	struct conf_errors e = {.report = check_error};
	struct source src = {.path = "f.conf", .e = &e}, other = src;
	struct account_conf a = {.name = "a"};
	struct provider p = {0};
	int r;

	r = parse(data, len, account_keys, &a, &src);
	if (r == 0)
		r = parse(data + size - rest, rest, provider_keys, &p, &other);
	if (r == 0 && !a.user)
		a.user = strdup("a");
	if (r == 0) {
		r = account_merge(&a, &p, &src);
		account_check(&a, &src);
	}
	if (r == 0 && e.count == 0)
		check_account(&a);
	conf_clear(account_keys, &a);
	conf_clear(provider_keys, &p);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct conf_errors e = {.report = check_error};
	struct source src = {.path = "f.conf", .e = &e};
	struct settings s = {0};

	if (size > CONF_FILE_MAX)
		return 0;
	if (size > 0)
		try_account(data, size);
	parse(data, size, settings_keys, &s, &src);
	settings_clear(&s);
	return 0;
}

FUZZ_MAIN(CONF_FILE_MAX)
