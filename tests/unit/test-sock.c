/* SPDX-License-Identifier: MIT */
/* test-sock - a client's end, and helpers that do not behave */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "common/sock.h"
#include "common/util.h"
#include "tests/unit/tap.h"

#define SOON_MS 100   /* of what must not work */
#define LONG_MS 30000 /* of what must */
#define HELLO "protocol=1\nrequest=hello\n\n"

static char dir[] = "/tmp/sb-sock-XXXXXX";
static char path[64];
static struct sock s;

static int
open_in(int64_t ms)
{
	return sock_open(&s, path, util_now_ms() + ms);
}

static int
start_listening(int backlog)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(a.sun_path, path, strlen(path) + 1);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(fd, backlog) < 0)
		exit(1);
	return fd;
}

static void
test_path(void)
{
	char longer[SOCK_PATH_MAX + 1];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	tap_ok(sock_open(&s, longer, util_now_ms() + LONG_MS) == -ENAMETOOLONG,
	    "a path of 108 bytes is refused");
	tap_ok(open_in(LONG_MS) == -ENOENT, "no socket");
	sock_close(&s);
	close(start_listening(1));
	tap_ok(open_in(LONG_MS) == -ECONNREFUSED, "nobody listens");
	sock_close(&s);
}

/* Fill the queue of a helper that does not accept. */
static void
test_backlog(void)
{
	int fd = start_listening(0), full = 0, i;
	struct sock *many = calloc(64, sizeof(*many));
	pid_t pid;

	for (i = 0; i < 64 && !full; i++)
		full = sock_open(&many[i], path, util_now_ms() + SOON_MS) < 0;
	tap_ok(full && open_in(SOON_MS) == -ETIMEDOUT,
	    "a full backlog is waited for, to the deadline");
	sock_close(&s);
	pid = fork();
	if (pid == 0) {
		usleep(SOON_MS * 1000);
		while (i-- > 0)
			accept(fd, NULL, NULL);
		_exit(0);
	}
	tap_ok(open_in(LONG_MS) == 0, "and no longer than it is full");
	sock_close(&s);
	waitpid(pid, NULL, 0);
	for (i = 0; i < 64; i++)
		if (many[i].fd > 0)
			sock_close(&many[i]);
	free(many);
	close(fd);
}

/* Connect, and return the helper's end. */
static int
connected(int listener)
{
	int fd;

	if (open_in(LONG_MS) < 0)
		exit(1);
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		exit(1);
	return fd;
}

static void
make_large(struct msg_writer *w, char *buf)
{
	char *value = malloc(60000);

	memset(value, 'v', 59999);
	value[59999] = '\0';
	msg_begin(w, buf, MSG_MAX);
	msg_put(w, "large", value);
	msg_end(w);
	free(value);
}

/* A helper that is slow to read, or does not read at all. */
static void
test_send(int listener)
{
	static char buf[MSG_MAX], got[MSG_MAX];
	struct msg_writer w;
	struct msg m;
	int fd = connected(listener), small = 4096;
	size_t len = 0;
	pid_t pid;
	int r, status;

	make_large(&w, buf);
	setsockopt(s.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	s.deadline_ms = util_now_ms() + SOON_MS;
	tap_ok(sock_send(&s, &w) == -ETIMEDOUT,
	    "a helper that does not read is left at the deadline");
	sock_close(&s);
	close(fd);
	fd = connected(listener);
	setsockopt(s.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	pid = fork();
	if (pid == 0) {
		sock_close(&s);
		r = util_read_all(fd, got, sizeof(got), &len);
		_exit(r < 0 || len != w.len || memcmp(got, buf, len) != 0);
	}
	close(fd);
	r = sock_send(&s, &w);
	sock_close(&s);
	waitpid(pid, &status, 0);
	tap_ok(r == 0 && status == 0, "one that reads slowly gets all of it");
	fd = connected(listener);
	(void)!write(fd, HELLO, sizeof(HELLO) - 1);
	close(fd);
	tap_ok(sock_send(&s, &w) == 0 && sock_next(&s, &m) == 0 &&
		strcmp(msg_get(&m, "request"), "hello") == 0,
	    "what one that has gone said before is read, and no signal comes");
	sock_close(&s);
	fd = connected(listener);
	close(fd);
	tap_ok(sock_send(&s, &w) == 0 && sock_next(&s, &m) == -ERR_CLOSED,
	    "one that has gone without a word");
	sock_close(&s);
}

static void
test_receive(int listener)
{
	static char large[MSG_MAX + 1];
	struct msg m;
	int fd = connected(listener);

	(void)!write(fd, HELLO HELLO "prot", sizeof(HELLO HELLO "prot") - 1);
	tap_ok(sock_next(&s, &m) == 0 && sock_next(&s, &m) == 0 &&
		strcmp(msg_get(&m, "request"), "hello") == 0,
	    "two messages that come together");
	s.deadline_ms = util_now_ms() + SOON_MS;
	tap_ok(sock_next(&s, &m) == -ETIMEDOUT,
	    "a message that does not end is left at the deadline");
	s.deadline_ms = util_now_ms() + LONG_MS;
	(void)!write(fd, "ocol=1\n\n", 8);
	tap_ok(sock_next(&s, &m) == 0, "and read when the rest comes");
	close(fd);
	tap_ok(sock_next(&s, &m) == -ERR_CLOSED, "the end");
	sock_close(&s);
	fd = connected(listener);
	(void)!write(s.fd, "x", 1);
	close(fd); /* with a byte unread: the connection is reset */
	tap_ok(sock_next(&s, &m) == -ECONNRESET, "a reset");
	sock_close(&s);
	fd = connected(listener);
	memset(large, 'x', sizeof(large));
	(void)!write(fd, large, sizeof(large));
	tap_ok(sock_next(&s, &m) == -ERR_TOOBIG, "more than a message may be");
	sock_close(&s);
	close(fd);
}

int
main(void)
{
	int fd;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/s", dir);
	test_path();
	test_backlog();
	fd = start_listening(8);
	test_send(fd);
	test_receive(fd);
	close(fd);
	unlink(path);
	rmdir(dir);
	return tap_done();
}
