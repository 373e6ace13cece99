/* SPDX-License-Identifier: MIT */
/* test-settings - sasl-bearer.conf, providers, accounts and secrets */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/config/settings.h"
#include "helper/config/secret.h"
#include "tests/unit/tap.h"

static char dir[] = "/tmp/test-settings.XXXXXX";
static struct settings settings;

/* The path of a file in the directory, in one of four buffers by turns. */
static const char *
in_dir(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, PATH_MAX, "%s/%s", dir, name);
	return path;
}

static void
write_file(const char *name, const char *text, mode_t mode)
{
	const char *path = in_dir(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || util_write_all(fd, text, strlen(text)) < 0 ||
	    fchmod(fd, mode) < 0)
		perror(path);
	close(fd);
}

static const char test_provider[] =
    "title = Test\n"
    "tenant = common\n"
    "token_endpoint = https://login.test/{tenant}/token/{tenant}\n"
    "device_authorization_endpoint = https://login.test/{tenant}/device\n"
    "scope = offline_access openid\n"
    "scope_imap = imap shared\n"
    "scope_pop = pop shared\n"
    "scope_smtp = send\n"
    "scope_client_credentials = https://mail.test/.default\n"
    "hosts = imap.test smtp.test\n"
    "imap_server = imap.test:1993\n"
    "smtp_server = smtp.test\n"
    "min_validity = 10m\n"
    "refresh_token_lifetime = 90d\n"
    "client_auth = basic\n";

#define BASE "provider = test\nclient_id = x\n"

/* The ends that files tell; of the provider where the account has none. */
static void
test_ends(void)
{
	static const struct {
		const char *text;
		int64_t secret, refresh_token_s;
	} rows[] = {
	    {"", 0, 90 * 86400},
	    {"client_secret_expires = 2028-02-29\n"
	     "refresh_token_lifetime = 7d\n",
		1835395200, 7 * 86400},
	};
	struct account_conf *a;
	struct conf_errors e;
	char text[256];
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		e = (struct conf_errors){0};
		snprintf(text, sizeof(text), BASE "%s", rows[i].text);
		write_file("accounts.d/alice@x.test.conf", text, 0600);
		if (account_load(&settings, "alice@x.test", &a, &e) < 0) {
			tap_ok(0, "%s", e.first);
			continue;
		}
		tap_ok(a->client_secret_expires == rows[i].secret,
		    "the end of a secret");
		tap_ok(a->refresh_token_lifetime_s == rows[i].refresh_token_s,
		    "the end of a sign-in");
		account_conf_free(a);
	}
}

/* What an account's file says, and what comes of it. */
static const struct good {
	const char *what;
	const char *text;
	const char *user;
	const char *scope;
	const char *endpoint;
	const char *host;
	int64_t min_validity_s;
	int client_auth;
} good[] = {
    {"the shortest file", "provider = test\nclient_id = x\n", "alice@x.test",
	"offline_access openid imap shared pop send",
	"https://login.test/common/token/common", "imap.test", 600,
	CLIENT_AUTH_BASIC},
    {"one service, another user",
	"provider = test\nclient_id = x\nservices = smtp\nuser = bob\n", "bob",
	"offline_access openid send", "https://login.test/common/token/common",
	"imap.test", 600, CLIENT_AUTH_BASIC},
    {"everything overridden",
	"provider = test\nclient_id = x\nscope = b a a\nhosts = h.test\n"
	"min_validity = 30\ntenant = t.example\nclient_auth = post\n",
	"alice@x.test", "b a a", "https://login.test/t.example/token/t.example",
	"h.test", 30, CLIENT_AUTH_POST},
    {"another token endpoint",
	"provider = test\nclient_id = x\ntoken_endpoint = https://o.test/\n",
	"alice@x.test", "offline_access openid imap shared pop send",
	"https://o.test/", "imap.test", 600, CLIENT_AUTH_BASIC},
    {"client credentials",
	"provider = test\nclient_id = x\ngrant = client_credentials\n"
	"tenant = t\nclient_secret_file = /s\n",
	"alice@x.test", "https://mail.test/.default",
	"https://login.test/t/token/t", "imap.test", 600, CLIENT_AUTH_BASIC},
    {"a glob",
	"provider = test\nclient_id = x\ngrant = client_credentials\n"
	"tenant = t\nclient_secret_credential = s\nuser = *@x.test\n"
	"allow = root\nservices = imap\nhosts = imap.test\n",
	"*@x.test", "https://mail.test/.default",
	"https://login.test/t/token/t", "imap.test", 600, CLIENT_AUTH_BASIC},
    {"no provider",
	"token_endpoint = https://o.test/\nclient_id = x\nhosts = *.o ::1\n",
	"alice@x.test", NULL, "https://o.test/", "*.o", 300, CLIENT_AUTH_POST},
};

