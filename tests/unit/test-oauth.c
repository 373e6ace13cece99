/* SPDX-License-Identifier: MIT */
/* test-oauth - forms, replies and reasons of sasl-bearer-fetch, as tables */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "helper/fetch/discover.h"
#include "helper/fetch/clock.h"
#include "helper/fetch/failure.h"
#include "helper/fetch/form.h"
#include "helper/fetch/oauth.h"
#include "tests/unit/tap.h"

#define HOST "login.example.com"
#define NOW 1700000000 /* Tue, 14 Nov 2023 22:13:20 GMT */
#define DATE "Tue, 14 Nov 2023 22:13:20 GMT"
#define REFRESH                                                 \
	"operation=token\ngrant=refresh_token\nclient_id=app\n" \
	"refresh_token=old-refresh-token\nclient_secret=s3cr3t/value+x\n"
#define APP                                                          \
	"operation=token\ngrant=client_credentials\nclient_id=app\n" \
	"client_secret=s3cr3t/value+x\n"
#define DEVICE                                                \
	"operation=token\ngrant=device_code\nclient_id=app\n" \
	"device_code=the-device-code\n"
#define CERTIFICATE                                                  \
	"operation=token\ngrant=client_credentials\nclient_id=app\n" \
	"client_assertion=eyJhbGciOiJQUzI1NiJ9.e30.c2ln\n"
#define CODE                                                            \
	"operation=token\ngrant=authorization_code\nclient_id=app\n"    \
	"code=0.AXoA/code+of=this\ncode_verifier=dBjftJeZ4CVP-mB92K2\n" \
	"redirect_uri=http://localhost:1/\n"
#define SERVICE \
	"operation=token\ngrant=jwt_bearer\nassertion=eyJhbGciOiJSUzI1\n"
#define MACHINE                                            \
	"operation=token\ngrant=managed_identity\n"        \
	"identity_endpoint=http://169.254.169.254/token\n" \
	"identity_resource=https://a.example\n"
#define START "operation=device_authorization\nclient_id=app\nscope=mail\n"
#define REVOKE "operation=revoke\ntoken=old-refresh-token\n"
#define TOKEN "\"access_token\":\"ya29.new\",\"token_type\":\"Bearer\""

static char request_buf[MSG_MAX];
static struct http_answer answer;
static struct reply reply;
static struct form form;

/* Parse the lines of a request, which the test wrote well. */
static struct msg
ask(const char *lines)
{
	struct msg m = {0};
	int n = snprintf(
	    request_buf, sizeof(request_buf), "protocol=1\n%s\n", lines);

	if (msg_parse(&m, request_buf, (size_t)n) < 0)
		printf("Bail out! bad request in the test\n");
	return m;
}

/* The attribute of a finished reply, in a buffer of its own per call. */
static const char *
got(const char *name)
{
	static char copy[MSG_MAX], value[MSG_MAX];
	struct msg m;
	const char *text;

	memcpy(copy, reply.w.buf, reply.w.len);
	if (msg_parse(&m, copy, reply.w.len) < 0)
		return "(no message)";
	text = msg_get(&m, name);
	if (!text)
		return NULL;
	snprintf(value, sizeof(value), "%s", text);
	return value;
}

static void
read_answer(const char *lines, long status, const char *body, size_t len)
{
	static struct msg m;

	m = ask(lines);
	answer.status = status;
	answer.now_s = NOW;
	answer.len = len;
	memcpy(answer.body, body, len);
	reply.request = &m;
	oauth_read(operation_find(&m), HOST, &answer, &reply);
	if (msg_end(&reply.w) < 0)
		reply.w.len = 0;
}

