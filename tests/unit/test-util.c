/* SPDX-License-Identifier: MIT */
/* test-util - bytes, numbers, error texts */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "tests/unit/tap.h"

static void
test_token(void)
{
	static const struct {
		const char *token;
		int valid;
	} rows[] = {
	    {"abcXYZ019-._~+/", 1},
	    {"abc==", 1},
	    {"", 0},
	    {"=", 0},
	    {"ab=c", 0},
	    {"a b", 0},
	    {"a\001b", 0},
	    {"a\n", 0},
	    {"\xc3\xa9", 0},
	    {"a,b", 0},
	};
	char *big = malloc(TOKEN_MAX + 2);
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++)
		tap_ok(util_b64token_valid(rows[i].token) == rows[i].valid,
		    "b64token row %zu", i);
	memset(big, 'a', TOKEN_MAX + 1);
	big[TOKEN_MAX + 1] = '\0';
	tap_ok(!util_b64token_valid(big), "a token of 16 KiB + 1 is refused");
	big[TOKEN_MAX] = '\0';
	tap_ok(util_b64token_valid(big), "a token of 16 KiB is taken");
	free(big);
}

static void
test_sanitise(void)
{
	static const struct {
		const char *in, *out;
		size_t size;
	} rows[] = {
	    {"plain", "plain", 64},
	    {"a\r\nb\tc", "a b c", 64},
	    {"  \n x \n", "x", 64},
	    {"a\xff" "b", "a?b", 64},
	    {"%n%s", "%n%s", 64},
	    {"abcdef", "abc", 4},
	    {"ab\xe2\x82\xac", "ab", 4},
	    {"", "", 1},
	    {"\033[31mred", "[31mred", 64},
	    {"a\xc2\x9b" "31mred", "a 31mred", 64},
	    {"a\xc2\x80\xc2\x9f\xc2\x85" "b", "a b", 64},
	    {"a\xe2\x80\xae" "b\xe2\x80\xaa" "c", "a b c", 64},
	    {"a\xe2\x81\xa6" "b\xe2\x81\xa9", "a b", 64},
	    {"a\xe2\x80\xa8" "b\xe2\x80\xa9" "c", "a b c", 64},
	    {"\xc2\xa0\xc3\x9f\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa",
		"\xc2\xa0\xc3\x9f\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa",
		64},
	};
	char buf[64];
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		util_sanitise(
		    buf, rows[i].size, rows[i].in, strlen(rows[i].in));
		tap_is(buf, rows[i].out, "sanitise");
	}
}

static void
test_number(void)
{
	static const struct {
		const char *text;
		int64_t value;
		int result;
	} rows[] = {
	    {"0", 0, 0},
	    {"007", 7, 0},
	    {"9223372036854775807", INT64_MAX, 0},
	    {"9223372036854775808", 0, -ERR_NUMBER},
	    {"99999999999999999999999", 0, -ERR_NUMBER},
	    {"", 0, -ERR_NUMBER},
	    {"-1", 0, -ERR_NUMBER},
	    {"+1", 0, -ERR_NUMBER},
	    {" 1", 0, -ERR_NUMBER},
	    {"1x", 0, -ERR_NUMBER},
	};
	size_t i;
	int64_t n;

	for (i = 0; i < COUNT_OF(rows); i++) {
		n = 0;
		tap_ok(util_number_parse(rows[i].text, 0, INT64_MAX, &n) ==
			    rows[i].result &&
			n == rows[i].value,
		    "number \"%s\"", rows[i].text);
	}
	tap_ok(util_number_parse("5", 6, 9, &n) == -ERR_NUMBER, "below min");
	tap_ok(util_number_parse("10", 6, 9, &n) == -ERR_NUMBER, "above max");
}

static void
test_statuses(void)
{
	static const int exits[] = {0, 75, 69, 77, 78, 70};
	char buf[64];
	int i;

	for (i = STATUS_OK; i <= STATUS_BAD; i++)
		tap_ok(status_parse(status_name((enum status)i)) ==
			    (enum status)i &&
			status_exit((enum status)i) == exits[i],
		    "status %s", status_name((enum status)i));
	tap_ok(status_parse(NULL) == STATUS_BAD &&
		status_parse("OK") == STATUS_BAD,
	    "what is no status is bad");
	tap_is(err_text(-ERR_CLOSED, buf, sizeof(buf)),
	    "connection closed before the reply", "text of our own code");
	tap_is(err_text(-ENOENT, buf, sizeof(buf)),
	    "No such file or directory", "text of an errno");
}

static void
test_case(void)
{
	tap_ok(util_case_equal("aZ@[`{", "Az@[`{"), "equal but for case");
	tap_ok(!util_case_equal("a", "ab") && !util_case_equal("ab", "a"),
	    "a prefix is not equal");
	tap_ok(!util_case_equal("@", "`"), "only letters have case");
	tap_ok(util_has_word("a  b", "B") && util_has_word(" a b ", "a"),
	    "a word of a list, whatever its case");
	tap_ok(!util_has_word("ab ac", "a") && !util_has_word("a", "ab"),
	    "not the beginning of one, not a longer one");
	tap_ok(!util_has_word("", "a") && !util_has_word("a b", ""),
	    "not in an empty list, not an empty one");
}

static void
test_redact(void)
{
	static const char secret[] = "abcdefghijklmnopqrstuvwxyz";
	static const struct {
		const char *text, *shown;
	} rows[] = {
	    {"", ""},
	    {"nothing", "nothing"},
	    {"abcdefghijklmnopqrstuvwxyz", "***"},
	    {"<abcdefghijkl>, <opqrstuvwxyz>", "<***>, <***>"},
	    {"abcdefghijk pqrstuvwxyz", "abcdefghijk pqrstuvwxyz"},
	    {"bcdefghijklmnmnopqrstuvwxyz", "******"},
	    {"opqrstuvwxyzabcdefghijkl", "******"},
	};
	char text[64];
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		strcpy(text, rows[i].text);
		util_redact(text, secret, strlen(secret));
		tap_ok(strcmp(text, rows[i].shown) == 0, "redacted: %s",
		    rows[i].text);
	}
	strcpy(text, "abcdefghijkl");
	util_redact(text, secret, 11);
	tap_is(text, "abcdefghijkl", "what is beyond its end is no secret");
}

static void
test_hex(void)
{
	static const unsigned char bytes[] = {0x00, 0x9a, 0xf1};
	char text[7];
	int c;

	for (c = 0; c < 256; c++)
		if (util_hex_digit((char)c) !=
		    (isxdigit(c) ? (int)strtol((char[]){(char)c, 0}, NULL, 16)
				 : -1))
			break;
	tap_ok(c == 256, "the value of each byte as a digit");
	util_hex_format(text, bytes, sizeof(bytes));
	tap_is(text, "009af1", "bytes as digits");
}

int
main(void)
{
	test_token();
	test_sanitise();
	test_number();
	test_statuses();
	test_case();
	test_redact();
	test_hex();
	return tap_done();
}