static void
test_good(void)
{
	struct account_conf *a;
	struct conf_errors e;
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(good); i++) {
		e = (struct conf_errors){0};
		write_file("accounts.d/alice@x.test.conf", good[i].text, 0600);
		r = account_load(&settings, "alice@x.test", &a, &e);
		tap_ok(r == 0, "%s", good[i].what);
		if (r < 0) {
			printf("# %s\n", e.first);
			continue;
		}
		tap_is(a->user, good[i].user, "  user");
		tap_is(a->scope, good[i].scope, "  scope");
		tap_is(a->token_endpoint, good[i].endpoint, "  endpoint");
		tap_is(a->hosts[0], good[i].host, "  hosts");
		tap_ok(a->min_validity_s == good[i].min_validity_s,
		    "  min_validity");
		tap_ok(a->client_auth == good[i].client_auth, "  client_auth");
		tap_ok(a->keepalive_s == 7 * 86400, "  keepalive");
		account_conf_free(a);
	}
}

/* Which servers an account has: its own, else those its hosts have. */
static const struct {
	const char *what;
	const char *text;
	const char *imap, *pop, *smtp;
} servers[] = {
    {"the provider's", "", "imap.test:1993", NULL, "smtp.test"},
    {"its own first", "imap_server = smtp.test:993\n", "smtp.test:993", NULL,
	"smtp.test"},
    {"hosts of its own", "hosts = h.test\npop_server = h.test\n", NULL,
	"h.test", NULL},
    {"hosts with a glob", "hosts = *.test\n", "imap.test:1993", NULL,
	"smtp.test"},
    {"one of the hosts", "hosts = smtp.test\n", NULL, NULL, "smtp.test"},
};

static void
is_server(const char *have, const char *want, const char *what)
{
	if (have && want)
		tap_is(have, want, what);
	else
		tap_ok(!have && !want, "%s", what);
}

static void
test_servers(void)
{
	struct account_conf *a;
	struct conf_errors e;
	char text[256];
	size_t i;

	for (i = 0; i < COUNT_OF(servers); i++) {
		e = (struct conf_errors){0};
		snprintf(text, sizeof(text),
		    "provider = test\nclient_id = x\n%s", servers[i].text);
		write_file("accounts.d/s.conf", text, 0600);
		if (account_load(&settings, "s", &a, &e) < 0) {
			tap_ok(0, "%s: %s", servers[i].what, e.first);
			continue;
		}
		tap_ok(1, "servers: %s", servers[i].what);
		is_server(a->imap_server, servers[i].imap, "  imap_server");
		is_server(a->pop_server, servers[i].pop, "  pop_server");
		is_server(a->smtp_server, servers[i].smtp, "  smtp_server");
		account_conf_free(a);
	}
	unlink(in_dir("accounts.d/s.conf"));
}

#define GLOB                                                          \
	BASE "tenant = t\nclient_secret_file = /s\nuser = *@x.test\n" \
	     "grant = client_credentials\n"