/* Check "name=value name=value !absent", blank-separated. */
static void
expect(const char *what, const char *wants)
{
	char copy[512], *word, *save, *eq;
	const char *value;

	snprintf(copy, sizeof(copy), "%s", wants);
	for (word = strtok_r(copy, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		eq = strchr(word, '=');
		if (eq)
			*eq = '\0';
		value = got(word + (*word == '!'));
		if (*word == '!')
			tap_ok(!value, "%s: no %s", what, word + 1);
		else
			tap_ok(value && eq && strcmp(value, eq + 1) == 0,
			    "%s: %s is %s (%s)", what, word, eq ? eq + 1 : "",
			    value ? value : "absent");
	}
}

struct row {
	const char *what;
	const char *request;
	long status;
	const char *body;
	const char *wants;
	const char *reason; /* a part of it, or NULL */
};

/* clang-format off */
static const struct row rows[] = {
	/* R4: lifetimes in all spellings */
	{"R4: a number", REFRESH, 200, "{" TOKEN ",\"expires_in\":3599}",
	    "status=ok access_token=ya29.new expires_in=3599", NULL},
	{"R4: a string", REFRESH, 200, "{" TOKEN ",\"expires_in\":\"3599\"}",
	    "status=ok expires_in=3599", NULL},
	{"R4: a fraction", REFRESH, 200, "{" TOKEN ",\"expires_in\":3599.0}",
	    "expires_in=3599", NULL},
	{"R4: a string with a fraction", REFRESH, 200,
	    "{" TOKEN ",\"expires_in\":\"3599.9\"}", "expires_in=3599", NULL},
	{"R4: missing", REFRESH, 200, "{" TOKEN "}",
	    "status=ok expires_in=600", NULL},
	{"R4: null", REFRESH, 200, "{" TOKEN ",\"expires_in\":null}",
	    "status=ok expires_in=600", NULL},
	{"R4: nonsense", REFRESH, 200, "{" TOKEN ",\"expires_in\":\"soon\"}",
	    "status=ok expires_in=600", NULL},
	{"R4: an array", REFRESH, 200, "{" TOKEN ",\"expires_in\":[1]}",
	    "status=ok expires_in=600", NULL},
	{"R4: 2^31", REFRESH, 200, "{" TOKEN ",\"expires_in\":2147483648}",
	    "expires_in=315360000", NULL},
	{"R4: 2^64", REFRESH, 200,
	    "{" TOKEN ",\"expires_in\":18446744073709551616}",
	    "expires_in=315360000", NULL},
	{"R4: 1e400", REFRESH, 200, "{" TOKEN ",\"expires_in\":1e400}",
	    "expires_in=315360000", NULL},
	{"R4: a long string", REFRESH, 200,
	    "{" TOKEN ",\"expires_in\":\"99999999999999999999999\"}",
	    "expires_in=315360000", NULL},
	{"R4: negative", REFRESH, 200, "{" TOKEN ",\"expires_in\":-5}",
	    "expires_in=1", NULL},
	{"R4: -1e400", REFRESH, 200, "{" TOKEN ",\"expires_in\":-1e400}",
	    "expires_in=1", NULL},
	{"R4: expires_on", REFRESH, 200,
	    "{" TOKEN ",\"expires_on\":\"1700003599\"}",
	    "expires_in=3599", NULL},
	{"R4: expires_on in the past", REFRESH, 200,
	    "{" TOKEN ",\"expires_on\":5}", "expires_in=1", NULL},
	{"R4: expires_on far away", REFRESH, 200,
	    "{" TOKEN ",\"expires_on\":9223372036854775807}",
	    "expires_in=315360000", NULL},
	{"R4: expires_on below everything", REFRESH, 200,
	    "{" TOKEN ",\"expires_on\":-9223372036854775807}",
	    "expires_in=1", NULL},
	{"R4: both", REFRESH, 200,
	    "{" TOKEN ",\"expires_in\":60,\"expires_on\":1700003599}",
	    "expires_in=60", NULL},
	{"R4: both, the other way round", REFRESH, 200,
	    "{" TOKEN ",\"expires_in\":3599,\"expires_on\":1700000060}",
	    "expires_in=3599", NULL},

	/* a machine's own service */
	{"an identity", MACHINE, 200,
	    "{" TOKEN ",\"expires_in\":\"86399\",\"resource\":\"r\","
	    "\"expires_on\":\"1700086399\",\"not_before\":\"1700000000\","
	    "\"refresh_token\":\"\"}",
	    "status=ok access_token=ya29.new expires_in=86399 !refresh_token",
	    NULL},
	{"an identity's token from a cache", MACHINE, 200,
	    "{" TOKEN ",\"expires_in\":\"86399\","
	    "\"expires_on\":\"1700000600\"}", "expires_in=600", NULL},
	{"an identity, and our clock is far ahead", MACHINE, 200,
	    "{" TOKEN ",\"expires_in\":\"3599\","
	    "\"expires_on\":\"1699990000\"}", "expires_in=3599", NULL},
	{"an identity, expires_on alone", MACHINE, 200,
	    "{" TOKEN ",\"expires_on\":\"1700003600\"}", "expires_in=3600",
	    NULL},
	{"no identity", MACHINE, 400,
	    "{\"error\":\"invalid_request\","
	    "\"error_description\":\"Identity not found\"}",
	    "status=config error=invalid_request http_status=400",
	    "invalid_request: Identity not found; assign an identity to the "
	    "virtual machine"},
	{"several identities", MACHINE, 400,
	    "{\"error\":\"invalid_request\",\"error_description\":"
	    "\"Multiple user assigned identities exist, please specify the "
	    "clientId / resourceId of the identity in the token request\"}",
	    "status=config", "if it has several, name one by client_id, "
	    "identity_object_id or identity_resource_id"},
	{"an identity, in words of its own", MACHINE, 400,
	    "{\"error\":\"bad_request_102\"}", "status=config",
	    "bad_request_102; assign an identity"},
	{"an identity, without a word", MACHINE, 403,
	    "{\"error\":{\"code\":\"x\",\"message\":\"no\"}}",
	    "status=config !error", ": no; assign an identity"},
	{"an identity, wrong resource", MACHINE, 400,
	    "{\"error\":\"invalid_resource\"}", "status=config",
	    "invalid_resource; check identity_resource"},
	{"an identity, 400 with HTML", MACHINE, 400, "<html>",
	    "status=temporary", "HTTP 400 with a text/html body"},
	{"an identity, 404", MACHINE, 404, "",
	    "status=temporary http_status=404",
	    "HTTP 404 without a body; the metadata service is being updated, "
	    "or this is no virtual machine of Azure"},
	{"an identity, 404 with an error", MACHINE, 404,
	    "{\"error\":\"not_found\"}", "status=temporary",
	    "HTTP 404: not_found; the metadata service is being updated"},
	{"an identity, 410", MACHINE, 410, "<html>",
	    "status=temporary http_status=410",
	    "the metadata service is being updated, which takes up to 70 s"},
	{"an identity, 410 with an error", MACHINE, 410,
	    "{\"error\":\"invalid_request\"}", "status=temporary",
	    "HTTP 410: invalid_request; the metadata service is being"},
	{"an identity, 429", MACHINE, 429, "{\"error\":\"invalid_request\"}",
	    "status=temporary", "HTTP 429: invalid_request"},
	{"an identity, 500", MACHINE, 500, "{\"error\":\"unknown\"}",
	    "status=temporary", "HTTP 500: unknown"},
	{"an identity, later", MACHINE, 400,
	    "{\"error\":\"temporarily_unavailable\"}", "status=temporary",
	    NULL},
	{"404 and no identity", REFRESH, 404, "", "status=temporary",
	    HOST ": HTTP 404 without a body; check token_endpoint"},

	/* R5: plain data, whatever the letters are */
	{"R5: bearer", REFRESH, 200,
	    "{\"access_token\":\"a\",\"token_type\":\"bearer\"}",
	    "status=ok", NULL},
	{"R5: no token_type", REFRESH, 200, "{\"access_token\":\"a\"}",
	    "status=ok", NULL},
	{"R5: another token_type", REFRESH, 200,
	    "{\"access_token\":\"a\",\"token_type\":\"mac\"}",
	    "status=config !access_token", "token_type is not Bearer"},
	{"R5: a number as token_type", REFRESH, 200,
	    "{\"access_token\":\"a\",\"token_type\":1}",
	    "status=config", NULL},
	{"R5: formats in an error", REFRESH, 400,
	    "{\"error\":\"%n%s%s%n\",\"error_description\":\"%n %s %1000d\"}",
	    "status=temporary error=%n%s%s%n http_status=400",
	    HOST ": %n%s%s%n: %n %s %1000d"},
	{"R5: control bytes in a text", REFRESH, 400,
	    "{\"error\":\"invalid_grant\",\"error_description\":"
	    "\"a\\r\\nstatus=ok\\u0000b\\u0001c\"}",
	    "status=login_required", HOST ": invalid_grant: a status=ok b c"},
	{"R5: a control byte in the word", REFRESH, 400,
	    "{\"error\":\"invalid_grant\\n\"}",
	    "status=temporary !error", "an error without a known name"},
	{"R5: broken UTF-8 in a text", REFRESH, 400,
	    "{\"error\":\"invalid_grant\",\"error_description\":\"\xff\xfe\"}",
	    "status=login_required", "invalid_grant: ??"},

	/* L6, L7: what is kept and what is passed on */
	{"L7: no refresh_token", REFRESH, 200, "{" TOKEN "}",
	    "status=ok !refresh_token", NULL},
	{"L7: null", REFRESH, 200, "{" TOKEN ",\"refresh_token\":null}",
	    "status=ok !refresh_token", NULL},
	{"L7: empty", REFRESH, 200, "{" TOKEN ",\"refresh_token\":\"\"}",
	    "status=ok !refresh_token", NULL},
	{"a new refresh_token", REFRESH, 200,
	    "{" TOKEN ",\"refresh_token\":\"M.C5_!*$ \xc3\xa9\"}",
	    "status=ok", NULL},
	{"a refresh_token with a LF", REFRESH, 200,
	    "{" TOKEN ",\"refresh_token\":\"a\\nb\"}",
	    "status=temporary !access_token", "usable refresh_token"},
	{"L6: 503 with HTML", REFRESH, 503, "<html>down</html>",
	    "status=temporary http_status=503",
	    HOST ": HTTP 503 with a text/html body"},
	{"L6: 400 with HTML", REFRESH, 400, "<html>no</html>",
	    "status=temporary http_status=400",
	    HOST ": HTTP 400 with a text/html body; check token_endpoint"},
	{"L6: 200 with HTML", REFRESH, 200, "<html>log in</html>",
	    "status=temporary", "HTTP 200 with a text/html body"},
	{"L6: nothing", REFRESH, 200, "", "status=temporary",
	    HOST ": HTTP 200 without a body"},
	{"L6: cut off", REFRESH, 200, "{" TOKEN, "status=temporary", NULL},
	{"L6: an array", REFRESH, 200, "[" "{" TOKEN "}" "]",
	    "status=temporary", NULL},
	{"L6: 200 without a token", REFRESH, 200, "{}", "status=temporary",
	    HOST ": HTTP 200 without a usable access_token"},
	{"L6: a token of another type", REFRESH, 200,
	    "{\"access_token\":{\"a\":1}}", "status=temporary", NULL},
	{"R6: a token with a LF", REFRESH, 200,
	    "{\"access_token\":\"a\\nb\",\"token_type\":\"Bearer\"}",
	    "status=temporary !access_token", NULL},
	{"R6: a token with a blank", REFRESH, 200,
	    "{\"access_token\":\"a b\"}", "status=temporary", NULL},
	{"R6: a token with a NUL", REFRESH, 200,
	    "{\"access_token\":\"a\\u0000b\"}", "status=temporary", NULL},
	{"a BOM", REFRESH, 200, "\xef\xbb\xbf{" TOKEN "}", "status=ok", NULL},
	{"all the optional ones", REFRESH, 200,
	    "{" TOKEN ",\"refresh_in\":\"1800\",\"scope\":\"mail\","
	    "\"refresh_token_expires_in\":7776000,\"id_token\":\"a.b.c\"}",
	    "refresh_in=1800 scope=mail refresh_token_expires_in=7776000 "
	    "!id_token", NULL},
	{"no refresh_token without a person", APP, 200,
	    "{" TOKEN ",\"refresh_token\":\"r\"}", "status=ok !refresh_token",
	    NULL},
	{"id_token after a code", CODE, 200,
	    "{" TOKEN ",\"id_token\":\"a.b.c\",\"refresh_token\":\"r\","
	    "\"scope\":\"mail\"}",
	    "status=ok id_token=a.b.c refresh_token=r scope=mail", NULL},
	{"id_token of a sign-in", DEVICE, 200,
	    "{" TOKEN ",\"id_token\":\"a.b.c\"}", "status=ok id_token=a.b.c",
	    NULL},

	/* words in strange places; test_words() has what they mean */
	{"an unknown word", REFRESH, 403, "{\"error\":\"whatever\"}",
	    "status=temporary error=whatever", HOST ": HTTP 403: whatever"},
	{"an error with status 200", REFRESH, 200,
	    "{" TOKEN ",\"error\":\"invalid_grant\"}",
	    "status=login_required !access_token", NULL},
	{"Zoho's errors with status 200", REFRESH, 200,
	    "{\"error\":\"invalid_client\"}",
	    "status=config error=invalid_client http_status=200",
	    "check client_id and client_secret"},
	{"Zoho's word for too many", REFRESH, 200,
	    "{\"error\":\"Access Denied\",\"status\":\"failure\","
	    "\"error_description\":\"You have made too many requests\"}",
	    "status=temporary http_status=200",
	    HOST ": HTTP 200: Access Denied: You have made too many requests"},
	{"an error of null", REFRESH, 200, "{" TOKEN ",\"error\":null}",
	    "status=ok", NULL},
	{"an error that is empty", REFRESH, 200, "{" TOKEN ",\"error\":\"\"}",
	    "status=ok", NULL},
	{"an error that is an object", REFRESH, 400,
	    "{\"error\":{\"code\":400,\"message\":\"no such thing\"}}",
	    "status=temporary !error", "no such thing"},
	{"an error that is a number", REFRESH, 400, "{\"error\":7}",
	    "status=temporary !error", NULL},
	{"408", REFRESH, 408, "{\"error\":\"invalid_grant\"}",
	    "status=temporary http_status=408", "HTTP 408: invalid_grant"},
	{"425", REFRESH, 425, "{\"error\":\"invalid_grant\"}",
	    "status=temporary", NULL},
	{"429", REFRESH, 429, "{\"error\":\"invalid_client\"}",
	    "status=temporary", NULL},
	{"500", REFRESH, 500, "{\"error\":\"invalid_grant\"}",
	    "status=temporary", NULL},
	{"503 with a token", REFRESH, 503, "{" TOKEN "}", "status=temporary",
	    NULL},
	{"599", REFRESH, 599, "", "status=temporary", NULL},
	{"R3: 307", REFRESH, 307, "{" TOKEN "}", "status=temporary",
	    "HTTP 307, a redirect, which is not followed"},
	{"302 with an error", REFRESH, 302, "{\"error\":\"invalid_grant\"}",
	    "status=temporary", NULL},
	{"401 without a word", REFRESH, 401, "{\"message\":\"no\"}",
	    "status=temporary http_status=401", NULL},
	{"404", REFRESH, 404, "not found", "status=temporary", NULL},

	/* Microsoft's texts */
	{"AADSTS700082", REFRESH, 400,
	    "{\"error\":\"invalid_grant\",\"error_description\":"
	    "\"AADSTS700082: The refresh token has expired due to inactivity."
	    "\\r\\nTrace ID: 0a1b-2c\\r\\nCorrelation ID: 3d\\r\\nTimestamp: "
	    "2025-01-01 00:00:00Z\",\"error_codes\":[700082,1]}",
	    "status=login_required aadsts=700082",
	    HOST ": invalid_grant: AADSTS700082: The refresh token has expired "
	    "due to inactivity. (trace 0a1b-2c)"},
	{"W6: an expired secret", REFRESH, 401,
	    "{\"error\":\"invalid_client\",\"error_description\":"
	    "\"AADSTS7000222: The provided client secret keys are expired. "
	    "Trace ID: 0a Correlation ID: 1b\"}",
	    "status=config aadsts=7000222",
	    "AADSTS7000222: The provided client secret keys are expired. "
	    "(trace 0a); the client secret of the application has expired: "
	    "create a new one in its registration, and put its value into "
	    "client_secret_file"},
	{"W6: the ID of a secret", REFRESH, 401,
	    "{\"error\":\"invalid_client\",\"error_codes\":[7000215]}",
	    "status=config aadsts=7000215", "client_secret_file needs the value"},
	{"another number, only in the text", REFRESH, 401,
	    "{\"error\":\"invalid_client\",\"error_description\":"
	    "\"AADSTS7000216: no secret. Trace ID: 0a\"}",
	    "status=config aadsts=7000216",
	    "AADSTS7000216: no secret. (trace 0a); the application sent neither"},
	{"a number and a certificate", CERTIFICATE, 401,
	    "{\"error\":\"invalid_client\",\"error_description\":"
	    "\"AADSTS700027: Client assertion failed signature validation.\","
	    "\"error_codes\":[700027]}",
	    "status=config aadsts=700027 error=invalid_client",
	    "AADSTS700027: Client assertion failed signature validation.; "
	    "certificate or assertion of the application is not accepted; ask "
	    "an administrator of the tenant (Entra): Entra, App registrations"},
	{"a number that nobody knows", CERTIFICATE, 401,
	    "{\"error\":\"invalid_client\",\"error_codes\":[123456]}",
	    "status=config aadsts=123456",
	    "invalid_client; check client_id, that the provider knows this "
	    "certificate"},
	{"a number, and a sign-in that cannot be", APP, 400,
	    "{\"error\":\"invalid_grant\",\"error_codes\":[50173]}",
	    "status=config aadsts=50173",
	    "invalid_grant; check the account's settings"},
	{"a name in the advice", APP, 400,
	    "{\"error\":\"unauthorized_client\",\"error_codes\":[7000229]}",
	    "status=config aadsts=7000229", "az ad sp create --id app"},
	{"a number and a code", CODE, 400,
	    "{\"error\":\"invalid_grant\",\"error_codes\":[54005]}",
	    "status=login_required aadsts=54005", "invalid_grant; the code"},
	{"the number decides nothing", REFRESH, 400,
	    "{\"error\":\"invalid_scope\",\"error_codes\":[700082]}",
	    "status=config aadsts=700082", NULL},
	{"strange numbers", REFRESH, 400,
	    "{\"error\":\"invalid_scope\",\"error_codes\":[\"x\"],"
	    "\"error_description\":\"AADSTS99999999999999999999\"}",
	    "status=config !aadsts", NULL},

	/* R9: the device flow */
	{"R9: no complete URI", START, 200,
	    "{\"device_code\":\"d\",\"user_code\":\"ABC-D\","
	    "\"verification_uri\":\"https://microsoft.com/devicelogin\","
	    "\"message\":\"Go\\nthere\"}",
	    "status=ok device_code=d user_code=ABC-D expires_in=900 interval=5 "
	    "verification_uri=https://microsoft.com/devicelogin "
	    "!verification_uri_complete", NULL},
	{"R9: Google's verification_url", START, 200,
	    "{\"device_code\":\"d\",\"user_code\":\"u\",\"interval\":\"7\","
	    "\"verification_url\":\"https://www.google.com/device\","
	    "\"expires_in\":1800}",
	    "status=ok verification_uri=https://www.google.com/device "
	    "expires_in=1800 interval=7", NULL},
	{"R9: numbers as strings", START, 200,
	    "{\"device_code\":\"d\",\"user_code\":\"u\",\"interval\":\"10\","
	    "\"verification_uri\":\"https://a.example/\","
	    "\"expires_in\":\"600\"}",
	    "status=ok expires_in=600 interval=10", NULL},
	{"R9: no numbers", START, 200,
	    "{\"device_code\":\"d\",\"user_code\":\"u\",\"interval\":null,"
	    "\"verification_url\":\"https://a.example/\","
	    "\"expires_in\":\"soon\"}",
	    "status=ok expires_in=900 interval=5", NULL},
	{"R9: Google's way to say not so often", START, 403,
	    "{\"error_code\":\"rate_limit_exceeded\"}",
	    "status=temporary http_status=403", "HTTP 403 without an error"},
	{"R9: a complete URI", START, 200,
	    "{\"device_code\":\"d\",\"user_code\":\"u\",\"interval\":0,"
	    "\"verification_uri\":\"https://a.example/\","
	    "\"verification_uri_complete\":\"https://a.example/?c=u\"}",
	    "verification_uri_complete=https://a.example/?c=u interval=1",
	    NULL},
	{"R9: a page that is no page", START, 200,
	    "{\"device_code\":\"d\",\"user_code\":\"u\","
	    "\"verification_uri\":\"javascript:alert(1)\"}",
	    "status=temporary", "usable verification_uri"},
	{"R9: no user_code", START, 200,
	    "{\"device_code\":\"d\",\"verification_uri\":\"https://a.b/\"}",
	    "status=temporary", "usable user_code"},
	/* RFC 7009 */
	{"revoked", REVOKE, 200, "", "status=ok", NULL},
	{"revoked, with a body", REVOKE, 200, "<html>", "status=ok", NULL},
	{"revoked long ago", REVOKE, 400, "{\"error\":\"invalid_token\"}",
	    "status=ok", NULL},
	{"revoked later", REVOKE, 503, "", "status=temporary", NULL},
	/* secrets stay out of reasons */
	{"a secret in a text", REFRESH, 400,
	    "{\"error\":\"invalid_grant\",\"error_description\":"
	    "\"got old-refresh-token and s3cr3t/value+x!\"}",
	    "status=login_required", "invalid_grant: got *** and ***!"},
	{"an encoded secret in a text", REFRESH, 400,
	    "{\"error\":\"invalid_grant\",\"error_description\":"
	    "\"secret=s3cr3t%2fvalue%2Bx.\"}", "status=login_required",
	    "secret=***."},
	{"a secret with a percent sign", REFRESH "code=a%41b+c\n", 400,
	    "{\"error\":\"invalid_grant\",\"error_description\":"
	    "\"a%41b+c, a%2541b%2bc, %61%2541%62%2Bc\"}",
	    "status=login_required", "invalid_grant: ***, ***, ***"},
	{"a code and its verifier", CODE, 400,
	    "{\"error\":\"invalid_grant\",\"error_description\":"
	    "\"0.AXoA/code+of=this and dBjftJeZ4CVP-mB92K2 or "
	    "0.AXoA%2Fcode%2Bof%3Dthis and dBjftJeZ4CVP%2dmB92K2\"}",
	    "status=login_required", "invalid_grant: *** and *** or *** and "
	    "***; the code was used already"},
	{"an assertion", SERVICE, 400,
	    "{\"error\":\"invalid_grant\",\"error_description\":"
	    "\"eyJhbGciOiJSUzI1...\"}", "status=config",
	    "invalid_grant: ***...; check the clock"},
	{"a client's assertion", CERTIFICATE, 401,
	    "{\"error\":\"invalid_client\",\"error_description\":"
	    "\"eyJhbGciOiJQUzI1NiJ9%2Ee30.c2ln\"}", "status=config",
	    "invalid_client: ***; check client_id, that"},
	{"a short secret is no reason to spoil a text",
	    REFRESH "code=a\n", 400,
	    "{\"error\":\"invalid_grant\",\"error_description\":\"a b\"}",
	    "status=login_required", "invalid_grant: a b"},
	{"the first part of a secret", REFRESH, 400,
	    "{\"error\":\"invalid_grant\",\"error_description\":"
	    "\"token old-refresh-t... is dead\"}", "status=login_required",
	    "token ***... is dead"},
	{"the last part of a secret", REFRESH, 400,
	    "{\"error\":\"invalid_grant\",\"error_description\":"
	    "\"...refresh-token, h-token, %65fresh-token\"}",
	    "status=login_required", "invalid_grant: ...***, h-token, ***"},
	{"Basic credentials", REFRESH, 400,
	    "{\"error\":\"invalid_client\",\"error_description\":"
	    "\"got basic dXNlcjpwYXNz/w+x==, Basic authentication\"}",
	    "status=config",
	    "invalid_client: got ***, Basic authentication; check"},
	{"a secret as the word", REFRESH, 400,
	    "{\"error\":\"old-refresh-token\"}",
	    "status=temporary error=***", NULL},
	{"a secret as the message", DEVICE, 400,
	    "{\"error\":\"slow_down\",\"message\":\"the-device-code\"}",
	    "status=temporary", "slow_down: ***"},
};
/* What each word means, and the whole reason but for the host. */
static const struct {
	const char *word, *request, *status, *reason;
} words[] = {
	/* RFC 6749 section 5.2 */
	{"invalid_request", REFRESH, "config", "invalid_request; check tenant, "
	    "client_id, scope and client_secret"},
	{"invalid_request", CERTIFICATE, "config", "invalid_request; check "
	    "tenant, client_id and scope, and what the provider expects of the "
	    "assertion"},
	{"invalid_request", SERVICE, "config", "invalid_request; check "
	    "client_key, token_endpoint and scope"},
	{"invalid_client", REFRESH, "config", "invalid_client; check client_id "
	    "and client_secret"},
	{"invalid_client", REVOKE, "config", "invalid_client; check client_id "
	    "and client_secret"},
	{"invalid_client", CERTIFICATE, "config", "invalid_client; check "
	    "client_id, that the provider knows this certificate, key or "
	    "federated credential for it, and the clock of this machine"},
	{"invalid_client", SERVICE, "config", "invalid_client; check that the "
	    "service account exists, and that client_key belongs to it"},
	{"invalid_grant", REFRESH, "login_required", "invalid_grant"},
	{"invalid_grant", DEVICE, "login_required", "invalid_grant"},
	{"invalid_grant", CODE, "login_required", "invalid_grant; the code was "
	    "used already or is too old: run the command again"},
	{"invalid_grant", APP, "config", "invalid_grant; check the account's "
	    "settings and its registration"},
	{"invalid_grant", SERVICE, "config", "invalid_grant; check the clock of "
	    "this machine, that the mailbox exists, and that client_key has "
	    "not been deleted"},
	{"unauthorized_client", REFRESH, "config", "unauthorized_client; check "
	    "client_id, and that its registration allows this grant"},
	{"unauthorized_client", CERTIFICATE, "config", "unauthorized_client; "
	    "check client_id, and that its registration allows this grant"},
	{"unauthorized_client", SERVICE, "config", "unauthorized_client; allow "
	    "the numeric client ID of the service account with this scope in "
	    "the Admin console of Google Workspace, under domain-wide "
	    "delegation"},
	{"unsupported_grant_type", REFRESH, "config", "unsupported_grant_type; "
	    "check grant and token_endpoint"},
	{"invalid_scope", REFRESH, "config", "invalid_scope; check scope"},
	{"invalid_scope", START, "config", "invalid_scope; check scope"},

	/* section 4.1.2.1, as far as a token endpoint may say it */
	{"access_denied", REFRESH, "config", "access_denied; check the "
	    "account's settings and its registration"},
	{"access_denied", APP, "config", "access_denied; check the account's "
	    "settings and its registration"},
	{"access_denied", SERVICE, "config", "access_denied; allow the numeric "
	    "client ID of the service account with this scope in the Admin "
	    "console of Google Workspace, under domain-wide delegation"},
	{"unsupported_response_type", CODE, "config",
	    "unsupported_response_type; check token_endpoint"},
	{"server_error", REFRESH, "temporary", "server_error"},
	{"temporarily_unavailable", REFRESH, "temporary",
	    "temporarily_unavailable"},

	/* R9: RFC 8628 section 3.5, and Microsoft's words */
	{"authorization_pending", DEVICE, "temporary",
	    "authorization_pending"},
	{"slow_down", DEVICE, "temporary", "slow_down"},
	{"access_denied", DEVICE, "denied", "access_denied"},
	{"authorization_declined", DEVICE, "denied", "access_denied"},
	{"expired_token", DEVICE, "login_required", "expired_token; the code "
	    "was not entered in time: run the command again"},
	{"bad_verification_code", DEVICE, "login_required",
	    "bad_verification_code; run the command again"},
	{"expired_token", REFRESH, "login_required", "expired_token"},

	/* OpenID Connect Core section 3.1.2.6 */
	{"interaction_required", REFRESH, "login_required",
	    "interaction_required"},
	{"login_required", REFRESH, "login_required", "login_required"},
	{"account_selection_required", REFRESH, "login_required",
	    "account_selection_required"},
	{"consent_required", REFRESH, "login_required", "consent_required"},
	{"consent_required", APP, "config", "consent_required; check the "
	    "account's settings and its registration"},
	{"request_not_supported", REFRESH, "temporary",
	    "request_not_supported"},

	/* RFC 7009, RFC 8707, and what else is met */
	{"unsupported_token_type", REVOKE, "config", "unsupported_token_type; "
	    "check revocation_endpoint"},
	{"invalid_target", REFRESH, "config", "invalid_target; check resource "
	    "and audience"},
	{"invalid_resource", REFRESH, "config", "invalid_resource; check scope "
	    "and resource"},
	{"deleted_client", REFRESH, "config", "deleted_client; check client_id"},
	{"disabled_client", REFRESH, "config",
	    "disabled_client; check client_id"},
	{"admin_policy_enforced", REFRESH, "config", "admin_policy_enforced; "
	    "ask the administrator of the domain to allow this client_id"},
	{"redirect_uri_mismatch", CODE, "config", "redirect_uri_mismatch; add "
	    "the redirect URI to the registration of the client; at Google make "
	    "a client of the type Desktop app"},
	{"whatever", REFRESH, "temporary", "whatever"},
};
/* clang-format on */

/* One word with one HTTP status: status, error and the whole reason. */
static void
check_word(size_t i, long http, int later)
{
	const char *word = words[i].word, *status = words[i].status;
	const char *shown = words[i].reason;
	size_t shown_len = strcspn(shown, ";");
	char body[128], where[32] = "", want[DETAIL_MAX];

	if (later)
		status = "temporary";
	if (http != 400 && strcmp(status, "temporary") == 0)
		snprintf(where, sizeof(where), "HTTP %ld: ", http);
	snprintf(want, sizeof(want), HOST ": %s%.*s", where,
	    (int)(later ? shown_len : strlen(shown)), shown);
	snprintf(body, sizeof(body), "{\"error\":\"%s\"}", word);
	read_answer(words[i].request, http, body, strlen(body));
	tap_is(got("status"), status, word);
	tap_is(got("reason"), want, word);
	snprintf(want, sizeof(want), "%.*s", (int)shown_len, shown);
	tap_is(got("error"), want, word);
}

/* The word decides, whatever the status; but for those that say "later". */
static void
test_words(void)
{
	static const short now[] = {200, 400, 401, 403, 428};
	static const short later[] = {408, 425, 429, 500, 502, 503, 504};
	size_t i, n;

	for (i = 0; i < COUNT_OF(words); i++) {
		/* revoked is what was wanted: 200 is no error there */
		for (n = 0; n < COUNT_OF(now); n++)
			if (now[n] != 200 ||
			    strcmp(words[i].request, REVOKE) != 0)
				check_word(i, now[n], 0);
		for (n = 0; n < COUNT_OF(later); n++)
			check_word(i, later[n], 1);
	}
}

static void
test_rows(void)
{
	const char *reason;
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		snprintf(answer.content_type, sizeof(answer.content_type),
		    "text/html; charset=utf-8"); /* often enough it is wrong */
		read_answer(rows[i].request, rows[i].status, rows[i].body,
		    strlen(rows[i].body));
		expect(rows[i].what, rows[i].wants);
		reason = got("reason");
		if (rows[i].reason)
			tap_ok(reason && strstr(reason, rows[i].reason),
			    "%s: reason %s", rows[i].what,
			    reason ? reason : "(null)");
		else
			tap_ok(!reason == (reply.status == STATUS_OK),
			    "%s: a reason when there should be one",
			    rows[i].what);
	}
}

