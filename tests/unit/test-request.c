/* SPDX-License-Identifier: MIT */
/* test-request - heads of HTTP requests, whole and broken */
#include "config.h"

#include <stdlib.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/http-request.h"
#include "tests/unit/tap.h"

#define HOST "Host: 127.0.0.1:1234\r\n"

/* A head that is fine. */
static const struct {
	const char *what, *head, *method, *path, *query, *host;
} good[] = {
    {"what a browser sends",
	"GET /?code=a&state=b HTTP/1.1\r\n" HOST "Accept: */*\r\n\r\n", "GET",
	"/", "code=a&state=b", "127.0.0.1:1234"},
    {"no query", "GET /favicon.ico HTTP/1.1\r\n" HOST "\r\n", "GET",
	"/favicon.ico", "", "127.0.0.1:1234"},
    {"only line feeds", "GET / HTTP/1.0\nhost:x \t\n\n", "GET", "/", "", "x"},
    {"another method", "POST /a?b?c HTTP/1.1\r\nHOST: x\r\n\r\nbody", "POST",
	"/a", "b?c", "x"},
    {"no host", "GET / HTTP/1.0\r\nA: b\r\n\r\n", "GET", "/", "", ""},
    {"an empty value", "GET / HTTP/1.1\r\nHost:\r\nX:\r\n\r\n", "GET", "/", "",
	""},
};

/* A head that is refused. */
static const struct {
	const char *what, *head;
	int code;
} bad[] = {
    {"TLS", "\x16\x03\x01\x02\r\n\r\n", -ERR_FORMAT},
    {"no words", "\r\n\r\n\r\n", -ERR_FORMAT},
    {"one word", "GET\r\n\r\n", -ERR_FORMAT},
    {"two words", "GET /\r\n\r\n", -ERR_FORMAT},
    {"lower case", "get / HTTP/1.1\r\n\r\n", -ERR_FORMAT},
    {"an address as target", "GET http://h/ HTTP/1.1\r\n\r\n", -ERR_FORMAT},
    {"a star", "OPTIONS * HTTP/1.1\r\n\r\n", -ERR_FORMAT},
    {"a blank in the target", "GET /a b HTTP/1.1\r\n\r\n", -ERR_FORMAT},
    {"a tab in the target", "GET /a\tb HTTP/1.1\r\n\r\n", -ERR_FORMAT},
    {"a high byte in the target", "GET /\xe9 HTTP/1.1\r\n\r\n", -ERR_FORMAT},
    {"HTTP/2", "PRI * HTTP/2.0\r\n\r\n", -ERR_FORMAT},
    {"version 1.2", "GET / HTTP/1.2\r\n\r\n", -ERR_FORMAT},
    {"no version", "GET / \r\n\r\n", -ERR_FORMAT},
    {"no colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", -ERR_FORMAT},
    {"no name", "GET / HTTP/1.1\r\n: x\r\n\r\n", -ERR_FORMAT},
    {"a folded line", "GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n", -ERR_FORMAT},
    {"a blank before the colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
	-ERR_FORMAT},
    {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", -ERR_TWICE},
    {"a lone carriage return", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
	-ERR_CONTROL},
};

static void
test_good(void)
{
	struct http_request r;
	char buf[256];
	size_t i, len, head;
	ssize_t n;

	for (i = 0; i < COUNT_OF(good); i++) {
		len = strlen(good[i].head);
		strcpy(buf, good[i].head);
		n = http_request_parse(&r, buf, len);
		head = len - (strstr(good[i].head, "body") ? 4 : 0);
		tap_ok(n == (ssize_t)head, "%s: %zd bytes", good[i].what, n);
		tap_is(r.method, good[i].method, "its method");
		tap_is(r.path, good[i].path, "its path");
		tap_is(r.query, good[i].query, "its query");
		tap_is(r.host, good[i].host, "its host");
	}
}

/* Every beginning of a head needs more, and is left as it is. */
static void
test_fragments(void)
{
	const char *head = good[0].head;
	struct http_request r;
	size_t len, wrong = 0;
	char buf[256];

	for (len = 0; len < strlen(head); len++) {
		strcpy(buf, head);
		if (http_request_parse(&r, buf, len) != 0 ||
		    strcmp(buf, head) != 0)
			wrong++;
	}
	tap_ok(wrong == 0, "%zu fragments that are not", wrong);
}

static void
test_bad(void)
{
	struct http_request r;
	char buf[256];
	size_t i;
	ssize_t n;

	for (i = 0; i < COUNT_OF(bad); i++) {
		strcpy(buf, bad[i].head);
		n = http_request_parse(&r, buf, strlen(buf));
		tap_ok(n == bad[i].code, "%s: %zd", bad[i].what, n);
	}
	memcpy(buf, "GET /\0 HTTP/1.1\r\n\r\n", 19);
	n = http_request_parse(&r, buf, 19);
	tap_ok(n == -ERR_CONTROL, "a NUL: %zd", n);
}

/* The limit, to the byte. */
static void
test_limit(void)
{
	static const char begin[] = "GET / HTTP/1.1\r\nX: ";
	char *buf = malloc(HTTP_REQUEST_MAX + 1);
	struct http_request r;
	ssize_t n;

	memset(buf, 'a', HTTP_REQUEST_MAX + 1);
	memcpy(buf, begin, strlen(begin));
	n = http_request_parse(&r, buf, HTTP_REQUEST_MAX - 1);
	tap_ok(n == 0, "one byte below the limit: more is needed");
	n = http_request_parse(&r, buf, HTTP_REQUEST_MAX);
	tap_ok(n == -ERR_TOOBIG, "at the limit: refused");
	memcpy(buf + HTTP_REQUEST_MAX - 3, "\r\n\r\n", 4);
	n = http_request_parse(&r, buf, HTTP_REQUEST_MAX + 1);
	tap_ok(n == -ERR_TOOBIG, "a head of one byte too much");
	memcpy(buf + HTTP_REQUEST_MAX - 4, "\r\n\r\n", 4);
	n = http_request_parse(&r, buf, HTTP_REQUEST_MAX);
	tap_ok(n == HTTP_REQUEST_MAX, "a head of the most bytes");
	free(buf);
}

int
main(void)
{
	test_good();
	test_fragments();
	test_bad();
	test_limit();
	return tap_done();
}