/* What is wrong, and what is said after the name of the file. */
static const struct {
	const char *text;
	const char *error;
} wrong[] = {
    {"client_id = x\n", ": provider is not set; "},
    {"provider = tset\nclient_id = x\n",
	":1: provider \"tset\" is not known: no tset.conf in "},
    {"provider = ../test\nclient_id = x\n",
	":1: provider \"../test\" is not known"},
    {"provider = broken\nclient_id = x\n",
	"providers.d/broken.conf:2: unknown name \"hots\""},
    {"provider = empty\nclient_id = x\nhosts = h\n",
	":1: neither token_endpoint nor issuer is set"},
    {"provider = test\n", ": client_id is not set; "},
    {"issuer = https://i.test\nclient_id = x\n", ": hosts is not set; "},
    {BASE "tenant = a/b\n", ":3: tenant is not 1 to 128 of "},
    {BASE "tenant = {tenant}\n", ":3: tenant is not 1 to 128 of "},
    {BASE "hosts = *\n", ":3: hosts may have a \"*\" only as in "},
    {BASE "hosts = a.*.b\n", ":3: hosts may have a \"*\" only as in "},
    {BASE "hosts = imaps://h\n", ":3: hosts takes host names, not URLs"},
    {BASE "pop_server = pop.test\n",
	":3: pop_server is not in hosts; name it there as well"},
    {BASE "hosts = a\nimap_server = a:99999\n",
	":4: imap_server is not a server such as "},
    {"provider = servers\nclient_id = x\n",
	"providers.d/servers.conf:3: smtp_server is not in hosts; "},
    {BASE "services = imap imaps\n", ":3: services \"imaps\" is not one"},
    {BASE "user = a*@x.test\n", ":3: user may have a \"*\" only as in "},
    {BASE "user = *@*\n", ":3: user may have a \"*\" only as in "},
    {BASE "user = *@\n", ":3: user may have a \"*\" only as in "},
    {BASE "mailboxes_file = /m\n", ":3: mailboxes_file needs user = "},
    {BASE "user = *@x.test\nallow = a\nservices = imap\nhosts = h\n",
	":3: user with a \"*\" needs grant = client_credentials"},
    {GLOB "services = imap\nhosts = h\n",
	":5: user with a \"*\" needs allow set in this file"},
    {GLOB "allow = a\nhosts = h\n",
	":5: user with a \"*\" needs services set in this file"},
    {GLOB "allow = a\nservices = imap\n",
	":5: user with a \"*\" needs hosts set in this file"},
    {BASE "client_secret_file = /s\nclient_secret_credential = s\n",
	": only one of client_secret_file, "},
    {BASE "client_secret_credential = ../s\n",
	":3: client_secret_credential is not the name of "},
    {BASE "grant = client_credentials\ntenant = t\n",
	":3: grant client_credentials needs client_secret_file, "},
    {BASE "grant = client_credentials\nclient_secret_file = /s\n",
	": grant client_credentials needs tenant set to "},
    {BASE "grant = client_credentials\nclient_secret_file = /s\n"
	  "tenant = Organizations\n",
	":5: grant client_credentials needs tenant set to "},
    {BASE "grant = password\n", ":3: grant \"password\" is not one"},
    {BASE "grant = jwt_bearer\n", ":3: grant jwt_bearer needs client_key"},
    {BASE "grant = managed_identity\n",
	":3: grant managed_identity needs identity_endpoint, or a "},
    {BASE "grant = managed_identity\n"
	  "identity_endpoint = http://169.254.169.254/x\n",
	":3: grant managed_identity needs identity_resource"},
    {BASE "grant = managed_identity\nidentity_object_id = 1\n"
	  "identity_endpoint = http://169.254.169.254/x\n"
	  "identity_resource = r\n",
	": only one of client_id, identity_object_id and "},
    {BASE "identity_endpoint = http://169.254.169.253/x\n",
	":3: identity_endpoint is not an https URL "},
    {BASE "token_endpoint = http://169.254.169.254/x\n",
	":3: token_endpoint is not an https URL "},
    {BASE "grant = command\n", ":3: grant command needs command = "},
    {BASE "grant = command\ncommand = relative\n",
	":4: grant command needs command = /PATH"},
    {BASE "grant = file\n", ":3: grant file needs token_file"},
    {BASE "command = /bin/true\n",
	":3: command is not used with grant = refresh_token"},
    {BASE "token_lifetime = 1m\n",
	":3: token_lifetime is not used with grant = refresh_token"},
    {BASE "grant = file\ntoken_file = /t\nclient_secret_file = /s\n",
	":5: client_secret_file is not used with grant = file"},
    {BASE "client_certificate = /c\nclient_secret_file = /s\n",
	": only one of client_secret_file, "},
    {BASE "client_key = /c\nassertion_file = /s\n",
	": only one of client_secret_file, "},
    {BASE "client_key_id = k\n", ":3: client_key_id needs client_key or "},
    {BASE "client_key_password_file = /p\n",
	":3: client_key_password_file needs client_key or "},
    {BASE "client_assertion_alg = RS256\n",
	":3: client_assertion_alg needs client_key or "},
    {BASE "client_key = /k\nclient_auth = basic\n",
	":4: client_auth is not used with an assertion"},
    {BASE "assertion_file = /a\nclient_auth = basic\n",
	":4: client_auth is not used with an assertion"},
    {BASE "grant = jwt_bearer\nclient_key = /k\nclient_auth = post\n",
	":5: client_auth is not used with grant = jwt_bearer"},
    {BASE "identity_resource = r\n",
	":3: identity_resource is not used with grant = refresh_token"},
    {BASE "grant = file\ntoken_file = /t\nscope = s\n",
	":5: scope is not used with grant = file"},
    {BASE "grant = command\ncommand = /c\nresource = r\n",
	":5: resource is not used with grant = command"},
    {BASE "user = *@x.test\nallow = a\nservices = imap\nhosts = h\n"
	  "grant = jwt_bearer\nclient_key = /k\nsasl_user_imap = b\n",
	":9: sasl_user_imap cannot be set: each token is for the mailbox "},
    {BASE "client_key = /c\nclient_assertion_alg = ES256\n",
	":4: client_assertion_alg \"ES256\" is not one of: PS256, RS256"},
    {BASE "tenant = ${TEST_SETTINGS_NOT_SET}\n",
	":3: tenant needs ${TEST_SETTINGS_NOT_SET}, which is not set"},
    {BASE "tenant = ${PATH}${x\n", ":3: tenant has a \"${\" without "},
    {BASE "tenant = ${}\n", ":3: tenant has a \"${\" without "},
    {BASE "keepalive = 10s\n", ":3: keepalive 10s is not within 1h..60d"},
    {BASE "client_secret_expires = 2027-02-29\n",
	":3: client_secret_expires \"2027-02-29\" is not a date such as "},
    {BASE "client_secret_expires = 2027-2-1\n",
	":3: client_secret_expires \"2027-2-1\" is not a date such as "},
    {BASE "client_secret_expires = 2027-12-31x\n",
	":3: client_secret_expires \"2027-12-31x\" is not a date such "},
    {BASE "client_secret_expires = 1969-12-31\n",
	":3: client_secret_expires \"1969-12-31\" is not a date such as "},
    {BASE "grant = file\ntoken_file = /t\nclient_secret_expires = "
	  "2027-12-31\n",
	":5: client_secret_expires is not used with grant = file"},
    {BASE "client_certifcate = /c\n",
	":3: unknown name \"client_certifcate\": did you mean "},
};