static void
test_message(void)
{
	static const char body[] =
	    "{\"device_code\":\"d\",\"user_code\":\"u\",\"message\":\"Go\\n "
	    "there\",\"verification_uri\":\"https://a.b/\"}";

	read_answer(START, 200, body, strlen(body));
	tap_is(got("message"), "Go there", "a message is one line");
}

/* R8 */
static void
test_retry_after(void)
{
	static const struct {
		const char *header, *date;
		int64_t want;
	} t[] = {
	    {"", "", -1},
	    {"7", "", 7},
	    {"0", DATE, 0},
	    {"86401", "", 86400},
	    {"99999999999999999999999", "", 86400},
	    {"Tue, 14 Nov 2023 22:14:20 GMT", "", 60},
	    /* the provider's clock is an hour behind ours */
	    {"Tue, 14 Nov 2023 21:14:20 GMT", "Tue, 14 Nov 2023 21:13:20 GMT",
		60},
	    {"Tue, 14 Nov 2023 22:13:00 GMT", DATE, 0},
	    {"Thu, 14 Nov 2030 22:13:00 GMT", DATE, 86400},
	    {"Tuesday, 14-Nov-23 22:14:20 GMT", DATE, 60},
	    {"Tue Nov 14 22:14:20 2023", DATE, 60},
	    {"-5", DATE, -1},
	    {"7 or so", DATE, -1},
	    {"later", DATE, -1},
	};
	int64_t n;
	size_t i;

	answer.now_s = NOW;
	for (i = 0; i < COUNT_OF(t); i++) {
		snprintf(answer.retry_after, sizeof(answer.retry_after), "%s",
		    t[i].header);
		snprintf(answer.date, sizeof(answer.date), "%s", t[i].date);
		n = failure_retry_after(&answer);
		tap_ok(n == t[i].want, "R8: Retry-After \"%s\" is %d (%d)",
		    t[i].header, (int)t[i].want, (int)n);
	}
	strcpy(answer.retry_after, "42");
	answer.date[0] = '\0';
	read_answer(REFRESH, 503, "", 0);
	expect("R8: 503", "status=temporary retry_after=42 http_status=503");
	read_answer(REFRESH, 429, "{\"error\":\"x\"}", 13);
	expect("R8: 429", "status=temporary retry_after=42");
	answer.retry_after[0] = '\0';
	read_answer(REFRESH, 503, "", 0);
	expect("R8: 503 without", "!retry_after");
}

