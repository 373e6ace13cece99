/* SPDX-License-Identifier: MIT */
/* test-import - the token files of other programs */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/import-parse.h"
#include "tap.h"

#define BIG (TOKEN_MAX + 2)

static int
parse(const char *text, struct import_file *f, char *why)
{
	*why = '\0';
	return import_parse(text, strlen(text), f, why);
}

/* As sasl-xoauth2 2's library writes it, and mutt_oauth2.py. */
#define TOKENS                                             \
	"{\n\t\"access_token\" : \"at\",\n\t\"expiry\" : " \
	"\"1700000000\",\n\t\"refresh_token\" : \"rt\"\n}\n"
#define MUTT                                                              \
	"{\"registration\": \"microsoft\", \"authflow\": \"devicecode\"," \
	" \"email\": \"a@b.example\", \"access_token\": \"at\","          \
	" \"access_token_expiration\": \"%s\", \"refresh_token\": \"rt\"}"

static const struct {
	const char *what;
	const char *text;
	enum import_kind kind;
	int64_t expires_at;
} good[] = {
    {"tokens", TOKENS, IMPORT_TOKENS, 1700000000},
    {"a number as expiry, as its tool writes",
	"{\"refresh_token\":\"rt\",\"expiry\":0,\"access_token\":\"at\"}",
	IMPORT_TOKENS, 0},
    {"an answer of Google's",
	"{\"access_token\":\"at\",\"expires_in\":3599,\"refresh_token\":\"rt\","
	"\"scope\":\"https://mail.google.com/\",\"token_type\":\"Bearer\"}",
	IMPORT_TOKENS, 0},
    {"no sensible expiry", "{\"refresh_token\":\"rt\",\"expiry\":\"soon\"}",
	IMPORT_TOKENS, 0},
    {"a negative expiry", "{\"refresh_token\":\"rt\",\"expiry\":-5}",
	IMPORT_TOKENS, 0},
    {"configuration", "{\"client_id\":\"c\",\"client_secret\":\"s\"}",
	IMPORT_CONFIG, 0},
    {"configuration with comments, and an empty secret",
	"// one\n{ /* two */ \"client_id\": \"c\", \"client_secret\": \"\" }\n",
	IMPORT_CONFIG, 0},
    {"an application's, without any token",
	"{\"use_client_credentials\":\"yes\",\"scope\":\"a\"}", IMPORT_TOKENS,
	0},
    {"an application's, with an own client and a user",
	"{\"use_client_credentials\":\"yes\",\"client_id\":\"c\","
	"\"client_secret\":\"s\",\"user\":\"u\"}",
	IMPORT_TOKENS, 0},
    {"an application's, with nothing in it", "{}", IMPORT_TOKENS, 0},
    {"the configuration of an application",
	"{\"use_client_credentials\":\"yes\",\"client_id\":\"c\","
	"\"client_secret\":\"s\",\"scope\":\"a\"}",
	IMPORT_CONFIG, 0},
    {"a null counts as nothing",
	"{\"refresh_token\":\"rt\",\"client_id\":null}", IMPORT_TOKENS, 0},
};

static void
test_good(void)
{
	struct import_file f;
	char why[IMPORT_WHY];
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(good); i++) {
		r = parse(good[i].text, &f, why);
		tap_ok(r == 0 && f.kind == good[i].kind &&
			f.expires_at == good[i].expires_at,
		    "%s%s", good[i].what, why);
		if (r == 0)
			import_file_clear(&f);
	}
}

static void
test_all_keys(void)
{
	struct import_file f;
	char why[IMPORT_WHY];
	int r = parse(
	    "{\"client_id\":\"c\",\"client_secret\":\"s\",\"token_endpoint\":"
	    "\"https://x.example/t\",\"user\":\"u\",\"scope\":\"a b\","
	    "\"proxy\":\"p\",\"ca_bundle_file\":\"/ca\",\"ca_certs_dir\":\"/d\""
	    ",\"refresh_window\":\"600\",\"use_client_credentials\":\"True\","
	    "\"refresh_token\":\"rt\",\"access_token\":\"at\"}",
	    &f, why);

	tap_ok(r == 0, "all keys of a token file");
	if (r != 0)
		return;
	tap_is(f.client_id, "c", "client_id");
	tap_is(f.client_secret, "s", "client_secret");
	tap_is(f.token_endpoint, "https://x.example/t", "token_endpoint");
	tap_is(f.user, "u", "user");
	tap_is(f.scope, "a b", "scope");
	tap_is(f.proxy, "p", "proxy");
	tap_is(f.ca_bundle_file, "/ca", "ca_bundle_file");
	tap_is(f.ca_certs_dir, "/d", "ca_certs_dir");
	tap_is(f.refresh_token, "rt", "refresh_token");
	tap_is(f.access_token, "at", "access_token");
	tap_ok(f.refresh_window_s == 600, "refresh_window");
	tap_ok(f.client_credentials, "use_client_credentials");
	import_file_clear(&f);
	tap_ok(!f.client_secret && !f.client_credentials, "cleared");
}