static void
test_wrong(void)
{
	struct account_conf *a = NULL;
	struct conf_errors e;
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(wrong); i++) {
		e = (struct conf_errors){0};
		write_file("accounts.d/b.conf", wrong[i].text, 0600);
		r = account_load_partial(&settings, "b", &a, &e);
		tap_ok(r < 0 && strncmp(e.first, dir, strlen(dir)) == 0 &&
			strstr(e.first, wrong[i].error),
		    "wrong account %zu: %s", i, wrong[i].error);
		if (r == 0 || !strstr(e.first, wrong[i].error))
			printf("# %s\n", e.first);
		account_conf_free(a);
	}
	write_file("accounts.d/b.conf",
	    "user = bob\nallow = x\nclient_idd = 1\n", 0600);
	tap_ok(account_load_partial(&settings, "b", &a, &e) == -EINVAL && a &&
		strcmp(a->user, "bob") == 0 && strcmp(a->allow[0], "x") == 0,
	    "what could be read, after an error");
	account_conf_free(a);
	e = (struct conf_errors){0};
	tap_ok(account_load_partial(&settings, "no", &a, &e) == -ENOENT && a &&
		strcmp(a->user, "no") == 0 && e.count == 1,
	    "no file: reported, and the least there is of an account");
	account_conf_free(a);
	a = NULL;
	tap_ok(account_load(&settings, "no", &a, &e) == -ENOENT && !a,
	    "account_load() writes nothing on failure");
	tap_ok(account_load_partial(&settings, "../b", &a, &e) == -EINVAL,
	    "a name that is a path");
	account_conf_free(a);
}

