/* SPDX-License-Identifier: MIT */
/* account-check - what must hold for an account as a whole */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "common/util.h"
#include "helper/config/account.h"
#include "helper/config/file.h"
#include "helper/config/hostport.h"

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
	if (!grant_takes_glob((enum grant)a->grant))
		wrong(src, "user",
		    "with a \"*\" needs grant = client_credentials, "
		    "jwt_bearer or managed_identity");
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
	for (i = 1; i < COUNT_OF(users); i++)
		if (users[i].value && *a->user == '*' &&
		    a->grant == GRANT_JWT_BEARER)
			wrong(src, users[i].key,
			    "cannot be set: each token is for the mailbox that "
			    "is asked for, and for no other");
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

/* A server that may not get the token would be of no use. */
static void
check_servers(const struct account_conf *a, const struct source *src)
{
	const struct {
		const char *key, *value;
	} servers[] = {
	    {"imap_server", a->imap_server},
	    {"pop_server", a->pop_server},
	    {"smtp_server", a->smtp_server},
	};
	size_t i;

	for (i = 0; a->hosts && i < COUNT_OF(servers); i++)
		if (servers[i].value &&
		    !hostport_listed(servers[i].value, a->hosts))
			wrong(src, servers[i].key,
			    "is not in hosts; name it there as well");
}

int
account_has_secret(const struct account_conf *a)
{
	return a->client_secret || (a->proxy && strchr(a->proxy, '@'));
}

/* A file with a secret in it must be as private as a file that is one. */
static void
check_private(const struct account_conf *a, const struct source *src)
{
	const char *key = a->client_secret ? "client_secret" : "proxy";
	char why[FILE_WHY];
	struct stat st;

	if (account_has_secret(a) && stat(src->path, &st) == 0 &&
	    file_check_readers(src->path, &st, why) < 0)
		conf_error(src->e, src->path, source_line(src, key), "%s", why);
}

/* Keys that only some grants know, by bits of enum grant. */
#define ONLY(g) (1U << GRANT_##g)
#define POST (ONLY(REFRESH_TOKEN) | ONLY(CLIENT_CREDENTIALS))
#define KEY (POST | ONLY(JWT_BEARER))

static const struct {
	const char *key;
	unsigned grants;
} limited[] = {
    {"client_secret", POST},
    {"client_secret_file", POST},
    {"client_secret_credential", POST},
    {"client_secret_expires", POST},
    {"client_certificate", KEY},
    {"client_key", KEY},
    {"client_key_id", KEY},
    {"client_key_password_file", KEY},
    {"client_assertion_alg", KEY},
    {"client_auth", POST},
    {"assertion_file", POST},
    {"refresh_token_lifetime", ONLY(REFRESH_TOKEN)},
    {"scope", KEY},
    {"resource", KEY},
    {"audience", KEY},
    {"identity_endpoint", ONLY(MANAGED_IDENTITY)},
    {"identity_resource", ONLY(MANAGED_IDENTITY)},
    {"identity_object_id", ONLY(MANAGED_IDENTITY)},
    {"identity_resource_id", ONLY(MANAGED_IDENTITY)},
    {"command", ONLY(COMMAND)},
    {"token_file", ONLY(FILE)},
    {"token_lifetime", ONLY(COMMAND) | ONLY(FILE)},
};

static void
check_limited(const struct account_conf *a, const struct source *src)
{
	size_t i;

	for (i = 0; i < COUNT_OF(limited); i++)
		if (source_line(src, limited[i].key) != 0 &&
		    !(limited[i].grants & 1U << a->grant))
			conf_error(src->e, src->path,
			    source_line(src, limited[i].key),
			    "%s is not used with grant = %s", limited[i].key,
			    grant_names[a->grant]);
}