/* What an answer says when the clocks differ. */
static void
test_clock(void)
{
	static const struct {
		const char *date, *doubt;
	} t[] = {
	    {"", ""},
	    {"soon", ""},
	    {DATE, ""},
	    {"Tue, 14 Nov 2023 22:18:20 GMT", ""},
	    {"Wed, 15 Nov 2023 22:13:20 GMT",
		"; is this machine's clock right? it says 2023-11-14 22:13 "
		"UTC, and login.example says 2023-11-15 22:13"},
	    {"Mon, 13 Nov 2023 22:13:20 GMT",
		"; is this machine's clock right? it says 2023-11-14 22:13 "
		"UTC, and login.example says 2023-11-13 22:13"},
	};
	char text[CLOCK_DOUBT_SIZE];
	size_t i;

	answer.now_s = NOW;
	for (i = 0; i < COUNT_OF(t); i++) {
		snprintf(answer.date, sizeof(answer.date), "%s", t[i].date);
		clock_doubt(&answer, "login.example", text);
		tap_is(text, t[i].doubt, t[i].date);
	}
	read_answer(REFRESH, 200, "{" TOKEN ",\"expires_on\":1699917200}",
	    strlen("{" TOKEN ",\"expires_on\":1699917200}"));
	expect("expires_on is by the provider's clock", "expires_in=3600");
	answer.date[0] = '\0';
}