static void
test_user_length(void)
{
	char text[512] = BASE "user = ";
	struct account_conf *a;
	struct conf_errors e = {0};
	size_t len = strlen(text);

	memset(text + len, 'u', USER_MAX + 1);
	write_file("accounts.d/b.conf", text, 0600);
	tap_ok(account_load_partial(&settings, "b", &a, &e) == -EINVAL,
	    "a user of 321 bytes");
	account_conf_free(a);
	text[len + USER_MAX] = '\0';
	write_file("accounts.d/b.conf", text, 0600);
	tap_ok(account_load_partial(&settings, "b", &a, &e) == 0 &&
		strlen(a->user) == USER_MAX,
	    "a user of 320 bytes");
	account_conf_free(a);
}

/* An account's file with a secret in it is as private as a secret. */
static void
test_inline_secret(void)
{
	static const struct {
		const char *text;
		int secret;
	} rows[] = {
	    {BASE "client_secret = hunter2\n", 1},
	    {BASE "proxy = http://me:hunter2@proxy.test:3128\n", 1},
	    {BASE "proxy = http://proxy.test:3128\n", 0},
	};
	struct account_conf *a;
	struct conf_errors e;
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(rows); i++) {
		e = (struct conf_errors){0};
		write_file("accounts.d/c.conf", rows[i].text, 0644);
		r = account_load_partial(&settings, "c", &a, &e);
		tap_ok(account_has_secret(a) == rows[i].secret &&
			r == (rows[i].secret ? -EINVAL : 0),
		    "a file all may read, with a secret: %d", rows[i].secret);
		tap_ok(!rows[i].secret ||
			(strstr(e.first, "c.conf:3: holds a secret") &&
			    strstr(e.first,
				geteuid() ? "chmod 600 " : "chmod 640 ") &&
			    !strstr(e.first, "hunter2")),
		    "the error, without the secret");
		account_conf_free(a);
		write_file("accounts.d/c.conf", rows[i].text, 0600);
		e = (struct conf_errors){0};
		tap_ok(account_load_partial(&settings, "c", &a, &e) == 0 &&
			(i > 0 || strcmp(a->client_secret, "hunter2") == 0),
		    "a private file");
		account_conf_free(a);
	}
	unlink(in_dir("accounts.d/c.conf"));
}

static const struct {
	const char *name;
	int good;
} names[] = {
    {"a", 1},
    {"alice@example.com", 1},
    {"A.b_c+d-9", 1},
    {"", 0},
    {".", 0},
    {"..", 0},
    {"a/b", 0},
    {"a b", 0},
    {"a*", 0},
    {"\xc3\xa9", 0},
    {"0123456789012345678901234567890123456789012345678901234567890123", 1},
    {"01234567890123456789012345678901234567890123456789012345678901234", 0},
};

static void
test_names(void)
{
	struct conf_errors e = {0};
	char **list = NULL;
	size_t i;

	for (i = 0; i < COUNT_OF(names); i++)
		tap_ok(account_name_valid(names[i].name) == names[i].good,
		    "name \"%s\"", names[i].name);
	write_file("accounts.d/zoe.conf", "", 0600);
	write_file("accounts.d/ann.conf", "", 0600);
	write_file("accounts.d/ann.conf~", "", 0600);
	write_file("accounts.d/not one.conf", "", 0600);
	tap_ok(account_names(&settings, &list, &e) == 0 && list[0] &&
		strcmp(list[0], "alice@x.test") == 0 && list[1] &&
		strcmp(list[1], "ann") == 0 && strcmp(list[2], "b") == 0 &&
		strcmp(list[3], "zoe") == 0 && !list[4],
	    "the names, sorted");
	tap_ok(e.count == 1 && strstr(e.first, "not one.conf"),
	    "a bad name is reported");
	list_free(list);
}

