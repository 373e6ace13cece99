/* SPDX-License-Identifier: MIT */
/* test-claims - what an access token says of itself */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "common/err.h"
#include "helper/cli/claims.h"
#include "tap.h"

#define EXCHANGE "\"aud\":\"https://outlook.office.com\""

/* A JWT of these claims; what base64 has besides base64url is replaced. */
static char *
make_token(const char *claims)
{
	size_t len = strlen(claims), i;
	char *token = calloc(1, 2 * len + 64);
	int n;

	strcpy(token, "eyJhbGciOiJSUzI1NiJ9.");
	i = strlen(token);
	n = EVP_EncodeBlock((unsigned char *)token + i,
	    (const unsigned char *)claims, (int)len);
	for (; token[i]; i++)
		token[i] = token[i] == '+' ? '-'
		    : token[i] == '/'	   ? '_'
					   : token[i];
	tap_ok(n > 0, "a token of %d letters", n);
	strcpy(token + i, ".c2ln");
	return token;
}

static int
parse(const char *claims, struct claims *c)
{
	char *token = make_token(claims);
	int r = claims_parse(token, c);

	free(token);
	return r;
}

/* A person's token and an application's. */
static void
test_all(void)
{
	struct claims c;

	tap_ok(
	    parse("{" EXCHANGE ",\"scp\":\"IMAP.AccessAsUser.All SMTP.Send\","
		  "\"upn\":\"a@b.example\",\"unique_name\":\"no\","
		  "\"appid\":\"01-23\",\"tid\":\"t\",\"exp\":1700003600}",
		&c) == 0,
	    "of a person");
	tap_is(c.aud, "https://outlook.office.com", "aud");
	tap_is(c.scp, "IMAP.AccessAsUser.All SMTP.Send", "scp");
	tap_is(c.roles, "", "no roles");
	tap_is(c.upn, "a@b.example", "upn comes first");
	tap_is(c.app, "01-23", "appid");
	tap_is(c.tid, "t", "tid");
	tap_ok(c.exp == 1700003600, "exp");

	tap_ok(parse("{\"aud\":[\"x\",\"y\"],\"roles\":[\"A\",1,\"B\"],"
		     "\"scope\":\"mail\",\"azp\":\"z\",\"exp\":\"soon\","
		     "\"preferred_username\":\"p\"}",
		   &c) == 0,
	    "others");
	tap_is(c.aud, "x y", "an array of aud");
	tap_is(c.roles, "A B", "what is no text is left out");
	tap_is(c.scp, "mail", "scope, RFC 9068");
	tap_is(c.app, "z", "azp");
	tap_is(c.upn, "p", "preferred_username");
	tap_ok(c.exp == 0, "exp that is no number");
}

static void
test_not_jwt(void)
{
	static const char *const tokens[] = {"", "ya29.a0AfH6", "EwBgA8l6BAAU",
	    "a.b.c", "a.b.c.d.e", "..", "h.bnVsbA.s", "h.W10.s",
	    "h.eyJhdWQiOiJ4.s"};
	struct claims c = {.exp = 42};
	size_t i;

	for (i = 0; i < COUNT_OF(tokens); i++)
		tap_ok(
		    claims_parse(tokens[i], &c) == -ERR_FORMAT && c.exp == 42,
		    "\"%s\" is opaque", tokens[i]);
}

/* What comes from elsewhere is fit to be shown, and fits. */
static void
test_odd(void)
{
	static char text[3 * CLAIMS_TEXT];
	struct claims c;
	size_t n;

	tap_ok(parse("{\"aud\":\"a\\u0000b\",\"upn\":\"a\\nb\\u001b[31m\","
		     "\"tid\":{\"a\":1},\"exp\":-5,\"scp\":\"\"}",
		   &c) == 0,
	    "odd ones");
	tap_is(c.aud, "", "a NUL");
	tap_is(c.upn, "a b [31m", "control bytes");
	tap_is(c.tid, "", "an object");
	tap_ok(c.exp == 0, "a negative time");

	n = (size_t)sprintf(text, "{\"aud\":\"");
	memset(text + n, 'x', 2 * CLAIMS_TEXT);
	strcpy(text + n + 2 * CLAIMS_TEXT, "\"}");
	tap_ok(parse(text, &c) == 0 && strlen(c.aud) == CLAIMS_TEXT - 1,
	    "a long one is cut");
}

/* Claims, whether Exchange is meant, and what is lacking for each service. */
static const struct {
	const char *claims;
	int exchange;
	const char *imap, *pop, *smtp;
} cases[] = {
    {"{" EXCHANGE ",\"scp\":\"IMAP.AccessAsUser.All SMTP.Send\"}", 1, NULL,
	"POP.AccessAsUser.All", NULL},
    {"{" EXCHANGE ",\"scp\":\"imap.accessasuser.all\"}", 1, NULL,
	"POP.AccessAsUser.All", "SMTP.Send"},
    {"{\"aud\":\"https://outlook.office365.com/\",\"roles\":"
     "[\"IMAP.AccessAsApp\"]}",
	1, NULL, "POP.AccessAsApp", NULL},
    {"{\"aud\":\"00000002-0000-0ff1-ce00-000000000000\"}", 1, NULL, NULL, NULL},
    {"{\"aud\":\"https://outlook.office365.us\"}", 1, NULL, NULL, NULL},
    {"{\"aud\":\"https://partner.outlook.cn\"}", 1, NULL, NULL, NULL},
    {"{\"aud\":\"https://graph.microsoft.com\",\"scp\":\"Mail.Send\"}", 0,
	"IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"},
    {"{\"aud\":\"https://outlook.office.com.evil.example\"}", 0, NULL, NULL,
	NULL},
    {"{}", 0, NULL, NULL, NULL},
};

static void
test_exchange(void)
{
	struct claims c;
	size_t i;

	for (i = 0; i < COUNT_OF(cases); i++) {
		tap_ok(parse(cases[i].claims, &c) == 0, "%s", cases[i].claims);
		tap_ok(claims_for_exchange(&c) == cases[i].exchange,
		    "for Exchange: %d", cases[i].exchange);
		tap_is(claims_lacks(&c, SERVICE_IMAP), cases[i].imap, "imap");
		tap_is(claims_lacks(&c, SERVICE_POP), cases[i].pop, "pop");
		tap_is(claims_lacks(&c, SERVICE_SMTP), cases[i].smtp, "smtp");
	}
}

int
main(void)
{
	test_all();
	test_not_jwt();
	test_odd();
	test_exchange();
	return tap_done();
}
