/* SPDX-License-Identifier: MIT */
/* sock - the client's side of a request: connect, send, receive */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/err.h"
#include "common/sock.h"
#include "common/util.h"

#define RETRY_MS 10 /* between attempts at a full backlog */

#ifndef HAVE_SECURE_GETENV
#define secure_getenv(name) (issetugid() ? NULL : getenv(name))
#endif

int
sock_wait(int fd, short events, int64_t deadline_ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t left_ms;
	int r;

	do {
		left_ms = deadline_ms - util_now_ms();
		if (left_ms <= 0)
			return -ETIMEDOUT;
		r = poll(&p, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
	} while (r == 0 || (r < 0 && errno == EINTR));
	return r < 0 ? -errno : 0;
}

/* Let some time pass. Returns 0, or -ETIMEDOUT at the deadline. */
static int
pause_until(int64_t deadline_ms)
{
	int64_t end_ms = util_now_ms() + RETRY_MS;

	if (end_ms > deadline_ms)
		end_ms = deadline_ms;
	sock_wait(-1, 0, end_ms);
	return util_now_ms() >= deadline_ms ? -ETIMEDOUT : 0;
}

/*
 * A socket that is none of the descriptors 0 to 2: where the program has
 * closed these, what another thread of it prints or reads must not be ours.
 */
static int
new_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int high = fd, saved;

	if (fd >= 0 && fd <= STDERR_FILENO) {
		high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		saved = errno;
		close(fd);
		errno = saved;
	}
	return high;
}

int
sock_open(struct sock *s, const char *path, int64_t deadline_ms)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int r;

	s->fd = -1;
	s->deadline_ms = deadline_ms;
	s->len = 0;
	s->used = 0;
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);

	s->fd = new_socket();
	if (s->fd < 0)
		return -errno;
	while (connect(s->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		r = pause_until(deadline_ms);
		if (r < 0)
			return r;
	}
	return 0;
}

int
sock_peer(int fd, uid_t *ret_uid, pid_t *ret_pid)
{
#ifdef SO_PEERCRED
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	*ret_uid = cred.uid;
	*ret_pid = cred.pid;
#else
	gid_t gid;

	if (getpeereid(fd, ret_uid, &gid) < 0)
		return -errno;
	*ret_pid = 0;
#endif
	return 0;
}

uid_t
sock_overflow_uid(void)
{
	char buf[24] = "";
	size_t len = 0;
	int64_t uid = 65534;
	int fd = open("/proc/sys/kernel/overflowuid", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		util_read_all(fd, buf, sizeof(buf) - 1, &len);
		close(fd);
	}
	buf[strcspn(buf, "\n")] = '\0';
	util_number_parse(buf, 0, UINT32_MAX, &uid);
	return (uid_t)uid;
}

int
sock_send(struct sock *s, const struct msg_writer *w)
{
	size_t sent = 0;
	ssize_t n;
	int r;

	while (sent < w->len) {
		n = send(s->fd, w->buf + sent, w->len - sent, MSG_NOSIGNAL);
		if (n >= 0) {
			sent += (size_t)n;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return 0; /* it may have said why: read that */
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		r = sock_wait(s->fd, POLLOUT, s->deadline_ms);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Receive some bytes. Returns 0, or a negative code. */
static int
receive(struct sock *s)
{
	ssize_t n;
	int r;

	for (;;) {
		n = recv(s->fd, s->buf + s->len, sizeof(s->buf) - s->len, 0);
		if (n > 0) {
			s->len += (size_t)n;
			return 0;
		}
		if (n == 0)
			return -ERR_CLOSED;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		r = sock_wait(s->fd, POLLIN, s->deadline_ms);
		if (r < 0)
			return r;
	}
}

int
sock_next(struct sock *s, struct msg *m)
{
	ssize_t n;
	int r;

	memmove(s->buf, s->buf + s->used, s->len - s->used);
	s->len -= s->used;
	s->used = 0;
	for (;;) {
		n = msg_length(s->buf, s->len);
		if (n < 0)
			return (int)n;
		if (n > 0)
			break;
		r = receive(s);
		if (r < 0)
			return r;
	}
	s->used = (size_t)n;
	return msg_parse(m, s->buf, s->used);
}

void
sock_close(struct sock *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	util_wipe(s->buf, s->len);
}

/* Whether a directory is the effective uid's own and closed to others. */
static int
is_private(const char *dir)
{
	struct stat st;

	return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) &&
	    st.st_uid == geteuid() && (st.st_mode & 07777) == 0700;
}

int
sock_user_path(char *buf, size_t size)
{
	const char *dir = secure_getenv("XDG_RUNTIME_DIR");
	int n;

	if (dir && *dir == '/' && is_private(dir))
		n = snprintf(buf, size, "%s/sasl-bearer/socket", dir);
	else
		n = snprintf(buf, size, "/run/user/%lu/sasl-bearer/socket",
		    (unsigned long)geteuid());
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}