static void
test_forms(void)
{
	static const struct {
		const char *what, *request, *body, *user, *password;
	} t[] = {
	    {"R1: a secret with everything",
		"operation=token\ngrant=client_credentials\nclient_id=a b\n"
		"client_secret=a&b+c%41=d\n",
		"grant_type=client_credentials&client_id=a%20b&client_secret="
		"a%26b%2Bc%2541%3Dd",
		NULL, NULL},
	    {"R1: UTF-8 in a scope",
		"operation=token\ngrant=refresh_token\nclient_id=a\n"
		"refresh_token=M.R3_!*$~-._\nscope=\xc3\xa9 b\n",
		"grant_type=refresh_token&refresh_token=M.R3_%21%2A%24~-._&"
		"scope=%C3%A9%20b&client_id=a",
		NULL, NULL},
	    {"R1: Basic",
		"operation=token\ngrant=client_credentials\nclient_id=a:b\n"
		"client_secret=c d%\nclient_auth=basic\n",
		"grant_type=client_credentials", "a%3Ab", "c%20d%25"},
	    {"R2: no secret",
		"operation=token\ngrant=refresh_token\nclient_id=a\n"
		"refresh_token=r\n",
		"grant_type=refresh_token&refresh_token=r&client_id=a", NULL,
		NULL},
	    {"R2: an empty secret",
		"operation=token\ngrant=refresh_token\nclient_id=a\n"
		"client_secret=\nrefresh_token=r\n",
		"grant_type=refresh_token&refresh_token=r&client_id=a", NULL,
		NULL},
	    {"R2: Basic without a secret",
		"operation=token\ngrant=refresh_token\nclient_id=a\n"
		"client_auth=basic\nrefresh_token=r\n",
		"grant_type=refresh_token&refresh_token=r&client_id=a", NULL,
		NULL},
	    {"an assertion instead of a secret",
		"operation=token\ngrant=client_credentials\nclient_id=a\n"
		"client_secret=s\nclient_assertion=e.y.J\nscope=x/.default\n",
		"grant_type=client_credentials&scope=x%2F.default&client_id=a&"
		"client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A"
		"client-assertion-type%3Ajwt-bearer&client_assertion=e.y.J",
		NULL, NULL},
	    {"device_code", DEVICE,
		"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3A"
		"device_code&device_code=the-device-code&client_id=app",
		NULL, NULL},
	    {"authorization_code",
		"operation=token\ngrant=authorization_code\nclient_id=a\n"
		"code=c/\nredirect_uri=http://localhost:1/\ncode_verifier=v\n",
		"grant_type=authorization_code&code=c%2F&redirect_uri="
		"http%3A%2F%2Flocalhost%3A1%2F&code_verifier=v&client_id=a",
		NULL, NULL},
	    {"jwt_bearer",
		"operation=token\ngrant=jwt_bearer\nassertion=e.y.J\n",
		"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3A"
		"jwt-bearer&assertion=e.y.J",
		NULL, NULL},
	    {"device_authorization", START, "scope=mail&client_id=app", NULL,
		NULL},
	    {"jwt_bearer with a client_id and a scope",
		SERVICE "client_id=a\nscope=x/ y\n",
		"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3A"
		"jwt-bearer&assertion=eyJhbGciOiJSUzI1&scope=x%2F%20y&"
		"client_id=a",
		NULL, NULL},
	    {"an assertion and client_auth=basic",
		CERTIFICATE "client_auth=basic\nclient_secret=s\n",
		"grant_type=client_credentials&client_id=app&"
		"client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A"
		"client-assertion-type%3Ajwt-bearer&client_assertion="
		"eyJhbGciOiJQUzI1NiJ9.e30.c2ln",
		NULL, NULL},
	    {"authorization_code with a scope",
		CODE "scope=a b\nclient_secret=s\n",
		"grant_type=authorization_code&code=0.AXoA%2Fcode%2Bof%3Dthis&"
		"redirect_uri=http%3A%2F%2Flocalhost%3A1%2F&"
		"code_verifier=dBjftJeZ4CVP-mB92K2&scope=a%20b&client_id=app&"
		"client_secret=s",
		NULL, NULL},
	    {"a refresh with Yahoo's redirect_uri",
		"operation=token\ngrant=refresh_token\nclient_id=a\n"
		"refresh_token=r\nredirect_uri=https://a.b/\n",
		"grant_type=refresh_token&refresh_token=r&redirect_uri="
		"https%3A%2F%2Fa.b%2F&client_id=a",
		NULL, NULL},
	    {"managed_identity",
		MACHINE "client_secret=s\nclient_assertion=a\nscope=x\n",
		"api-version=2018-02-01&resource=https%3A%2F%2Fa.example", NULL,
		NULL},
	    {"managed_identity by name",
		MACHINE "client_id=c d\nidentity_object_id=o\n"
			"identity_resource_id=/sub/1\n",
		"api-version=2018-02-01&resource=https%3A%2F%2Fa.example&"
		"object_id=o&msi_res_id=%2Fsub%2F1&client_id=c%20d",
		NULL, NULL},
	    {"other attributes stay at home",
		"operation=revoke\ntoken=t\ntoken_type_hint=refresh_token\n"
		"refresh_token=r\nscope=s\nca_file=/x\n",
		"token=t&token_type_hint=refresh_token", NULL, NULL},
	};
	const struct operation *op;
	struct msg m;
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(t); i++) {
		m = ask(t[i].request);
		op = operation_find(&m);
		r = op ? form_build(&form, op, &m) : -1;
		tap_ok(r == 0 && form.len == strlen(form.body), "%s: builds",
		    t[i].what);
		tap_is(form.body, t[i].body, t[i].what);
		tap_ok(form.basic == (t[i].user != NULL), "%s: Basic or not",
		    t[i].what);
		if (t[i].user)
			tap_is(form.user, t[i].user, "user");
		if (t[i].user)
			tap_is(form.password, t[i].password, "password");
	}
}

