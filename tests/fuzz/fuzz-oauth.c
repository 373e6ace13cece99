/* SPDX-License-Identifier: MIT */
/*
 * fuzz-oauth - feed bytes to the readers of a provider's answers
 *
 * The first byte chooses the operation, the second the HTTP status, the third
 * how many of the following bytes are the Retry-After header; the rest is the
 * body. Whatever they are, the reply must be a message that can be sent, and
 * must not have the request's secret in its reason.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "helper/fetch/discover.h"
#include "helper/fetch/oauth.h"
#include "tests/fuzz/fuzz.h"

#define SECRET "Zw-the-secret-of-this-request-9f"
#define ISSUER "https://login.example.com/{tenantid}/v2.0"
#define INPUT_MAX (HTTP_BODY_MAX + 256)

static const char *const requests[] = {
    "protocol=1\noperation=token\ngrant=refresh_token\nclient_id=a\n"
    "refresh_token=" SECRET "\n\n",
    "protocol=1\noperation=token\ngrant=device_code\nclient_id=a\n"
    "device_code=" SECRET "\n\n",
    "protocol=1\noperation=token\ngrant=client_credentials\nclient_id=a\n"
    "client_secret=" SECRET "\n\n",
    "protocol=1\noperation=device_authorization\nclient_id=a\n"
    "client_secret=" SECRET "\n\n",
    "protocol=1\noperation=revoke\ntoken=" SECRET "\n\n",
    "protocol=1\noperation=token\ngrant=authorization_code\nclient_id=a\n"
    "code=" SECRET "\ncode_verifier=v\nredirect_uri=http://localhost/\n\n",
    "protocol=1\noperation=token\ngrant=jwt_bearer\nassertion=" SECRET "\n\n",
    "protocol=1\noperation=token\ngrant=client_credentials\nclient_id=a\n"
    "client_assertion=" SECRET "\n\n",
    "protocol=1\noperation=token\ngrant=managed_identity\n"
    "identity_endpoint=http://169.254.169.254/\nidentity_resource=r\n"
    "client_secret=" SECRET "\n\n",
    "protocol=1\noperation=discover\nissuer=" ISSUER "\ntoken=" SECRET "\n\n",
};

static const short statuses[] = {
    200, 400, 401, 429, 503, 302, 404, 410, 428, 0};

/* The reply must be a message, and a reason must keep the secret. */
static void
check(struct reply *r)
{
	struct msg m;
	const char *reason;

	if (msg_end(&r->w) < 0 || msg_parse(&m, r->buf, r->w.len) < 0)
		abort();
	if (!msg_get(&m, "status"))
		abort();
	reason = msg_get(&m, "reason");
	if (!reason != (r->status == STATUS_OK))
		abort();
	if (reason && (strlen(reason) > DETAIL_MAX || strstr(reason, SECRET)))
		abort();
}

static void
fill(struct http_answer *a, const unsigned char *data, size_t size)
{
	size_t n;

	memset(a->retry_after, 0, sizeof(a->retry_after));
	a->len = 0;
	a->now_s = 1700000000;
	a->status = statuses[size > 1 ? data[1] % COUNT_OF(statuses) : 0];
	strcpy(a->content_type, "text/html");
	if (size < 3)
		return;
	n = data[2] % (sizeof(a->retry_after) - 1);
	data += 3;
	size -= 3;
	if (n > size)
		n = size;
	memcpy(a->retry_after, data, n);
	a->len = size - n < sizeof(a->body) ? size - n : sizeof(a->body);
	memcpy(a->body, data + n, a->len);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static struct http_answer answer;
	static struct reply reply;
	static char buf[512];
	struct json_object *json = NULL;
	const struct operation *op;
	const char *text =
	    requests[size > 0 ? data[0] % COUNT_OF(requests) : 0];
	struct msg request;

	strcpy(buf, text);
	if (msg_parse(&request, buf, strlen(text)) < 0)
		abort();
	op = operation_find(&request);
	reply.request = &request;
	fill(&answer, data, size);
	if (op->kind != OPERATION_DISCOVER) {
		oauth_read(op, "login.example.com", &answer, &reply);
	} else if (discover_read(ISSUER, "login.example.com", &answer, &reply,
		       &json) == 0) {
		reply_ok(&reply);
		discover_put(&reply, json);
	}
	json_object_put(json);
	check(&reply);
	return 0;
}

FUZZ_MAIN(INPUT_MAX)
