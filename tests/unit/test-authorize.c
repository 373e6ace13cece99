/* SPDX-License-Identifier: MIT */
/* test-authorize - what travels through a browser, there and back */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/authorize.h"
#include "helper/cli/issuer.h"
#include "helper/cli/login-consent.h"
#include "helper/cli/query.h"
#include "tests/unit/tap.h"

#define STATE "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
#define SAME "http://127.0.0.1/"

static void
test_pkce(void)
{
	char a[PKCE_SIZE], b[PKCE_SIZE];

	tap_ok(pkce_challenge(
		   "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", a) == 0,
	    "a challenge");
	tap_is(a, CHALLENGE, "RFC 7636 appendix B");
	tap_ok(pkce_random(a) == 0 && pkce_random(b) == 0, "random");
	tap_ok(strcmp(a, b) != 0, "twice not the same");
	tap_ok(strlen(a) == 43 &&
		strspn(a,
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		    "0123456789-_") == 43,
	    "43 of the allowed characters");
	tap_ok(pkce_equal("abc", "abc") && !pkce_equal("abc", "abd") &&
		!pkce_equal("abc", "ab") && !pkce_equal("ab", "abc") &&
		pkce_equal("", ""),
	    "equal, or not");
}

/* Bases and parameters, and what they make. */
static const struct {
	const char *url, *value, *result;
} adds[] = {
    {"https://h/a", "b", "https://h/a?n=b"},
    {"https://h/a?", "b", "https://h/a?n=b"},
    {"https://h/a?x=y", "b", "https://h/a?x=y&n=b"},
    {"https://h/a?x=y&", "b", "https://h/a?x=y&n=b"},
    {"https://h/a", "", "https://h/a"},
    {"https://h/a", NULL, "https://h/a"},
    {"https://h/a", "a b+c&d=e%f/g", "https://h/a?n=a%20b%2Bc%26d%3De%25f%2Fg"},
    {"https://h/a", "\xc3\xa9.-_~", "https://h/a?n=%C3%A9.-_~"},
};

static void
test_query_add(void)
{
	char url[64];
	size_t i;

	for (i = 0; i < COUNT_OF(adds); i++) {
		strcpy(url, adds[i].url);
		tap_ok(query_add(url, sizeof(url), "n", adds[i].value) == 0,
		    "add to %s", adds[i].url);
		tap_is(url, adds[i].result, "what it makes");
	}
	strcpy(url, "0123456789");
	tap_ok(query_add(url, 15, "n", "ab") == -ERR_TOOBIG, "too long");
	tap_is(url, "0123456789", "nothing was added");
	tap_ok(query_add(url, 16, "n", "ab") == 0, "just fits");
	tap_is(url, "0123456789?n=ab", "to the last byte");
	tap_ok(query_add_raw(url, 18, "x") == 0, "raw, just fits");
	tap_is(url, "0123456789?n=ab&x", "as it is");
	strcpy(url, "u");
	tap_ok(query_add_raw(url, 8, "a=%20b") == -ERR_TOOBIG, "raw, too long");
}

static const struct {
	const char *query, *value;
	int result;
} gets[] = {
    {"n=b", "b", 1},
    {"x=y&n=b&z=0", "b", 1},
    {"n=a%20b+c%2B", "a b c+", 1},
    {"n=a=b", "a=b", 1},
    {"n=b#n=c", "b", 1},
    {"#n=b", NULL, 0},
    {"", NULL, 0},
    {"&&&", NULL, 0},
    {"n", NULL, 0},
    {"n=", NULL, 0},
    {"nn=b&xn=c", NULL, 0},
    {"N=b", NULL, 0},
    {"n=b&n=b", NULL, -ERR_TWICE},
    {"n=%", NULL, -ERR_FORMAT},
    {"n=%4", NULL, -ERR_FORMAT},
    {"n=%4&x=1", NULL, -ERR_FORMAT},
    {"n=%zz", NULL, -ERR_FORMAT},
    {"n=a%00b", NULL, -ERR_CONTROL},
    {"n=0123456", "0123456", 1},
    {"n=01234567", NULL, -ERR_TOOBIG},
    {"n=%c3%A9", "\xc3\xa9", 1},
};

static void
test_query_get(void)
{
	char buf[8];
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(gets); i++) {
		r = query_get(gets[i].query, "n", buf, sizeof(buf));
		tap_ok(r == gets[i].result, "\"%s\": %d", gets[i].query, r);
		if (r == 1)
			tap_is(buf, gets[i].value, "its value");
	}
}