static void
test_form_limits(void)
{
	static char lines[MSG_MAX];
	struct msg m = ask(REFRESH "client_auth=maybe\n");
	int n;

	tap_ok(form_build(&form, operation_find(&m), &m) == -ERR_FORMAT,
	    "client_auth is post or basic");
	n = snprintf(lines, sizeof(lines),
	    "operation=token\nclient_id=a\n"
	    "grant=refresh_token\nrefresh_token=");
	memset(lines + n, '+', 65000 - (size_t)n);
	strcpy(lines + 65000, "\n");
	m = ask(lines);
	tap_ok(form_build(&form, operation_find(&m), &m) == 0 &&
		form.len > 3 * 64000,
	    "a message full of '+' fits");
	n = snprintf(lines, sizeof(lines),
	    "operation=token\nclient_id=a\n"
	    "grant=client_credentials\nclient_auth=basic\nclient_secret=");
	memset(lines + n, '+', FORM_CLIENT_MAX + 1);
	strcpy(lines + n + FORM_CLIENT_MAX + 1, "\n");
	m = ask(lines);
	tap_ok(form_build(&form, operation_find(&m), &m) == -ERR_TOOBIG,
	    "a secret that is too long for Basic is refused");
}

static void
test_operations(void)
{
	struct msg m = ask("operation=token\ngrant=password\n");

	tap_ok(!operation_find(&m), "no password grant");
	m = ask("operation=token\n");
	tap_ok(!operation_find(&m), "token needs a grant");
	m = ask("grant=refresh_token\n");
	tap_ok(!operation_find(&m), "an operation is needed");
	m = ask("operation=token\ngrant=refresh_token\nclient_id=a\n");
	tap_is(operation_lacks(operation_find(&m), &m), "refresh_token",
	    "what is lacking is named");
	m = ask("operation=token\ngrant=managed_identity\n"
		"identity_endpoint=http://169.254.169.254/\n");
	tap_is(operation_lacks(operation_find(&m), &m), "identity_resource",
	    "an identity is for a resource");
	m = ask("operation=token\ngrant=jwt_bearer\nclient_id=a\n");
	tap_is(operation_lacks(operation_find(&m), &m), "assertion",
	    "jwt_bearer needs an assertion");
	m = ask("operation=token\ngrant=authorization_code\nclient_id=a\n"
		"code=c\nredirect_uri=http://localhost/\n");
	tap_is(operation_lacks(operation_find(&m), &m), "code_verifier",
	    "no code without its verifier");
	m = ask("operation=discover\nissuer=https://a.example\n");
	tap_is(operation_lacks(operation_find(&m), &m), NULL,
	    "nothing is lacking");
}

