/* SPDX-License-Identifier: MIT */
/* load - many requests at a daemon, some of them not as they should be */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "common/util.h"

#define IN_FLIGHT_MAX 1024
#define REQUEST_MAX 4096
#define REPLY_MAX 65536 /* of a longer one the end is not looked at */
#define WAIT_MS 10000	/* nothing at all for so long: the daemon is stuck */
#define USAGE                                                                      \
	"usage: load [-c IN_FLIGHT] [-n REQUESTS] [-s SEED] [-m KIND=WEIGHT,...] " \
	"[-u USER] SOCKET\n"

enum kind { TOKEN, HELLO, LIST, REJECT, DENIED, GARBAGE, HALF, ABORT, KINDS };

/* What is asked, and what a daemon has to say to it. */
static const struct {
	const char *name, *text, *reply;
	int has_user;
	unsigned weight;
} kinds[KINDS] = {
    [TOKEN] = {"token",
	"request=token\nservice=imap\nhost=localhost\n"
	"mechanism=XOAUTH2\ndeadline_ms=25000\n",
	"status=ok\ntoken=", 1, 40},
    [HELLO] = {"hello", "request=hello\n", "status=ok\nmechanisms=", 0, 15},
    [LIST] = {"list", "request=list\n", "status=ok\n", 0, 5},
    [REJECT] = {"reject",
	"request=reject\nservice=imap\nhost=localhost\n"
	"token_id=0000000000000000\ndetail=no\n",
	"status=ok\naction=none\n", 1, 5},
    [DENIED] = {"denied",
	"request=token\nservice=imap\nhost=other.example.com\n"
	"mechanism=XOAUTH2\n",
	"status=denied\n", 1, 10},
    [GARBAGE] = {"garbage", NULL, "status=bad\n", 0, 5},
    /* a token again, but we say at once that we have said all */
    [HALF] = {"half", "request=token\nservice=imap\nhost=localhost\n",
	"status=ok\ntoken=", 1, 5},
    /* anything; we go away at any byte of it, or before the answer */
    [ABORT] = {"abort", "request=token\nservice=imap\nhost=localhost\n", NULL,
	1, 15},
};

/* One request under way. */
struct slot {
	int fd; /* -1: free */
	enum kind kind;
	int64_t start_us;
	size_t len, sent, got;
	char request[REQUEST_MAX];
	char reply[REPLY_MAX];
};

static struct {
	struct sockaddr_un addr;
	const char *user;
	unsigned in_flight, weight[KINDS];
	unsigned long wanted, started, done, put_off, counts[KINDS];
	unsigned long wrong; /* replies of another kind than is due */
	uint64_t random;
	uint32_t *latency_us; /* of what was answered */
	size_t answered;
	struct slot *slots;
} load = {.user = "alice@example.com", .in_flight = 32, .wanted = 20000};

static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* A number below n; xorshift64*. */
static unsigned
pick(unsigned n)
{
	load.random ^= load.random >> 12;
	load.random ^= load.random << 25;
	load.random ^= load.random >> 27;
	return (unsigned)((load.random * UINT64_C(2685821657736338717)) >> 33) %
	    n;
}

static enum kind
pick_kind(void)
{
	unsigned sum = 0, i, n;

	for (i = 0; i < KINDS; i++)
		sum += load.weight[i];
	n = pick(sum);
	for (i = 0; n >= load.weight[i]; i++)
		n -= load.weight[i];
	return (enum kind)i;
}

/* Bytes that are no request: each is likely to be one that a line may have. */
static size_t
make_garbage(char *buf)
{
	static const char likely[] = "protocol=1\n\nrequest=token_09";
	size_t len = 1 + pick(2000), i;
	unsigned char any;

	for (i = 0; i < len; i++) {
		any = (unsigned char)pick(256);
		memcpy(buf + i, &any, 1);
		if (pick(4))
			buf[i] = likely[pick(sizeof(likely) - 1)];
	}
	if (buf[0] == '\n' || buf[0] == 'p')
		buf[0] = '='; /* nothing begins so */
	return len;
}