static void
test_provider_names(void)
{
	static const char *const files[] = {"first/own.conf", "first/m.conf",
	    "second/m.conf", "second/a.conf", "second/z.conf"};
	char first[PATH_MAX], second[PATH_MAX], none[PATH_MAX];
	char *both[] = {first, second, none, NULL};
	char *file[] = {first, none, NULL};
	struct settings s = {.accounts_dir = none, .providers_dir = both};
	struct conf_errors e = {0};
	char **list = NULL;
	size_t i;

	snprintf(first, sizeof(first), "%s", in_dir("first"));
	snprintf(second, sizeof(second), "%s", in_dir("second"));
	snprintf(none, sizeof(none), "%s", in_dir("nowhere"));
	tap_ok(mkdir(first, 0700) == 0 && mkdir(second, 0700) == 0, "made");
	tap_ok(provider_names(&s, &list, &e) == 0 && !list[0], "no provider");
	list_free(list);
	for (i = 0; i < COUNT_OF(files); i++)
		write_file(files[i], "", 0600);
	tap_ok(provider_names(&s, &list, &e) == 0 &&
		strcmp(list[0], "a") == 0 && strcmp(list[1], "m") == 0 &&
		strcmp(list[2], "own") == 0 && strcmp(list[3], "z") == 0 &&
		!list[4],
	    "the providers of all directories, each once, sorted");
	list_free(list);
	tap_ok(account_names(&s, &list, &e) == 0 && !list[0],
	    "no directory is an empty list");
	list_free(list);
	snprintf(none, sizeof(none), "%s", in_dir("first/own.conf"));
	s.providers_dir = file;
	tap_ok(provider_names(&s, &list, &e) == -ENOTDIR && e.count == 1 &&
		strstr(e.first, "first/own.conf: cannot list"),
	    "what is no directory is an error with its name");
	for (i = 0; i < COUNT_OF(files); i++)
		unlink(in_dir(files[i]));
	rmdir(first);
	rmdir(second);
}

static void
test_services(void)
{
	tap_ok(service_parse("imap") == SERVICE_IMAP, "imap");
	tap_ok(service_parse("POP") == SERVICE_POP, "pop, in any case");
	tap_ok(service_parse("smtp") == SERVICE_SMTP, "smtp");
	tap_ok(service_parse("lmtp") == SERVICE_SMTP, "lmtp counts as smtp");
	tap_ok(service_parse("ldap") == 0, "ldap is none of ours");
	tap_is(grant_names[GRANT_CLIENT_CREDENTIALS], "client_credentials",
	    "name of a grant");
}

static void
test_config_id(void)
{
	struct account_conf a = {0};
	char id[CONFIG_ID_SIZE], client[] = "client", scope[] = "a b",
				 endpoint[] = "https://login.test/token",
				 issuer[] = "https://login.test";

	a.client_id = client;
	a.token_endpoint = endpoint;
	a.issuer = issuer;
	a.scope = scope;
	tap_ok(config_id(&a, id) == 0, "config_id");
	/* printf 'client\nhttps://login.test/token\na b\n' | sha256sum */
	tap_is(id,
	    "3bd7680ee8868d4480ac787cd9ee01531b758aaca44e8964e200c08de413ce4a",
	    "of a token endpoint");
	a.token_endpoint = NULL;
	a.scope = NULL;
	config_id(&a, id);
	/* printf 'client\nhttps://login.test\n\n' | sha256sum */
	tap_is(id,
	    "24ced90e682f2a7c70680ff7afe28461269134378f41815eb7be29a2aac8d40e",
	    "of an issuer, without a scope");
}

/* A secret's content and mode, and what is said when it is refused. */
static const struct {
	const char *text;
	mode_t mode;
	const char *secret;
	const char *error;
} secrets[] = {
    {"s3cret\n", 0600, "s3cret", NULL},
    {"s3cret", 0400, "s3cret", NULL},
    {" s p \n", 0600, " s p ", NULL},
    {"0123456789\n", 0600, "0123456789", NULL},
    {"01234567890\n", 0600, NULL, "longer than 10 bytes"},
    {"01234567890", 0600, NULL, "longer than 10 bytes"},
    {"", 0600, NULL, "is empty"},
    {"\n", 0600, NULL, "is empty"},
    {"a\nb\n", 0600, NULL, "more than one line"},
    {"a\r\n", 0600, NULL, "more than one line"},
    {"a\n", 0644, NULL, "; run: ch"},
    {"a\n", 0660, NULL, "; run: ch"},
    {"a\n", 0700, NULL, "; run: ch"},
};

static void
test_secrets(void)
{
	char why[CONF_TEXT_MAX], *secret;
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(secrets); i++) {
		secret = NULL;
		unlink(in_dir("secret"));
		write_file("secret", secrets[i].text, secrets[i].mode);
		r = secret_read(in_dir("secret"), 10, &secret, why);
		tap_is(secret, secrets[i].secret, "secret");
		if (secrets[i].error)
			tap_ok(r < 0 && strstr(why, secrets[i].error) &&
				strstr(why, in_dir("secret")),
			    "refused: %s", why);
		util_secret_free(secret);
	}
	unlink(in_dir("secret"));
	tap_ok(symlink("/etc/passwd", in_dir("secret")) == 0 &&
		secret_read(in_dir("secret"), 10, &secret, why) == -ELOOP,
	    "a link is not followed");
	unlink(in_dir("secret"));
	tap_ok(mkfifo(in_dir("secret"), 0600) == 0 &&
		secret_read(in_dir("secret"), 10, &secret, why) == -EINVAL,
	    "a FIFO is not waited for");
	unlink(in_dir("secret"));
	tap_ok(secret_read(in_dir("secret"), 10, &secret, why) == -ENOENT,
	    "no file");
}