/* A token as long as can be, and one byte more. */
static void
test_token_limits(void)
{
	static char body[4 * TOKEN_MAX];
	static const char head[] = "{\"access_token\":\"";
	size_t len = strlen(head), extra;

	memcpy(body, head, len);
	for (extra = 0; extra < 2; extra++) {
		memset(body + len, 'a', TOKEN_MAX + extra);
		strcpy(body + len + TOKEN_MAX + extra, "\"}");
		read_answer(REFRESH, 200, body, strlen(body));
		tap_is(got("status"), extra ? "temporary" : "ok",
		    "a token of TOKEN_MAX bytes and no longer");
	}
	for (extra = 0; extra < 2; extra++) {
		len = (size_t)snprintf(
		    body, sizeof(body), "{" TOKEN ",\"id_token\":\"");
		memset(body + len, 'a', TOKEN_MAX + extra);
		strcpy(body + len + TOKEN_MAX + extra, "\"}");
		read_answer(CODE, 200, body, strlen(body));
		tap_is(got("status"), "ok", "a sign-in with an id_token");
		tap_ok((got("id_token") != NULL) == (extra == 0),
		    "an id_token of TOKEN_MAX bytes, a longer one is left out");
	}
	memset(body, '[', sizeof(body));
	memcpy(body, "{\"a\":", 5);
	read_answer(REFRESH, 200, body, sizeof(body));
	expect("deep nesting", "status=temporary");
}

/* A reason is never longer than allowed, and no provider makes it so. */
static void
test_long_text(void)
{
	static char body[HTTP_BODY_MAX];
	static const char head[] =
	    "{\"error\":\"invalid_client\",\"error_description\":\"";
	const char *reason;
	size_t len = sizeof(body) - 3;

	memset(body, 'x', sizeof(body));
	memcpy(body, head, strlen(head));
	memcpy(body + len, "\"}", 3);
	read_answer(REFRESH, 400, body, strlen(body));
	reason = got("reason");
	tap_ok(reason && strlen(reason) <= DETAIL_MAX &&
		strstr(reason, "xxx; check client_id"),
	    "a long text is cut, the advice stays");
}

static void
test_urls(void)
{
	static const struct {
		const char *text;
		int code;
		const char *host;
		int loopback;
	} t[] = {
	    {"https://login.example.com/a/token?x=1", 0, HOST, 0},
	    {"https://login.example.com", 0, HOST, 0},
	    {"https://[2001:db8::1]:8443/t", 0, "[2001:db8::1]", 0},
	    {"http://127.0.0.1:8080/t", 0, "127.0.0.1", 1},
	    {"http://127.200.0.1/t", 0, "127.200.0.1", 1},
	    {"http://[::1]:1/t", 0, "[::1]", 1},
	    {"http://localhost/t", 0, "localhost", 1},
	    {"https://localhost/t", 0, "localhost", 1},
	    {"http://login.example.com/t", -EACCES, NULL, 0},
	    {"http://127.0.0.1.example.com/t", -EACCES, NULL, 0},
	    {"http://localhost.example.com/t", -EACCES, NULL, 0},
	    {"http://[::2]/t", -EACCES, NULL, 0},
	    {"http://169.254.169.254/t", -EACCES, NULL, 0},
	    {"http://0.0.0.0/t", -EACCES, NULL, 0},
	    {"http://user@127.0.0.1/t", -ERR_FORMAT, NULL, 0},
	    {"http://127.0.0.1@evil.example/t", -ERR_FORMAT, NULL, 0},
	    {"https://login.example.com/t#x", -ERR_FORMAT, NULL, 0},
	    {"https://login.example.com/a b", -ERR_FORMAT, NULL, 0},
	    {"ftp://127.0.0.1/t", -ERR_FORMAT, NULL, 0},
	    {"file:///etc/passwd", -ERR_FORMAT, NULL, 0},
	    {"login.example.com/t", -ERR_FORMAT, NULL, 0},
	    {"https://", -ERR_FORMAT, NULL, 0},
	    {"", -ERR_FORMAT, NULL, 0},
	};
	struct url url;
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(t); i++) {
		r = url_parse(&url, t[i].text);
		tap_ok(r == t[i].code &&
			(r < 0 ||
			    (url.loopback == t[i].loopback &&
				strcmp(url.host, t[i].host) == 0)),
		    "URL \"%s\" gives %d (%d)", t[i].text, t[i].code, r);
	}
}