static void
make_request(struct slot *s)
{
	int n;

	if (s->kind == GARBAGE) {
		s->len = make_garbage(s->request);
		return;
	}
	n = snprintf(s->request, REQUEST_MAX, "protocol=1\n%s%s%s%s\n",
	    kinds[s->kind].text, kinds[s->kind].has_user ? "user=" : "",
	    kinds[s->kind].has_user ? load.user : "",
	    kinds[s->kind].has_user ? "\n" : "");
	s->len = s->kind == ABORT ? pick((unsigned)n + 1) : (size_t)n;
}

/* Whether a reply is what its kind of request gets. */
static int
is_right(struct slot *s)
{
	static const char protocol[] = "protocol=1\n";
	const char *reply = kinds[s->kind].reply;
	size_t n = strlen(protocol);

	s->reply[s->got] = '\0';
	if (strstr(s->reply, "too many connections")) {
		load.put_off++;
		return 1;
	}
	return s->got > n && memcmp(s->reply, protocol, n) == 0 &&
	    strncmp(s->reply + n, reply, strlen(reply)) == 0 &&
	    memcmp(s->reply + s->got - 2, "\n\n", 2) == 0;
}

static void
end(struct slot *s)
{
	close(s->fd);
	s->fd = -1;
	load.done++;
	load.counts[s->kind]++;
	if (s->kind == ABORT)
		return;
	load.latency_us[load.answered++] = (uint32_t)(now_us() - s->start_us);
	if (is_right(s))
		return;
	load.wrong++;
	fprintf(stderr, "load: %s: %zu bytes: %.200s\n", kinds[s->kind].name,
	    s->got, s->reply);
}

/* Connect, if there is room for us, and make up a request. */
static void
begin(struct slot *s)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&load.addr, sizeof(load.addr)) < 0) {
		load.wrong += errno != EAGAIN;
		if (fd >= 0)
			close(fd);
		return;
	}
	s->fd = fd;
	s->kind = pick_kind();
	s->sent = s->got = 0;
	s->start_us = now_us();
	make_request(s);
	load.started++;
	if (s->len == 0)
		end(s);
}

static void
go_on_sending(struct slot *s)
{
	ssize_t n =
	    send(s->fd, s->request + s->sent, s->len - s->sent, MSG_NOSIGNAL);

	if (n < 0 && errno == EAGAIN)
		return;
	/* it may have been refused already: read why */
	s->sent = n < 0 ? s->len : s->sent + (size_t)n;
	if (s->sent < s->len)
		return;
	if (s->kind == ABORT)
		end(s);
	else if (s->kind == HALF || s->kind == GARBAGE)
		shutdown(s->fd, SHUT_WR);
}

static void
go_on_receiving(struct slot *s)
{
	ssize_t n = recv(s->fd, s->reply + s->got, REPLY_MAX - 1 - s->got, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0)
		s->got += (size_t)n;
	if (n <= 0 || s->got == REPLY_MAX - 1)
		end(s);
}