/* datetime.isoformat() of Python, with and without what it may leave out. */
static const struct {
	const char *text;
	int64_t expires_at;
} times[] = {
    {"2023-11-14T23:13:20.123456", 1700000000},
    {"2023-11-14T23:13:20", 1700000000},
    {"2023-11-14T22:13:20+00:00", 1700000000},
    {"2023-11-14T22:13:20.5Z", 1700000000},
    {"2023-11-15T03:43:20.5+05:30", 1700000000},
    {"2023-11-14T14:13:20-08:00", 1700000000},
    {"2023-07-14T23:13:20", 1689369200},
    {"", 0},
    {"2023-11-14", 0},
    {"2023-11-14T22:13:20+1", 0},
    {"2023-11-14T22:13:20 UTC", 0},
    {"1900-01-01T00:00:00Z", 0},
    {"tomorrow", 0},
};

static void
test_times(void)
{
	char text[512], why[IMPORT_WHY];
	struct import_file f;
	size_t i;
	int r;

	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	for (i = 0; i < COUNT_OF(times); i++) {
		snprintf(text, sizeof(text), MUTT, times[i].text);
		r = parse(text, &f, why);
		tap_ok(r == 0 && f.kind == IMPORT_MUTT &&
			f.expires_at == times[i].expires_at,
		    "mutt_oauth2.py's time \"%s\"", times[i].text);
		if (r != 0)
			continue;
		if (i == 0) {
			tap_is(f.registration, "microsoft", "registration");
			tap_is(f.user, "a@b.example", "email");
		}
		import_file_clear(&f);
	}
}

static const struct {
	const char *what;
	const char *text;
	int result;
	const char *why;
} bad[] = {
    {"nothing", "", -ERR_FORMAT, "empty"},
    {"blanks", " \n", -ERR_FORMAT, "not JSON"},
    {"no JSON", "client_id = x\n", -ERR_FORMAT, "not JSON"},
    {"an array", "[]", -ERR_FORMAT, "not JSON"},
    {"the beginning", "{\"refresh_token\":\"r\"", -ERR_FORMAT, "not JSON"},
    {"more than one value", "{\"refresh_token\":\"r\"}{}", -ERR_FORMAT,
	"not JSON"},
    {"too deep", "{\"a\":[[[[[[[[[[]]]]]]]]]]}", -ERR_FORMAT, "not JSON"},
    {"other JSON", "{\"installed\":{\"client_id\":\"c\"}}", -ERR_FORMAT,
	"no file of sasl-xoauth2"},
    {"a line feed", "{\"refresh_token\":\"a\\nb\"}", -ERR_FORMAT,
	"refresh_token is not a line of text"},
    {"a NUL", "{\"refresh_token\":\"a\\u0000b\"}", -ERR_FORMAT,
	"refresh_token is not a line of text"},
    {"a number", "{\"refresh_token\":1}", -ERR_FORMAT,
	"refresh_token is not a line of text"},
    {"an object", "{\"refresh_token\":\"r\",\"user\":{}}", -ERR_FORMAT,
	"user is not a line of text"},
    {"managed by others",
	"{\"access_token\":\"a\",\"manage_token_externally\":\"yes\"}",
	-ERR_FORMAT, "grant = file"},
};

static void
test_bad(void)
{
	struct import_file f = {.user = NULL};
	char why[IMPORT_WHY];
	size_t i;

	for (i = 0; i < COUNT_OF(bad); i++) {
		tap_ok(parse(bad[i].text, &f, why) == bad[i].result &&
			strstr(why, bad[i].why) && !f.refresh_token,
		    "refused: %s", bad[i].what);
		if (!strstr(why, bad[i].why))
			printf("# %s\n", why);
	}
}

static void
test_sizes(void)
{
	static char text[IMPORT_MAX + 2];
	struct import_file f;
	char why[IMPORT_WHY];
	int n = sprintf(text, "{\"refresh_token\":\"");

	memset(text + n, 'r', BIG);
	strcpy(text + n + TOKEN_MAX, "\"}");
	tap_ok(
	    parse(text, &f, why) == 0 && strlen(f.refresh_token) == TOKEN_MAX,
	    "the longest token there is");
	import_file_clear(&f);
	memset(text + n, 'r', BIG);
	strcpy(text + n + TOKEN_MAX + 1, "\"}");
	tap_ok(parse(text, &f, why) == -ERR_TOOBIG, "a longer one");
	memset(text, ' ', IMPORT_MAX + 1);
	tap_ok(import_parse(text, IMPORT_MAX + 1, &f, why) == -ERR_TOOBIG,
	    "a file that is too long");
	tap_ok(parse("{\"refresh_token\":\"r\",\"access_token\":\"a b\"}", &f,
		   why) == 0 &&
		!f.access_token && f.refresh_token,
	    "what is no access token is left out");
	import_file_clear(&f);
}

static void
test_encrypted(void)
{
	static const char armored[] = "-----BEGIN PGP MESSAGE-----\n\nhQE";

	tap_ok(import_is_encrypted(armored, sizeof(armored) - 1), "armored");
	tap_ok(import_is_encrypted("\x85\x01\x0c", 3), "for a key");
	tap_ok(import_is_encrypted("\x8c\x0d\x04", 3), "by a passphrase");
	tap_ok(import_is_encrypted("\xc1\x0d\x04", 3), "a packet as of 1998");
	tap_ok(!import_is_encrypted("", 0) && !import_is_encrypted("{}", 2) &&
		!import_is_encrypted("-----BEGIN CERTIFICATE-----", 27),
	    "nothing, JSON and a certificate are not");
}

int
main(void)
{
	test_good();
	test_all_keys();
	test_times();
	test_bad();
	test_sizes();
	test_encrypted();
	return tap_done();
}
