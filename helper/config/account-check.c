/* SPDX-License-Identifier: MIT */
/* account-check - what must hold for an account as a whole */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "common/util.h"
#include "helper/config/account.h"
#include "helper/config/file.h"

/* Report an error about a key. */
static void
wrong(const struct source *src, const char *key, const char *text)
{
	conf_error(
	    src->e, src->path, source_line(src, key), "%s %s", key, text);
}

/* *@domain: one account for many mailboxes must say who may use it for what. */
static void
check_glob(const struct account_conf *a, const struct source *src)
{
	static const char *const needed[] = {"allow", "services", "hosts"};
	size_t i;

	if (strncmp(a->user, "*@", 2) != 0 || !a->user[2] ||
	    strchr(a->user + 1, '*')) {
		wrong(src, "user", "may have a \"*\" only as in *@example.com");
		return;
	}
	if (a->grant != GRANT_CLIENT_CREDENTIALS)
		wrong(src, "user",
		    "with a \"*\" needs grant = client_credentials");
	for (i = 0; i < COUNT_OF(needed); i++)
		if (source_line(src, needed[i]) == 0)
			conf_error(src->e, src->path, source_line(src, "user"),
			    "user with a \"*\" needs %s set in this file",
			    needed[i]);
}

static void
check_user(const struct account_conf *a, const struct source *src)
{
	const struct {
		const char *key, *value;
	} users[] = {
	    {"user", a->user},
	    {"sasl_user", a->sasl_user},
	    {"sasl_user_imap", a->sasl_user_imap},
	    {"sasl_user_pop", a->sasl_user_pop},
	    {"sasl_user_smtp", a->sasl_user_smtp},
	};
	size_t i;

	for (i = 0; i < COUNT_OF(users); i++)
		if (users[i].value && strlen(users[i].value) > USER_MAX)
			wrong(src, users[i].key, "is longer than 320 bytes");
	if (strchr(a->user, '*'))
		check_glob(a, src);
	else if (a->mailboxes_file)
		wrong(src, "mailboxes_file", "needs user = *@DOMAIN");
}

static void
check_hosts(const struct account_conf *a, const struct source *src)
{
	const char *host;
	size_t i;

	if (!a->hosts || !a->hosts[0]) {
		conf_error(src->e, src->path, 0,
		    "hosts is not set; name the mail servers that may get "
		    "the token");
		return;
	}
	for (i = 0; a->hosts[i]; i++) {
		host = a->hosts[i];
		if (strncmp(host, "*.", 2) == 0)
			host += 2;
		if (!*host || strchr(host, '*'))
			wrong(src, "hosts",
			    "may have a \"*\" only as in *.example.com");
		else if (strstr(host, "://"))
			wrong(src, "hosts", "takes host names, not URLs");
		else if (strlen(host) > HOST_MAX)
			wrong(src, "hosts", "has a name above 255 bytes");
	}
}

/* A file with a secret in it must be as private as a file that is one. */
static void
check_private(const struct source *src)
{
	char why[FILE_WHY];
	struct stat st;

	if (stat(src->path, &st) == 0 &&
	    file_check_readers(src->path, &st, why) < 0)
		conf_error(src->e, src->path, source_line(src, "client_secret"),
		    "%s", why);
}

static void
check_client(const struct account_conf *a, const struct source *src)
{
	int count = !!a->client_secret_file + !!a->client_secret_credential +
	    !!a->client_secret;

	if (!a->client_id)
		conf_error(src->e, src->path, 0,
		    "client_id is not set; it is the ID of the application "
		    "registered with the provider");
	if (count > 1)
		conf_error(src->e, src->path, 0,
		    "only one of client_secret_file, client_secret_credential "
		    "and client_secret may be set");
	if (count == 0 && a->grant == GRANT_CLIENT_CREDENTIALS)
		conf_error(src->e, src->path, source_line(src, "grant"),
		    "grant client_credentials needs client_secret_file or "
		    "client_secret_credential");
	if (a->client_secret_credential &&
	    !account_name_valid(a->client_secret_credential))
		wrong(src, "client_secret_credential",
		    "is not the name of a systemd credential");
	if (a->client_secret)
		check_private(src);
}

void
account_check(const struct account_conf *a, const struct source *src)
{
	check_user(a, src);
	check_client(a, src);
	check_hosts(a, src);
	if (!a->token_endpoint && !a->issuer)
		conf_error(src->e, src->path, source_line(src, "provider"),
		    "neither token_endpoint nor issuer is set");
}