static const struct {
	const char *uri;
	int result;
	enum redirect_host host;
	int port;
	const char *path, *with_port;
} redirects[] = {
    {"http://127.0.0.1/", 0, REDIRECT_IPV4, 0, "/", "http://127.0.0.1:99/"},
    {"http://127.0.0.1", 0, REDIRECT_IPV4, 0, "/", "http://127.0.0.1:99"},
    {"http://localhost/", 0, REDIRECT_LOCALHOST, 0, "/",
	"http://localhost:99/"},
    {"http://localhost:8400/a/b?c=d", 0, REDIRECT_LOCALHOST, 8400, "/a/b",
	"http://localhost:99/a/b?c=d"},
    {"http://localhost?c=d", 0, REDIRECT_LOCALHOST, 0, "/",
	"http://localhost:99?c=d"},
    {"http://[::1]/cb", 0, REDIRECT_IPV6, 0, "/cb", "http://[::1]:99/cb"},
    {"http://127.0.0.1:0/", -ERR_NUMBER, 0, 0, NULL, NULL},
    {"http://127.0.0.1:65536/", -ERR_NUMBER, 0, 0, NULL, NULL},
    {"http://127.0.0.1:/", -ERR_NUMBER, 0, 0, NULL, NULL},
    {"http://127.0.0.1:123456789/", -ERR_NUMBER, 0, 0, NULL, NULL},
    {"http://127.0.0.1/#f", -ERR_FORMAT, 0, 0, NULL, NULL},
    {"https://127.0.0.1/", 0, REDIRECT_ELSEWHERE, 0, NULL, NULL},
    {"http://127.0.0.1.example.com/", 0, REDIRECT_ELSEWHERE, 0, NULL, NULL},
    {"http://localhost.example.com/", 0, REDIRECT_ELSEWHERE, 0, NULL, NULL},
    {"https://login.example.com/nativeclient", 0, REDIRECT_ELSEWHERE, 0, NULL,
	NULL},
};

static void
test_redirect(void)
{
	char uri[REDIRECT_MAX + 8], host[32];
	struct redirect r;
	size_t i;
	int code;

	for (i = 0; i < COUNT_OF(redirects); i++) {
		code = redirect_parse(&r, redirects[i].uri);
		tap_ok(code == redirects[i].result, "%s: %d", redirects[i].uri,
		    code);
		if (code < 0)
			continue;
		tap_ok(
		    r.host == redirects[i].host && r.port == redirects[i].port,
		    "its host and port");
		if (r.host == REDIRECT_ELSEWHERE)
			continue;
		tap_is(r.path, redirects[i].path, "its path");
		redirect_format(&r, 99, uri, host);
		tap_is(uri, redirects[i].with_port, "with a port");
	}
	tap_ok(redirect_parse(&r, "http://localhost/") == 0, "once more");
	redirect_format(&r, 99, uri, host);
	tap_is(host, "localhost:99", "what a Host header has");
	redirect_format(&r, 80, uri, host);
	tap_is(host, "localhost", "without the usual port");
	tap_is(uri, "http://localhost:80/", "which the address has");
	memset(uri, 'a', sizeof(uri));
	uri[REDIRECT_MAX - 16] = '\0';
	tap_ok(redirect_parse(&r, uri) == 0, "as long as may be");
	uri[REDIRECT_MAX - 16] = 'a';
	uri[REDIRECT_MAX - 15] = '\0';
	tap_ok(redirect_parse(&r, uri) == -ERR_TOOBIG, "longer");
}

static const struct {
	const char *expected, *iss;
	int same;
} issuers[] = {
    {"https://a.example", "https://a.example", 1},
    {"https://a.example/", "https://a.example", 1},
    {"https://a.example", "https://a.example/", 1},
    {"https://a.example", "https://a.example//", 0},
    {"https://a.example", "https://A.example", 0},
    {"https://a.example", "https://a.example.evil.org", 0},
    {"https://a.example", "https://a.exampl", 0},
    {"https://a.example", "", 0},
    {"https://m/{tenantid}/v2.0", "https://m/0123-ab/v2.0", 1},
    {"https://m/{tenantid}/v2.0", "https://m/0123-ab/v2.0/", 1},
    {"https://m/{tenantid}/v2.0", "https://m//v2.0", 0},
    {"https://m/{tenantid}/v2.0", "https://m/a/b/v2.0", 0},
    {"https://m/{tenantid}/v2.0", "https://n/a/v2.0", 0},
    {"https://m/{tenantid}/v2.0", "https://m/a/v1.0", 0},
    {"https://m/{tenantid}/", "https://m/a", 1},
};

static void
test_issuer(void)
{
	size_t i;

	for (i = 0; i < COUNT_OF(issuers); i++)
		tap_ok(issuer_matches(issuers[i].expected, issuers[i].iss) ==
			issuers[i].same,
		    "%s and %s", issuers[i].expected, issuers[i].iss);
}