/* Wait for any of the slots, and serve all that are ready. */
static int
turn(struct pollfd *fds)
{
	unsigned i;
	int r;

	for (i = 0; i < load.in_flight; i++) {
		struct slot *s = &load.slots[i];

		if (s->fd < 0 && load.started < load.wanted)
			begin(s);
		fds[i].fd = s->fd;
		fds[i].events = s->sent < s->len ? POLLOUT : POLLIN;
	}
	r = poll(fds, load.in_flight, WAIT_MS);
	if (r < 0 || (r == 0 && load.started > load.done))
		return -1;
	for (i = 0; i < load.in_flight; i++) {
		struct slot *s = &load.slots[i];

		if (fds[i].fd < 0 || !fds[i].revents)
			continue;
		if (s->sent < s->len)
			go_on_sending(s);
		else
			go_on_receiving(s);
	}
	return 0;
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
report(int64_t us)
{
	unsigned i;
	size_t n = load.answered;

	printf(
	    "requests=%lu seconds=%.2f per_second=%.0f put_off=%lu wrong=%lu",
	    load.done, (double)us / 1e6, (double)load.done / ((double)us / 1e6),
	    load.put_off, load.wrong);
	for (i = 0; i < KINDS; i++)
		printf(" %s=%lu", kinds[i].name, load.counts[i]);
	if (n > 0) {
		qsort(load.latency_us, n, sizeof(*load.latency_us), compare);
		printf(" p50_us=%u p99_us=%u max_us=%u", load.latency_us[n / 2],
		    load.latency_us[n - 1 - n / 100], load.latency_us[n - 1]);
	}
	printf("\n");
}

static int
run(void)
{
	struct pollfd *fds = calloc(load.in_flight, sizeof(*fds));
	int64_t start = now_us();
	unsigned i;
	int r = 0;

	load.slots = calloc(load.in_flight, sizeof(*load.slots));
	load.latency_us = calloc(load.wanted, sizeof(*load.latency_us));
	if (!fds || !load.slots || !load.latency_us) {
		r = -1;
		goto out;
	}
	for (i = 0; i < load.in_flight; i++)
		load.slots[i].fd = -1;
	while (r == 0 && load.done < load.wanted && !load.wrong)
		r = turn(fds);
	report(now_us() - start);
	if (r < 0)
		fprintf(stderr, "load: no answer for %d ms\n", WAIT_MS);
out:
	free(fds);
	free(load.slots);
	free(load.latency_us);
	return r < 0 || load.wrong ? EX_SOFTWARE : EX_OK;
}

/* "token=40,hello=1"; what is not named does not occur. */
static int
parse_mix(char *mix)
{
	char *save, *word, *equals;
	int64_t weight;
	size_t i;

	memset(load.weight, 0, sizeof(load.weight));
	for (word = strtok_r(mix, ",", &save); word;
	     word = strtok_r(NULL, ",", &save)) {
		equals = strchr(word, '=');
		if (!equals)
			return -1;
		*equals = '\0';
		for (i = 0; i < KINDS && strcmp(kinds[i].name, word) != 0; i++)
			;
		if (i == KINDS ||
		    util_number_parse(equals + 1, 1, 1000, &weight) < 0)
			return -1;
		load.weight[i] = (unsigned)weight;
	}
	return 0;
}

static int
parse_option(int option, char *value)
{
	int64_t n = 0;

	if (option == 'u')
		load.user = value;
	else if (option == 'm')
		return parse_mix(value);
	else if (option == '?' ||
	    util_number_parse(value, 1, UINT32_MAX, &n) < 0)
		return -1;
	if (option == 'c')
		load.in_flight =
		    (unsigned)(n < IN_FLIGHT_MAX ? n : IN_FLIGHT_MAX);
	else if (option == 'n')
		load.wanted = (unsigned long)n;
	else if (option == 's')
		load.random = (uint64_t)n;
	return 0;
}

int
main(int argc, char **argv)
{
	int option, bad = 0;
	size_t i;

	load.random = (uint64_t)now_us();
	load.addr.sun_family = AF_UNIX;
	for (i = 0; i < KINDS; i++)
		load.weight[i] = kinds[i].weight;
	while ((option = getopt(argc, argv, "c:n:s:m:u:")) != -1)
		bad |= parse_option(option, optarg) < 0;
	if (bad || optind != argc - 1 ||
	    strlen(argv[optind]) >= sizeof(load.addr.sun_path)) {
		fputs(USAGE, stderr);
		return EX_USAGE;
	}
	memcpy(load.addr.sun_path, argv[optind], strlen(argv[optind]) + 1);
	return run();
}