/* As the daemon's user: root's file, readable by a group. */
static void
test_group_secret(void)
{
	char why[CONF_TEXT_MAX], *secret;

	if (geteuid() != 0)
		return;
	write_file("secret", "s\n", 0640);
	chmod(dir, 0755);
	if (chown(in_dir("secret"), 0, 65533) < 0 || setegid(65533) < 0 ||
	    seteuid(65534) < 0)
		return;
	tap_ok(secret_read(in_dir("secret"), 10, &secret, why) == 0,
	    "root's file with our group");
	util_secret_free(secret);
	if (seteuid(0) < 0 || setegid(0) < 0)
		return;
	tap_ok(chown(in_dir("secret"), 65533, 65533) == 0 &&
		chmod(in_dir("secret"), 0600) == 0 &&
		secret_read(in_dir("secret"), 10, &secret, why) == -EPERM &&
		strstr(why, "belongs to uid 65533"),
	    "another user's file");
	unlink(in_dir("secret"));
}

/* The words of a list, with blanks between. */
static const char *
joined(char **list)
{
	static char text[4 * PATH_MAX];
	size_t i;

	text[0] = '\0';
	for (i = 0; list && list[i]; i++) {
		if (i)
			strcat(text, " ");
		strcat(text, list[i]);
	}
	return text;
}

static const char *
default_of(const char *name)
{
	return settings_keys[conf_find(settings_keys, name)].def;
}

static void
test_settings_file(void)
{
	static const char *const bad[] = {
	    "listen = run/socket\n",
	    "listen = /0123456789/0123456789/0123456789/0123456789/"
	    "0123456789/0123456789/0123456789/0123456789/0123456789/"
	    "0123456789\n",
	    "providers_dir = /a b\n",
	    "state_dir = state\n",
	    "log_level = verbose\n",
	    "fetch_timeout = 0\n",
	    "no_such_key = 1\n",
	};
	struct conf_errors e = {0};
	struct settings s = {0};
	size_t i;

	write_file("sasl-bearer.conf",
	    "listen = /a /b\nstate_dir = /s\naccounts_dir = /acc\n"
	    "providers_dir = /p /q\nlibexec_dir = /l\nrun_as = me\n"
	    "ca_file = /ca\nproxy = http://p:3128\nfetch_timeout = 5s\n"
	    "log_level = debug\n",
	    0644);
	tap_ok(settings_load(in_dir("sasl-bearer.conf"), 0, &s, &e) == 0,
	    "every key of sasl-bearer.conf");
	tap_is(joined(s.listen), "/a /b", "listen");
	tap_is(joined(s.providers_dir), "/p /q", "providers_dir");
	tap_is(s.accounts_dir, "/acc", "accounts_dir");
	tap_ok(s.fetch_timeout_s == 5 && s.log_level == LEVEL_DEBUG,
	    "fetch_timeout, log_level");
	settings_clear(&s);
	for (i = 0; i < COUNT_OF(bad); i++) {
		e = (struct conf_errors){0};
		write_file("sasl-bearer.conf", bad[i], 0644);
		tap_ok(
		    settings_load(in_dir("sasl-bearer.conf"), 0, &s, &e) < 0 &&
			e.count == 1 && strstr(e.first, ".conf:1: "),
		    "refused: %s", e.first);
		settings_clear(&s);
	}
}