/* A sign-in whose random parts are known. */
static struct authorize
example(void)
{
	return (struct authorize){
	    .endpoint = "https://login.example.com/authorize",
	    .login_hint = "alice@example.com",
	    .redirect_uri = SAME,
	    .state = STATE,
	    .verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
	};
}

static void
test_url(void)
{
	char id[] = "a b", scope[] = "openid mail", resource[] = "urn:x",
	     more[] = "access_type=offline&prompt=consent", bad[] = "a b";
	struct account_conf a = {.client_id = id, .scope = scope};
	struct authorize q = example();
	char url[1024];

	tap_ok(authorize_url(&q, &a, url, sizeof(url)) == 0, "an address");
	tap_is(url,
	    "https://login.example.com/authorize?client_id=a%20b&"
	    "response_type=code&redirect_uri=http%3A%2F%2F127.0.0.1%2F&"
	    "scope=openid%20mail&state=" STATE "&code_challenge=" CHALLENGE
	    "&code_challenge_method=S256&login_hint=alice%40example.com",
	    "all that RFC 6749 and 7636 want");
	a.resource = resource;
	a.authorization_query = more;
	q.endpoint = "https://login.example.com/authorize?p=b2c";
	tap_ok(authorize_url(&q, &a, url, sizeof(url)) == 0, "with more");
	tap_ok(strncmp(url, "https://login.example.com/authorize?p=b2c&client",
		   48) == 0,
	    "a query of the endpoint stays");
	tap_ok(
	    strstr(url,
		"&resource=urn%3Ax&access_type=offline&prompt=consent") != NULL,
	    "the provider's own query comes last, as it is");
	tap_ok(authorize_url(&q, &a, url, 100) == -ERR_TOOBIG, "too long");
	a.authorization_query = bad;
	tap_ok(authorize_url(&q, &a, url, sizeof(url)) == -ERR_FORMAT,
	    "a query with a blank");
	a.authorization_query = NULL;
	q.endpoint = "https://login.example.com/#x";
	tap_ok(authorize_url(&q, &a, url, sizeof(url)) == -ERR_FORMAT,
	    "an endpoint with a fragment");
	tap_ok(authorize_start(&q) == 0 && strlen(q.state) == 43 &&
		strlen(q.verifier) == 43 && strcmp(q.state, q.verifier) != 0,
	    "a start");
}

#define OK "state=" STATE "&code=c0de"
#define ISS "&iss=https%3A%2F%2Flogin.example.com"

static const struct {
	const char *query, *issuer;
	int required;
	enum authorize_result result;
	const char *code, *error;
} answers[] = {
    {OK, NULL, 0, AUTHORIZE_CODE, "c0de", ""},
    {OK "&session_state=x", "https://x", 0, AUTHORIZE_CODE, "c0de", ""},
    {OK ISS, "https://login.example.com", 1, AUTHORIZE_CODE, "c0de", ""},
    {OK ISS, NULL, 1, AUTHORIZE_CODE, "c0de", ""},
    {OK ISS, "https://other.example.com", 0, AUTHORIZE_ISSUER, "", ""},
    {OK ISS ISS, "https://login.example.com", 0, AUTHORIZE_ISSUER, "", ""},
    {OK, "https://login.example.com", 1, AUTHORIZE_ISSUER, "", ""},
    {"error=access_denied" ISS, "https://x", 0, AUTHORIZE_FOREIGN, "", ""},
    {"error=access_denied&state=" STATE ISS, "https://x", 0, AUTHORIZE_ISSUER,
	"", ""},
    {"code=c0de", NULL, 0, AUTHORIZE_FOREIGN, "", ""},
    {"", NULL, 0, AUTHORIZE_FOREIGN, "", ""},
    {"code=c0de&state=", NULL, 0, AUTHORIZE_FOREIGN, "", ""},
    {"code=c0de&state=" STATE "H", NULL, 0, AUTHORIZE_FOREIGN, "", ""},
    {"code=c0de&state=0" STATE, NULL, 0, AUTHORIZE_FOREIGN, "", ""},
    {OK "&state=" STATE, NULL, 0, AUTHORIZE_FOREIGN, "", ""},
    {OK "&code=c1de", NULL, 0, AUTHORIZE_MALFORMED, "", ""},
    {"state=" STATE, NULL, 0, AUTHORIZE_MALFORMED, "", ""},
    {"state=" STATE "&code=", NULL, 0, AUTHORIZE_MALFORMED, "", ""},
    {"state=" STATE "&code=a%0Ab", NULL, 0, AUTHORIZE_MALFORMED, "", ""},
    {"state=" STATE "&code=%zz", NULL, 0, AUTHORIZE_MALFORMED, "", ""},
    {OK "&error=access_denied", NULL, 0, AUTHORIZE_ERROR, "", "access_denied"},
    {OK "&error=%01", NULL, 0, AUTHORIZE_MALFORMED, "", ""},
    {OK "&error=a&error=b", NULL, 0, AUTHORIZE_MALFORMED, "", ""},
};

