/* SPDX-License-Identifier: MIT */
/* test-challenge - what servers say when they refuse a token */
#include "config.h"

#include "common/util.h"
#include "plugin/challenge.h"
#include "tests/unit/tap.h"

static const struct {
	const char *json, *text;
} rows[] = {
    /* RFC 7628 section 4.3 */
    {"{\"status\":\"invalid_token\",\"scope\":\"example_scope\","
     "\"openid-configuration\":\"https://example.com/.well-known/x\"}",
	"status invalid_token, scope \"example_scope\""},
    /* RFC 7628 section 4.4 */
    {"{\"status\":\"invalid_token\",\"schemes\":\"bearer mac\","
     "\"scope\":\"https://mail.example.com/\"}",
	"status invalid_token, scope \"https://mail.example.com/\""},
    /* Google's documentation, with its trailing LF */
    {"{\"status\":\"401\",\"schemes\":\"bearer mac\","
     "\"scope\":\"https://mail.google.com/\"}\n",
	"status 401, scope \"https://mail.google.com/\""},
    /* Gmail as it is */
    {"{\"status\":\"400\",\"schemes\":\"Bearer\","
     "\"scope\":\"https://mail.google.com/\"}",
	"status 400, scope \"https://mail.google.com/\""},
    {"{\"status\":401}", "status 401"},
    {"{ \"scope\" : \"mail\" , \"status\" : 401 }",
	"status 401, scope \"mail\""},
    {"{\"x\":{\"status\":\"no\"},\"status\":\"400\"}", "status 400"},
    {"{\"status\":\"\"}", "{\"status\":\"\"}"},
    {"{\"status\":\"a\\\"b\"}", "status a\\\"b"},
    {"{\"status\":\"4\r\n01\"}", "status 4 01"},
    {"{\"status\"", "{\"status\""},
    {"{\"status\":", "{\"status\":"},
    {"{\"status\":\"401", "status 401"},
    {"{\"status\":\"401\\", "status 401\\"},
    {"{", "{"},
    {"{}", "{}"},
    {"{\"error\":\"%n%s\"}", "{\"error\":\"%n%s\"}"},
    {"", ""},
};

int
main(void)
{
	char buf[DETAIL_MAX], small[8];
	char big[100000];
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		challenge_describe(
		    rows[i].json, strlen(rows[i].json), buf, sizeof(buf));
		tap_is(buf, rows[i].text, "W4: in words, however it is spelled");
	}
	tap_ok(challenge_is_outage("{\"status\":\"500\"}", 16) &&
		challenge_is_outage("{\"status\":503}", 14) &&
		!challenge_is_outage("{\"status\":\"401\"}", 16) &&
		!challenge_is_outage("{\"status\":\"5\"}", 14) &&
		!challenge_is_outage("{", 1),
	    "a server that cannot check a token has nothing against it");
	memset(big, '{', sizeof(big));
	challenge_describe(big, sizeof(big), buf, sizeof(buf));
	tap_ok(strlen(buf) == sizeof(buf) - 1, "H6: 100 kB without an end is cut");
	memcpy(big, "{\"status\":\"", 11);
	challenge_describe(big, sizeof(big), buf, sizeof(buf));
	tap_ok(strlen(buf) < 200, "H6: a status of 100 kB is cut");
	challenge_describe("{\"status\":\"401\"}", 16, small, sizeof(small));
	tap_is(small, "status ", "a small buffer is kept to");
	return tap_done();
}
