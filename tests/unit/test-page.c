/* SPDX-License-Identifier: MIT */
/* test-page - the pages that a browser ends at */
#include "config.h"

#include <stdlib.h>

#include "common/util.h"
#include "helper/cli/page.h"
#include "tests/unit/tap.h"

#define EVIL "<script>alert(1)</script>&amp;\"'"

/* What every page has, and what none may have. */
static const char *const needed[] = {
    "\r\nCache-Control: no-store\r\n",
    "\r\nReferrer-Policy: no-referrer\r\n",
    "\r\nX-Content-Type-Options: nosniff\r\n",
    "\r\nX-Frame-Options: DENY\r\n",
    "\r\nConnection: close\r\n",
    "\r\nContent-Type: text/html; charset=utf-8\r\n",
    "\r\nContent-Security-Policy: default-src 'none'; style-src 'sha256-",
    "<html lang=\"en\"",
    "<meta name=\"viewport\"",
    "color-scheme:light dark",
    "prefers-color-scheme:dark",
};
static const char *const banned[] = {"<script", "javascript:", "src=\"", "url(",
    "@import", "href=\"http", "<form", "<iframe", "style=\"", "onload"};

/* Whether all that was announced is there, to the byte. */
static int
length_right(const char *response, size_t len)
{
	const char *body = strstr(response, "\r\n\r\n");
	const char *field = strstr(response, "\r\nContent-Length: ");

	return body && field && field < body && strlen(response) == len &&
	    strtoul(field + 18, NULL, 10) == strlen(body + 4);
}

static void
test_response(const struct page *p, const char *name)
{
	char *response = NULL;
	size_t len = 0, i;

	tap_ok(page_response(p, &response, &len) == 0, "%s", name);
	tap_ok(length_right(response, len), "its length");
	for (i = 0; i < COUNT_OF(needed); i++)
		tap_ok(strstr(response, needed[i]) != NULL, "it has %.40s",
		    needed[i] + (needed[i][0] == '\r' ? 2 : 0));
	for (i = 0; i < COUNT_OF(banned); i++)
		tap_ok(!strstr(response, banned[i]), "it has no %s", banned[i]);
	free(response);
}

static void
test_texts(const struct page *p, const char *const *texts)
{
	char *response = NULL;
	size_t len;

	if (page_response(p, &response, &len) == 0)
		for (; *texts; texts++)
			tap_ok(strstr(response, *texts) != NULL, "it says %s",
			    *texts);
	free(response);
}

static void
test_errors(void)
{
	static const char *const starts[] = {"HTTP/1.1 400 Bad Request\r\n",
	    "HTTP/1.1 404 Not Found\r\n",
	    "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n"};
	const char *response;
	int i;

	for (i = 0; i < (int)COUNT_OF(starts); i++) {
		response = page_error((enum page_error)i);
		tap_ok(strncmp(response, starts[i], strlen(starts[i])) == 0 &&
			length_right(response, strlen(response)),
		    "%.12s", starts[i] + 9);
	}
}

int
main(void)
{
	const struct page evil = {PAGE_FAILED, EVIL, EVIL, EVIL, EVIL, EVIL};
	const struct page done = {PAGE_DONE, "alice@example.com",
	    "Example Mail", "IMAP, SMTP", NULL, NULL};
	const struct page failed = {
	    PAGE_FAILED, "a", "b", "c", "the code has expired", "try again!"};
	const struct page bare = {.kind = PAGE_FAILED};
	const struct page foreign = {.kind = PAGE_FOREIGN};

	test_response(&done, "signed in");
	test_texts(&done,
	    (const char *const[]){"HTTP/1.1 200 OK\r\n", "You are signed in",
		"alice@example.com", "Example Mail", "IMAP, SMTP",
		"You can close this page", "terminal", NULL});
	test_response(&failed, "not signed in");
	test_texts(&failed,
	    (const char *const[]){"HTTP/1.1 200 OK\r\n",
		"You are not signed in", "<p>The code has expired.</p>",
		"<li>Try again!</li>", NULL});
	test_response(&evil, "texts with markup");
	test_texts(&evil,
	    (const char *const[]){
		"&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;&quot;&#39;",
		NULL});
	test_response(&bare, "without texts");
	test_response(&foreign, "of another sign-in");
	test_texts(&foreign,
	    (const char *const[]){"HTTP/1.1 400 Bad Request\r\n",
		"This belongs to another sign-in", "Nothing was changed",
		NULL});
	test_errors();
	return tap_done();
}