static void
test_judge(void)
{
	struct authorize_answer *answer = malloc(sizeof(*answer));
	struct authorize q = example();
	enum authorize_result r;
	size_t i;

	for (i = 0; i < COUNT_OF(answers); i++) {
		q.issuer = answers[i].issuer;
		q.iss_required = answers[i].required;
		r = authorize_judge(&q, answers[i].query, answer);
		tap_ok(r == answers[i].result, "\"%s\": %d", answers[i].query,
		    (int)r);
		if (answers[i].code)
			tap_is(answer->code, answers[i].code, "its code");
		tap_is(answer->error, answers[i].error, "its error");
	}
	q.issuer = NULL;
	q.iss_required = 0;
	r = authorize_judge(&q,
	    "state=" STATE "&error=x&error_description=a%0D%0Ab%ffc", answer);
	tap_ok(r == AUTHORIZE_ERROR, "an error with words");
	tap_is(answer->description, "a b?c", "they are made clean");
	free(answer);
}

/* What people paste, and the query in it. */
static const struct {
	const char *text, *query;
} pasted[] = {
    {SAME "?code=a&state=b", "code=a&state=b"},
    {"  " SAME "?code=a&state=b \r", "code=a&state=b"},
    {"\"" SAME "?code=a\"", "code=a"},
    {"<" SAME "?code=a>", "code=a"},
    {"127.0.0.1/?code=a", "code=a"},
    {"http://127.0.0.1?code=a", "code=a"},
    {"?code=a&state=b", "code=a&state=b"},
    {"code=a&state=b", "code=a&state=b"},
    {"state=b&iss=https://x/?y", "state=b&iss=https://x/?y"},
    {SAME, NULL},
    {"http://127.0.0.1:80/?code=a", NULL},
    {"https://login.example.com/authorize?client_id=a", NULL},
    {"http://127.0.0.1.evil.org/?code=a", NULL},
    {"hello", NULL},
    {"", NULL},
};

static void
test_pasted(void)
{
	struct authorize q = example();
	char text[128];
	size_t i;

	for (i = 0; i < COUNT_OF(pasted); i++) {
		strcpy(text, pasted[i].text);
		tap_is(authorize_pasted(&q, text), pasted[i].query,
		    pasted[i].text);
	}
	strcpy(q.redirect_uri, "https://login.example.com/nativeclient");
	strcpy(text, "https://login.example.com/nativeclient?code=a");
	tap_is(authorize_pasted(&q, text), "code=a", "another redirect_uri");
}

static void
test_errors(void)
{
	const struct authorize_error *e = authorize_error_find("access_denied");

	tap_ok(e->code == 77 && e->consent, "access_denied");
	e = authorize_error_find("server_error");
	tap_ok(e->code == 75 && !e->consent, "server_error");
	e = authorize_error_find("no_such_error");
	tap_ok(e->code == 69 && !e->consent && *e->what && *e->next,
	    "an unknown one has words too");
}

static void
test_consent(void)
{
	char id[] = "app", tenant[] = "common",
	     scope[] = "offline_access https://o/SMTP.Send openid https://o/I",
	     endpoint[] = "https://m/common/v2.0/adminconsent";
	struct account_conf a = {
	    .client_id = id, .tenant = tenant, .scope = scope};
	char url[256];

	tap_ok(login_consent_url(&a, NULL, url, sizeof(url)) == -ENOENT,
	    "no endpoint");
	a.admin_consent_endpoint = endpoint;
	tap_ok(
	    login_consent_url(&a, "http://localhost/", url, sizeof(url)) == 0,
	    "an address for an administrator");
	tap_is(url,
	    "https://m/organizations/v2.0/adminconsent?client_id=app&"
	    "redirect_uri=http%3A%2F%2Flocalhost%2F&"
	    "scope=https%3A%2F%2Fo%2FSMTP.Send%20https%3A%2F%2Fo%2FI",
	    "for organizations, without scopes of the person");
	tenant[0] = 'k';
	tap_ok(login_consent_url(&a, NULL, url, sizeof(url)) == 0, "another");
	tap_ok(strncmp(url, "https://m/common/v2.0/adminconsent?", 35) == 0,
	    "another tenant stays");
	tap_ok(login_consent_url(&a, NULL, url, 60) == -ERR_TOOBIG, "too long");
}

int
main(void)
{
	test_pkce();
	test_query_add();
	test_query_get();
	test_redirect();
	test_issuer();
	test_url();
	test_judge();
	test_pasted();
	test_errors();
	test_consent();
	return tap_done();
}
