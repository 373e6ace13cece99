/* SPDX-License-Identifier: MIT */
/*
 * fuzz-request - feed bytes to what listens for a browser
 *
 * They come in two pieces, as the first byte says. What is a request goes on to
 * be judged as an answer; the rest is also what somebody pasted.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "helper/cli/authorize.h"
#include "helper/cli/http-request.h"
#include "tests/fuzz/fuzz.h"

#define STATE "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"

static const struct authorize sign_in = {
    .endpoint = "https://login.example.com/authorize",
    .issuer = "https://login.example.com/{tenantid}/v2.0",
    .redirect_uri = "http://127.0.0.1/",
    .state = STATE,
};

/* What is taken as an answer must be ours, and fit for a message. */
static void
check_query(const char *query)
{
	static struct authorize_answer a;
	enum authorize_result r = authorize_judge(&sign_in, query, &a);

	if (r != AUTHORIZE_FOREIGN && !strstr(query, "state="))
		abort();
	if ((r == AUTHORIZE_CODE) != (a.code[0] != '\0') ||
	    (r == AUTHORIZE_ERROR) != (a.error[0] != '\0'))
		abort();
	if (!util_text_valid(a.code, strlen(a.code)) ||
	    !util_text_valid(a.error, strlen(a.error)) ||
	    !util_text_valid(a.description, strlen(a.description)))
		abort();
	if (!authorize_error_find(a.error)->what)
		abort();
}

static void
check_request(const uint8_t *data, size_t size, size_t first)
{
	char *buf = malloc(size + 1);
	struct http_request r;
	ssize_t n;

	memcpy(buf, data, size);
	n = http_request_parse(&r, buf, first < size ? first : size);
	if (n == 0) {
		if (memcmp(buf, data, size) != 0)
			abort();
		n = http_request_parse(&r, buf, size);
	}
	if (n > (ssize_t)size || n > HTTP_REQUEST_MAX)
		abort();
	if (n > 0) {
		if (*r.path != '/' || strlen(r.host) > size)
			abort();
		check_query(r.query);
	}
	free(buf);
}

static void
check_paste(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	const char *query;

	memcpy(text, data, size);
	text[size] = '\0';
	query = authorize_pasted(&sign_in, text);
	if (query)
		check_query(query);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	check_request(data + 1, size - 1, data[0]);
	check_paste(data + 1, size - 1);
	return 0;
}

FUZZ_MAIN(2 * HTTP_REQUEST_MAX)
