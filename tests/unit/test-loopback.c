/* SPDX-License-Identifier: MIT */
/* test-loopback - a browser that comes back, one process for both ends */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/cli/loopback.h"
#include "tests/unit/tap.h"

#define WAIT_MS 10000

/* What the waiter saw. */
struct seen {
	char query[64];
	int judged, ticks;
};

static int
judge(void *context, const char *query)
{
	struct seen *s = context;

	s->judged++;
	snprintf(s->query, sizeof(s->query), "%s", query);
	return strcmp(query, "yes") == 0;
}

static void
tick(void *context)
{
	((struct seen *)context)->ticks++;
}

/* Connect, as a browser does, and send text. Returns the socket. */
static int
client(int port, const char *text)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_port = htons((uint16_t)port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    util_write_all(fd, text, strlen(text)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* All that the other end sent until it closed. */
static const char *
rest(int fd)
{
	static char buf[16384];
	size_t len = 0;

	util_read_all(fd, buf, sizeof(buf) - 1, &len);
	buf[len] = '\0';
	close(fd);
	return buf;
}

static int
wait_for(struct loopback *l, struct seen *s, int64_t ms)
{
	const struct loopback_waiter waiter = {judge, tick, s};

	return loopback_wait(l, util_now_ms() + ms, &waiter);
}

static void
test_answer(const char *uri)
{
	struct seen s = {0};
	struct loopback *l = NULL;
	struct redirect to;
	char request[256], full[REDIRECT_MAX], host[32];
	int silent, no, yes, port;

	tap_ok(redirect_parse(&to, uri) == 0 && loopback_open(&to, &l) == 0,
	    "listen for %s", uri);
	port = loopback_port(l);
	redirect_format(&to, port, full, host);
	silent = client(port, "");
	snprintf(request, sizeof(request),
	    "GET /x?no HTTP/1.1\r\nHost: %s\r\n\r\n", host);
	no = client(port, request);
	snprintf(request, sizeof(request),
	    "GET /x?yes HTTP/1.1\r\nHost: %s\r\n\r\n", host);
	yes = client(port, request);
	tap_ok(wait_for(l, &s, WAIT_MS) == 0, "the answer comes");
	tap_ok(s.judged == 2, "after one that is none");
	tap_is(s.query, "yes", "its query");
	tap_ok(s.ticks > 0, "ticks");
	tap_is(rest(silent), "", "who said nothing is told nothing");
	tap_ok(strncmp(rest(no), "HTTP/1.1 400 ", 13) == 0,
	    "what is no answer gets a page");
	tap_ok(client(port, "") < 0 && errno == ECONNREFUSED,
	    "nobody listens any more");
	shutdown(yes, SHUT_WR);
	loopback_answer(l, "hello", 5);
	tap_is(rest(yes), "hello", "the browser is answered");
	loopback_free(l);
}

static void
test_deadline(void)
{
	struct loopback *l = NULL;
	struct seen s = {0};
	struct redirect to;
	int fd;

	if (redirect_parse(&to, "http://127.0.0.1/") < 0 ||
	    loopback_open(&to, &l) < 0) {
		tap_ok(0, "listen");
		return;
	}
	fd = client(loopback_port(l), "GET / HT");
	tap_ok(wait_for(l, &s, 0) == -ETIMEDOUT, "no time at all");
	tap_ok(wait_for(l, &s, 300) == -ETIMEDOUT, "half a request in time");
	tap_ok(s.judged == 0, "it was not judged");
	loopback_free(l);
	close(fd);
}

static void
test_port(void)
{
	struct loopback *l = NULL, *second = NULL;
	struct redirect to;

	if (redirect_parse(&to, "http://127.0.0.1/") < 0 ||
	    loopback_open(&to, &l) < 0) {
		tap_ok(0, "listen");
		return;
	}
	to.port = loopback_port(l);
	tap_ok(loopback_open(&to, &second) == -EADDRINUSE, "a port in use");
	to.host = REDIRECT_LOCALHOST;
	tap_ok(loopback_open(&to, &second) == -EADDRINUSE,
	    "in use at one of two addresses");
	tap_ok(second == NULL, "nothing is returned");
	loopback_free(l);
	tap_ok(loopback_open(&to, &second) == 0 &&
		loopback_port(second) == to.port,
	    "the port of one's choice");
	loopback_free(second);
	loopback_free(NULL);
}

int
main(void)
{
	test_answer("http://127.0.0.1/x");
	test_answer("http://localhost/x");
	test_deadline();
	test_port();
	return tap_done();
}