/* The address of metadata services, for them alone. */
static void
test_identity_urls(void)
{
	static const struct {
		const char *text;
		int code;
	} t[] = {
	    {"http://169.254.169.254/metadata/identity/oauth2/token", 0},
	    {"http://0xa9fea9fe/", 0},
	    {"http://127.0.0.1:40342/metadata", 0},
	    {"https://a.example/token", 0},
	    {"http://169.254.169.253/", -EACCES},
	    {"http://169.254.169.254.example.com/", -EACCES},
	    {"http://a.example/", -EACCES},
	    {"http://169.254.169.254@a.example/", -ERR_FORMAT},
	    {"ftp://169.254.169.254/", -ERR_FORMAT},
	};
	struct url url, whole;
	char query[URL_MAX];
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(t); i++) {
		r = url_parse_identity(&url, t[i].text);
		tap_ok(r == t[i].code && (r < 0 || url.loopback == (i == 2)),
		    "identity URL \"%s\" gives %d (%d)", t[i].text, t[i].code,
		    r);
	}
	url_parse_identity(&url, "http://169.254.169.254/t");
	tap_ok(url_query(&whole, &url, "a=b%26c&d=e") == 0, "a query");
	tap_is(whole.text, "http://169.254.169.254/t?a=b%26c&d=e", "a query");
	tap_ok(!whole.tls && strcmp(whole.host, "169.254.169.254") == 0,
	    "its host");
	url_parse_identity(&url, "https://a.example/t?x=1");
	tap_ok(url_query(&whole, &url, "a=b") == 0, "one query more");
	tap_is(whole.text, "https://a.example/t?x=1&a=b", "one query more");
	memset(query, 'q', sizeof(query) - 1);
	query[sizeof(query) - 1] = '\0';
	tap_ok(url_query(&whole, &url, query) == -ERR_FORMAT, "a long query");
}

static void
test_places(void)
{
	static const struct {
		const char *issuer, *oidc, *rfc8414;
	} t[] = {
	    {"https://a.example",
		"https://a.example/.well-known/"
		"openid-configuration",
		"https://a.example/.well-known/"
		"oauth-authorization-server"},
	    {"https://a.example/t/v2.0/",
		"https://a.example/t/v2.0/"
		".well-known/openid-configuration",
		"https://a.example/"
		".well-known/oauth-authorization-server/t/v2.0"},
	    {"https://a.example/t?x=1", NULL, NULL},
	};
	struct url issuer, place;
	size_t i;

	for (i = 0; i < COUNT_OF(t); i++) {
		url_parse(&issuer, t[i].issuer);
		if (!t[i].oidc) {
			tap_ok(discover_place(&place, &issuer, 0) < 0,
			    "no place for %s", t[i].issuer);
			continue;
		}
		discover_place(&place, &issuer, 0);
		tap_is(place.text, t[i].oidc, "OpenID Connect's place");
		discover_place(&place, &issuer, 1);
		tap_is(place.text, t[i].rfc8414, "RFC 8414's place");
	}
}

static void
test_issuers(void)
{
	static const struct {
		const char *asked, *found;
		int equal;
	} t[] = {
	    {"https://a.example", "https://a.example", 1},
	    {"https://a.example/", "https://a.example", 1},
	    {"https://a.example", "https://a.example/", 1},
	    {"https://a.example", "https://b.example", 0},
	    {"https://a.example", "https://a.example.org", 0},
	    {"https://a.example/t", "https://a.example", 0},
	    {"https://m.example/common/v2.0",
		"https://m.example/{tenantid}/v2.0", 1},
	    {"https://m.example/a/b/v2.0", "https://m.example/{tenantid}/v2.0",
		0},
	    {"https://m.example//v2.0", "https://m.example/{tenantid}/v2.0", 0},
	    {"https://m.example/v2.0", "https://m.example/{tenantid}/v2.0", 0},
	    {"https://x.example/common/v2.0",
		"https://m.example/{tenantid}/v2.0", 0},
	    {"https://m.example/common/v3.0",
		"https://m.example/{tenantid}/v2.0", 0},
	    {"", "", 1},
	};
	size_t i;

	for (i = 0; i < COUNT_OF(t); i++)
		tap_ok(
		    discover_issuer_equal(t[i].asked, t[i].found) == t[i].equal,
		    "issuer %s is %s%s", t[i].asked, t[i].equal ? "" : "not ",
		    t[i].found);
}

static void
test_metadata(void)
{
	static const struct {
		const char *what;
		long status;
		const char *body;
		int result;
		const char *wants; /* of the reply */
	} t[] = {
	    {"good", 200,
		"{\"issuer\":\"https://a.example\","
		"\"token_endpoint\":\"https://a.example/t\"}",
		0, "!iss_parameter"},
	    {"with iss", 200,
		"{\"issuer\":\"https://a.example\","
		"\"token_endpoint\":\"https://a.example/t\","
		"\"authorization_response_iss_parameter_supported\":true}",
		0, "iss_parameter=yes"},
	    {"without iss", 200,
		"{\"issuer\":\"https://a.example\","
		"\"token_endpoint\":\"https://a.example/t\","
		"\"authorization_response_iss_parameter_supported\":false}",
		0, "!iss_parameter"},
	    {"with a word for iss", 200,
		"{\"issuer\":\"https://a.example\","
		"\"token_endpoint\":\"https://a.example/t\","
		"\"authorization_response_iss_parameter_supported\":\"no\"}",
		0, "!iss_parameter"},
	    {"404", 404, "", 1, "status=config http_status=404"},
	    {"HTML", 200, "<html>", 1, "status=temporary"},
	    {"no issuer", 200, "{}", 1, "status=temporary"},
	    {"503", 503, "", -1, "status=temporary http_status=503"},
	    {"429", 429, "{}", -1, "status=temporary"},
	    {"another issuer", 200, "{\"issuer\":\"https://b.example\"}", -1,
		"status=config"},
	    {"plain http", 200,
		"{\"issuer\":\"https://a.example\","
		"\"token_endpoint\":\"http://a.example/t\"}",
		-1, "status=config"},
	    {"an endpoint that is a number", 200,
		"{\"issuer\":"
		"\"https://a.example\",\"revocation_endpoint\":1}",
		-1, "status=config"},
	};
	static struct msg m;
	struct json_object *json;
	size_t i;
	int r;

	m = ask("operation=discover\nissuer=https://a.example\n");
	reply.request = &m;
	for (i = 0; i < COUNT_OF(t); i++) {
		json = NULL;
		answer.status = t[i].status;
		answer.len = strlen(t[i].body);
		memcpy(answer.body, t[i].body, answer.len);
		r = discover_read(
		    "https://a.example", "a.example", &answer, &reply, &json);
		tap_ok(r == t[i].result && (r == 0) == (json != NULL),
		    "metadata, %s: %d (%d)", t[i].what, t[i].result, r);
		if (r == 0) {
			reply_ok(&reply);
			discover_put(&reply, json);
		}
		msg_end(&reply.w);
		if (r == 0)
			expect(t[i].what,
			    "status=ok issuer=https://a.example "
			    "token_endpoint=https://a.example/t");
		expect(t[i].what, t[i].wants);
		json_object_put(json);
	}
}

int
main(void)
{
	test_rows();
	test_words();
	test_message();
	test_retry_after();
	test_clock();
	test_forms();
	test_form_limits();
	test_operations();
	test_token_limits();
	test_long_text();
	test_urls();
	test_identity_urls();
	test_places();
	test_issuers();
	test_metadata();
	return tap_done();
}
