/* SPDX-License-Identifier: MIT */
/* test-identity - who an id_token is about */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "helper/cli/identity.h"
#include "helper/cli/jwt.h"
#include "tap.h"

#define CLIENT "11111111-2222-3333-4444-abcdefabcdef"
#define HUGE_SIZE (2 * TOKEN_MAX)

/* A token of three parts, the middle one being what is given, encoded. */
static char *
make_token(const char *claims, size_t len)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm"
				      "nopqrstuvwxyz0123456789-_";
	char *token = calloc(1, 2 * len + 64);
	unsigned bits = 0;
	size_t i, n;

	n = (size_t)sprintf(token, "eyJhbGciOiJSUzI1NiJ9.");
	for (i = 0; i < len; i++) {
		bits = bits << 8 | (unsigned char)claims[i];
		token[n++] = letters[bits >> (2 + i % 3 * 2) & 63];
		if (i % 3 == 2)
			token[n++] = letters[bits & 63];
	}
	if (i % 3 != 0)
		token[n++] = letters[bits << (6 - i % 3 * 2) & 63];
	strcpy(token + n, ".c2ln");
	return token;
}

static int
parse(const char *claims, size_t len, struct identity *id)
{
	char *token = make_token(claims, len);
	int r = identity_parse(token, CLIENT, id);

	free(token);
	return r;
}

#define AUD "\"aud\":\"" CLIENT "\""

/* Claims, and what comes of them; names are in their order, with blanks. */
static const struct {
	const char *what;
	const char *claims;
	int result;
	const char *names;
} cases[] = {
    {"one name", "{" AUD ",\"email\":\"a@b.example\"}", 0, "a@b.example"},
    {"every claim, in the order that people know them",
	"{\"sub\":\"s@x\",\"upn\":\"u\",\"unique_name\":\"n\"," AUD
	",\"preferred_username\":\"p\",\"email\":\"e\"}",
	0, "e p u n s@x"},
    {"sub is a number of the provider's", "{" AUD ",\"sub\":\"1234\"}", 0, ""},
    {"sub: nothing before @", "{" AUD ",\"sub\":\"@x\"}", 0, ""},
    {"sub: nothing behind @", "{" AUD ",\"sub\":\"x@\"}", 0, ""},
    {"sub: two @", "{" AUD ",\"sub\":\"a@b@c\"}", 0, ""},
    {"sub: a blank", "{" AUD ",\"sub\":\"a b@c\"}", 0, ""},
    {"no names", "{" AUD "}", 0, ""},
    {"aud in an array", "{\"aud\":[1,null,\"x\",\"" CLIENT "\"]}", 0, ""},
    {"aud in capitals", "{\"aud\":\"11111111-2222-3333-4444-ABCDEFABCDEF\"}", 0,
	""},
    {"aud is another", "{\"aud\":\"x\",\"email\":\"a@b\"}", -EACCES, NULL},
    {"aud is an array without it", "{\"aud\":[\"x\",[\"" CLIENT "\"]]}",
	-EACCES, NULL},
    {"aud is empty", "{\"aud\":[]}", -EACCES, NULL},
    {"aud has more than the client",
	"{\"aud\":\"" CLIENT "\\u0000x\",\"email\":\"a@b\"}", -EACCES, NULL},
    {"aud is an object", "{\"aud\":{\"" CLIENT "\":1}}", -EACCES, NULL},
    {"aud is missing", "{\"email\":\"a@b\"}", -EACCES, NULL},
    {"aud is null", "{\"aud\":null}", -EACCES, NULL},
    {"wrong types",
	"{" AUD ",\"email\":1,\"upn\":[\"a\"],"
	"\"preferred_username\":{\"a\":1},\"unique_name\":null,"
	"\"sub\":true}",
	0, ""},
    {"an empty name", "{" AUD ",\"email\":\"\",\"upn\":\"u\"}", 0, "u"},
    {"a NUL in a name", "{" AUD ",\"email\":\"a\\u0000b\"}", 0, ""},
    {"a line feed in a name", "{" AUD ",\"email\":\"a\\nb\"}", 0, ""},
    {"bytes that are not UTF-8", "{" AUD ",\"email\":\"a\xff\"}", 0, ""},
    {"a name twice: the last", "{" AUD ",\"email\":\"a\",\"email\":\"b\"}", 0,
	"b"},
    {"blanks around it", " {" AUD ",\"upn\":\"u\"}\n", 0, "u"},
    {"an array", "[" CLIENT "]", -ERR_FORMAT, NULL},
    {"a string", "\"" CLIENT "\"", -ERR_FORMAT, NULL},
    {"null", "null", -ERR_FORMAT, NULL},
    {"cut off", "{" AUD ",\"email\":\"a", -ERR_FORMAT, NULL},
    {"more behind it", "{" AUD "}{}", -ERR_FORMAT, NULL},
    {"not JSON", "user=alice", -ERR_FORMAT, NULL},
};