static void
test_system_defaults(void)
{
	struct conf_errors e = {0};
	struct settings s = {0};
	char want[4 * PATH_MAX];

	write_file("sasl-bearer.conf", "", 0644);
	tap_ok(settings_load(in_dir("sasl-bearer.conf"), 0, &s, &e) == 0,
	    "an empty sasl-bearer.conf");
	tap_is(s.state_dir, default_of("state_dir"), "state_dir");
	tap_is(joined(s.listen), default_of("listen"), "listen");
	tap_is(s.accounts_dir, in_dir("accounts.d"),
	    "accounts_dir is beside the file");
	snprintf(want, sizeof(want), "%s ", in_dir("providers.d"));
	tap_ok(strncmp(joined(s.providers_dir), want, strlen(want)) == 0,
	    "providers_dir is first beside the file");
	tap_ok(s.fetch_timeout_s == 20 && s.log_level == LEVEL_INFO,
	    "fetch_timeout, log_level");
	settings_clear(&s);
	tap_ok(settings_load(in_dir("none.conf"), 0, &s, &e) == -ENOENT,
	    "a file that is named must be there");
	settings_clear(&s);
}

static void
test_user_defaults(void)
{
	struct conf_errors e = {0};
	struct settings s = {0};
	char path[PATH_MAX];

	setenv("HOME", dir, 1);
	unsetenv("XDG_CONFIG_HOME");
	setenv("XDG_STATE_HOME", "relative", 1);
	setenv("XDG_RUNTIME_DIR", dir, 1);
	chmod(dir, 0700);
	tap_ok(settings_path(1, path, sizeof(path)) == 0, "path");
	tap_is(path, in_dir(".config/sasl-bearer/sasl-bearer.conf"),
	    "of the user's file");
	tap_ok(settings_load(NULL, 1, &s, &e) == 0, "which need not be there");
	tap_is(s.accounts_dir, in_dir(".config/sasl-bearer/accounts.d"),
	    "accounts_dir");
	tap_is(s.state_dir, in_dir(".local/state/sasl-bearer"), "state_dir");
	tap_is(joined(s.listen), in_dir("sasl-bearer/socket"), "listen");
	settings_clear(&s);
	setenv("XDG_CONFIG_HOME", in_dir("config"), 1);
	setenv("XDG_STATE_HOME", in_dir("state"), 1);
	tap_ok(settings_load(NULL, 1, &s, &e) == 0, "with XDG variables");
	tap_is(s.state_dir, in_dir("state/sasl-bearer"), "state_dir");
	tap_is(s.accounts_dir, in_dir("config/sasl-bearer/accounts.d"),
	    "accounts_dir");
	settings_clear(&s);
	tap_ok(settings_path(1, path, 8) == -ENAMETOOLONG, "a short buffer");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("HOME");
	tap_ok(settings_path(1, path, sizeof(path)) == -ENOENT, "no HOME");
}

static void
clean(void)
{
	static const char *const files[] = {"accounts.d/alice@x.test.conf",
	    "accounts.d/b.conf", "accounts.d/zoe.conf", "accounts.d/ann.conf",
	    "accounts.d/ann.conf~", "accounts.d/not one.conf",
	    "providers.d/test.conf", "providers.d/broken.conf",
	    "providers.d/empty.conf", "providers.d/servers.conf",
	    "sasl-bearer.conf"};
	size_t i;

	for (i = 0; i < COUNT_OF(files); i++)
		unlink(in_dir(files[i]));
	rmdir(in_dir("accounts.d"));
	rmdir(in_dir("providers.d"));
	rmdir(dir);
}

int
main(void)
{
	struct conf_errors e = {0};

	if (!mkdtemp(dir) || mkdir(in_dir("accounts.d"), 0700) < 0 ||
	    mkdir(in_dir("providers.d"), 0700) < 0)
		return 99;
	write_file("providers.d/test.conf", test_provider, 0644);
	write_file("providers.d/broken.conf", "title = B\nhots = h\n", 0644);
	write_file("providers.d/empty.conf", "title = E\n", 0644);
	write_file("providers.d/servers.conf",
	    "title = S\nhosts = a *.b\nsmtp_server = c\nimap_server = x.b\n",
	    0644);
	write_file("sasl-bearer.conf", "", 0644);
	tap_ok(settings_load(in_dir("sasl-bearer.conf"), 0, &settings, &e) == 0,
	    "settings");
	test_good();
	test_ends();
	test_servers();
	test_wrong();
	test_user_length();
	test_inline_secret();
	test_names();
	test_provider_names();
	test_services();
	test_config_id();
	test_secrets();
	test_group_secret();
	test_settings_file();
	test_system_defaults();
	test_user_defaults();
	settings_clear(&settings);
	clean();
	return tap_done();
}