/* Keys that say how an assertion is signed, or how no assertion is sent. */
static void
check_assertion(const struct account_conf *a, int key, const struct source *src)
{
	static const char *const of_key[] = {"client_key_id",
	    "client_key_password_file", "client_assertion_alg"};
	size_t i;

	for (i = 0; !key && i < COUNT_OF(of_key); i++)
		if (source_line(src, of_key[i]) != 0)
			wrong(src, of_key[i],
			    "needs client_key or client_certificate");
	if ((key || a->assertion_file) && a->client_auth == CLIENT_AUTH_BASIC &&
	    source_line(src, "client_auth") != 0)
		wrong(src, "client_auth",
		    "is not used with an assertion, which is always in the "
		    "form");
}

/* A client proves itself in one way, and has to where there is no person. */
static void
check_proof(const struct account_conf *a, const struct source *src)
{
	int key = a->client_key || a->client_certificate;
	int count = !!a->client_secret_file + !!a->client_secret_credential +
	    !!a->client_secret + key + !!a->assertion_file;

	if (count > 1)
		conf_error(src->e, src->path, 0,
		    "only one of client_secret_file, client_secret_credential, "
		    "client_secret, client_key with client_certificate, and "
		    "assertion_file may be set");
	if (count == 0 && a->grant == GRANT_CLIENT_CREDENTIALS)
		conf_error(src->e, src->path, source_line(src, "grant"),
		    "grant client_credentials needs client_secret_file, "
		    "client_secret_credential, client_certificate, client_key "
		    "or assertion_file");
	if (!key && a->grant == GRANT_JWT_BEARER)
		conf_error(src->e, src->path, source_line(src, "grant"),
		    "grant jwt_bearer needs client_key");
	check_assertion(a, key, src);
}

static void
check_client(const struct account_conf *a, const struct source *src)
{
	if (!a->client_id &&
	    (a->grant == GRANT_REFRESH_TOKEN ||
		a->grant == GRANT_CLIENT_CREDENTIALS))
		conf_error(src->e, src->path, 0,
		    "client_id is not set; it is the ID of the application "
		    "registered with the provider");
	if (a->client_secret_credential &&
	    !account_name_valid(a->client_secret_credential))
		wrong(src, "client_secret_credential",
		    "is not the name of a systemd credential");
	check_proof(a, src);
	check_limited(a, src);
}

static void
check_identity(const struct account_conf *a, const struct source *src)
{
	if (!a->identity_endpoint)
		conf_error(src->e, src->path, source_line(src, "grant"),
		    "grant managed_identity needs identity_endpoint, or a "
		    "provider that has one");
	if (!a->identity_resource)
		conf_error(src->e, src->path, source_line(src, "grant"),
		    "grant managed_identity needs identity_resource");
	if (!!a->client_id + !!a->identity_object_id +
		!!a->identity_resource_id >
	    1)
		conf_error(src->e, src->path, 0,
		    "only one of client_id, identity_object_id and "
		    "identity_resource_id may name the identity");
}

/* Where the tokens come from. */
static void
check_source(const struct account_conf *a, const struct source *src)
{
	switch ((enum grant)a->grant) {
	case GRANT_REFRESH_TOKEN:
	case GRANT_CLIENT_CREDENTIALS:
	case GRANT_JWT_BEARER:
		if (!a->token_endpoint && !a->issuer)
			conf_error(src->e, src->path,
			    source_line(src, "provider"),
			    "neither token_endpoint nor issuer is set");
		break;
	case GRANT_MANAGED_IDENTITY:
		check_identity(a, src);
		break;
	case GRANT_COMMAND:
		if (!a->command || a->command[0][0] != '/')
			conf_error(src->e, src->path,
			    source_line(src, a->command ? "command" : "grant"),
			    "grant command needs command = /PATH "
			    "[ARGUMENT...]");
		break;
	case GRANT_FILE:
		if (!a->token_file)
			conf_error(src->e, src->path, source_line(src, "grant"),
			    "grant file needs token_file");
		break;
	}
}

void
account_check(const struct account_conf *a, const struct source *src)
{
	check_user(a, src);
	check_private(a, src);
	check_client(a, src);
	check_hosts(a, src);
	check_servers(a, src);
	check_source(a, src);
}