static void
test_claims(void)
{
	struct identity id;
	char names[512];
	size_t i, n;
	int r;

	for (i = 0; i < COUNT_OF(cases); i++) {
		memset(&id, 0, sizeof(id));
		id.count = 99;
		r = parse(cases[i].claims, strlen(cases[i].claims), &id);
		tap_ok(r == cases[i].result, "%s: %d", cases[i].what, r);
		if (cases[i].result < 0) {
			tap_ok(id.count == 99, "%s: untouched", cases[i].what);
			continue;
		}
		names[0] = '\0';
		for (n = 0; n < id.count && n < IDENTITY_NAMES; n++)
			sprintf(names + strlen(names), "%s%s", n ? " " : "",
			    id.names[n]);
		tap_is(names, cases[i].names, cases[i].what);
	}
}

/* What is no JWT, or one that is not written as it should be. */
static void
test_tokens(void)
{
	/* {"aud":"x","upn":"u"} */
	static const struct {
		const char *token;
		int result;
	} tokens[] = {
	    {"h.eyJhdWQiOiJ4IiwidXBuIjoidSJ9.s", 0},
	    {"h.eyJhdWQiOiJ4IiwidXBuIjoidSJ9.", 0},
	    {".eyJhdWQiOiJ4IiwidXBuIjoidSJ9.", 0},
	    {"h.eyJhdWQiOiJ4IiwidXBuIjoidSJ9====.s", 0},
	    /* the same, a blank longer, and then with what it lacks */
	    {"h.eyJhdWQiOiJ4IiwidXBuIjoidSJ9IA.s", 0},
	    {"h.eyJhdWQiOiJ4IiwidXBuIjoidSJ9IA==.s", 0},
	    {"h.eyJhdWQiOiJ4IiwidXBuIjoidSJ9I.s", -ERR_FORMAT},
	    {"h.eyJhdWQiOiJ4Iiwi=XBuIjoidSJ9.s", -ERR_FORMAT},
	    {"h.eyJhdWQiOiJ4Iiwi+XBuIjoidSJ9.s", -ERR_FORMAT},
	    {"h.eyJhdWQiOiJ4Iiwi/XBuIjoidSJ9.s", -ERR_FORMAT},
	    {"h.eyJhdWQiOiJ4Iiwi\xc3XBuIjoidSJ9.s", -ERR_FORMAT},
	    {"h.eyJhdWQiOiJ4Iiwi XBuIjoidSJ9.s", -ERR_FORMAT},
	    {"h.eyJhdWQiOiJ4IiwidXBuIjoidSJ9", -ERR_FORMAT},
	    {"eyJhdWQiOiJ4IiwidXBuIjoidSJ9", -ERR_FORMAT},
	    {"h.eyJhdWQiOiJ4IiwidXBuIjoidSJ9.s.t.u", -ERR_FORMAT},
	    {"h..s", -ERR_FORMAT},
	    {"h.====.s", -ERR_FORMAT},
	    {"..", -ERR_FORMAT},
	    {"", -ERR_FORMAT},
	};
	struct identity id;
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(tokens); i++) {
		r = identity_parse(tokens[i].token, "x", &id);
		tap_ok(r == tokens[i].result, "\"%s\": %d", tokens[i].token, r);
	}
}

static void
test_bounds(void)
{
	static char text[HUGE_SIZE];
	struct identity id = {0};
	int i, n;

	n = sprintf(text, "{" AUD ",\"upn\":\"u\",\"email\":\"");
	memset(text + n, 'x', USER_MAX);
	strcpy(text + n + USER_MAX, "\"}");
	tap_ok(parse(text, strlen(text), &id) == 0 && id.count == 2 &&
		strlen(id.names[0]) == USER_MAX,
	    "a name of %d bytes", USER_MAX);
	strcpy(text + n + USER_MAX, "x\"}");
	tap_ok(parse(text, strlen(text), &id) == 0 && id.count == 1,
	    "one more is left out");

	n = sprintf(text, "{" AUD ",\"x\":");
	for (i = 0; i < JWT_DEPTH; i++)
		text[n++] = '[';
	for (i = 0; i < JWT_DEPTH; i++)
		text[n++] = ']';
	text[n++] = '}';
	tap_ok(parse(text, (size_t)n, &id) == -ERR_FORMAT, "nested too deep");
	memset(text, '[', sizeof(text) / 4);
	tap_ok(parse(text, sizeof(text) / 4, &id) == -ERR_FORMAT,
	    "nothing but brackets");

	n = sprintf(text, "{" AUD ",\"upn\":\"u\",\"x\":\"");
	memset(text + n, 'x', sizeof(text) - (size_t)n);
	memcpy(text + 12000, "\"}", 2);
	tap_ok(parse(text, 12002, &id) == 0 && id.count == 1, "a large one");
	memcpy(text + 12400, "\"}", 2);
	text[12000] = text[12001] = 'x';
	tap_ok(parse(text, 12402, &id) == -ERR_FORMAT, "a too large one");
}

static void
test_has(void)
{
	const struct identity id = {2, {"Alice@Example.com", "al"}};
	const struct identity nobody = {0};

	tap_ok(identity_has(&id, "alice@example.COM"), "case does not count");
	tap_ok(identity_has(&id, "al"), "the second name");
	tap_ok(!identity_has(&id, "alice@example.co"), "a shorter one");
	tap_ok(!identity_has(&id, ""), "an empty one");
	tap_ok(!identity_has(&nobody, ""), "nobody");
}

int
main(void)
{
	test_claims();
	test_tokens();
	test_bounds();
	test_has();
	return tap_done();
}
