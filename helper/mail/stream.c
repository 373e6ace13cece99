/* SPDX-License-Identifier: MIT */
/* stream - bytes and lines: a mail server over TLS, or a local program */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/err.h"
#include "common/sock.h"
#include "common/util.h"
#include "helper/mail/stream.h"
#include "helper/mail/tls.h"

#define ADDRESS_MS 10000 /* for one address, if there are others */

__attribute__((format(printf, 3, 4))) static int
fail(struct stream *s, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->error, sizeof(s->error), fmt, ap);
	va_end(ap);
	return code;
}

static int
fail_errno(struct stream *s, const char *what, int code)
{
	char text[64];

	if (code == -EPIPE || code == -ECONNRESET || code == -ERR_CLOSED)
		return fail(
		    s, EX_TEMPFAIL, "%s: the connection was closed", what);
	return fail(
	    s, EX_TEMPFAIL, "%s: %s", what, err_text(code, text, sizeof(text)));
}

/* Connect to one address. Returns 0 or a negative errno. */
static int
connect_to(
    struct stream *s, const struct addrinfo *address, int64_t deadline_ms)
{
	socklen_t len = sizeof(int);
	int fd, on = 1, r = 0;

	fd = socket(address->ai_family,
	    address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    address->ai_protocol);
	if (fd < 0)
		return -errno;
	if (connect(fd, address->ai_addr, address->ai_addrlen) < 0)
		r = -errno;
	if (r == -EINPROGRESS) {
		r = sock_wait(fd, POLLOUT, deadline_ms);
		if (r == 0 &&
		    getsockopt(fd, SOL_SOCKET, SO_ERROR, &r, &len) < 0)
			r = errno;
		r = r > 0 ? -r : r;
	}
	if (r < 0) {
		close(fd);
		return r;
	}
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	s->in = s->out = fd;
	return 0;
}

int
stream_open(struct stream *s, const char *host, unsigned port)
{
	struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *first, *a;
	int64_t deadline_ms;
	char what[STREAM_ERROR_SIZE / 2], number[12];
	int r;

	s->in = s->out = -1;
	snprintf(number, sizeof(number), "%u", port);
	r = getaddrinfo(host, number, &hints, &first);
	if (r != 0)
		return fail(s, r == EAI_AGAIN ? EX_TEMPFAIL : EX_NOHOST,
		    "cannot find the address of \"%s\": %s", host,
		    gai_strerror(r));
	for (a = first, r = -ENOENT; a && r < 0; a = a->ai_next) {
		deadline_ms = util_now_ms() + ADDRESS_MS;
		if (!a->ai_next || deadline_ms > s->deadline_ms)
			deadline_ms = s->deadline_ms;
		r = connect_to(s, a, deadline_ms);
	}
	freeaddrinfo(first);
	if (r == 0)
		return 0;
	snprintf(
	    what, sizeof(what), "cannot connect to %s, port %u", host, port);
	return fail_errno(s, what, r);
}

void
stream_adopt(struct stream *s, int in, int out)
{
	s->in = in;
	s->out = out;
	s->deadline_ms = INT64_MAX;
}

/* What SSL_read() and the like mean: -EAGAIN, 0 at the end, or an error. */
static int
tls_result(struct stream *s, int result)
{
	int saved = errno;

	switch (SSL_get_error(s->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		s->wants_write = 0;
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		s->wants_write = 1;
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return saved ? -saved : 0;
	default:
		return -EPROTO;
	}
}

static int
handshake(struct stream *s, const char *host)
{
	char text[HOST_MAX + 160];
	int r;

	for (;;) {
		ERR_clear_error();
		errno = 0;
		r = SSL_connect(s->ssl);
		if (r == 1)
			return 0;
		r = tls_result(s, r);
		if (r != -EAGAIN)
			break;
		r = sock_wait(
		    s->in, s->wants_write ? POLLOUT : POLLIN, s->deadline_ms);
		if (r < 0)
			break;
	}
	/* OpenSSL says so of a greeting in clear: the server wants STARTTLS */
	if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_WRONG_VERSION_NUMBER)
		return fail(s, STREAM_NOT_TLS,
		    "%s does not begin with TLS on this port; is it one for "
		    "STARTTLS?",
		    host);
	if (r == -EPROTO)
		return fail(s, EX_PROTOCOL, "cannot begin TLS with %s: %s",
		    host, tls_reason(s->ssl, text, sizeof(text)));
	snprintf(text, sizeof(text), "cannot begin TLS with %s", host);
	return fail_errno(s, text, r < 0 ? r : -ERR_CLOSED);
}

int
stream_tls(struct stream *s, const char *host, const char *ca_file)
{
	char reason[160];
	int r;

	s->begin = s->end = 0;
	r = tls_new(s->in, host, ca_file, &s->ssl);
	if (r == -ERR_FORMAT)
		return fail(s, EX_CONFIG,
		    "cannot use the certificates in %s: %s",
		    ca_file ? ca_file : "the system's store",
		    tls_reason(NULL, reason, sizeof(reason)));
	if (r < 0)
		return fail_errno(s, "cannot begin TLS", r);
	r = handshake(s, host);
	if (r != 0) {
		SSL_free(s->ssl);
		s->ssl = NULL;
	}
	return r;
}

/* Read from the descriptor, past the buffer. */
static ssize_t
get_raw(struct stream *s, char *buf, size_t size)
{
	struct pollfd p = {.fd = s->in, .events = POLLIN};
	ssize_t n;

	if (s->ssl) {
		ERR_clear_error();
		errno = 0;
		n = SSL_read(s->ssl, buf, size > INT_MAX ? INT_MAX : (int)size);
		return n > 0 ? n : tls_result(s, (int)n);
	}
	s->wants_write = 0;
	if (poll(&p, 1, 0) == 0) /* the descriptor may be one that blocks */
		return -EAGAIN;
	n = read(s->in, buf, size);
	return n >= 0				? n
	    : errno == EINTR || errno == EAGAIN ? -EAGAIN
						: -errno;
}

ssize_t
stream_get(struct stream *s, char *buf, size_t size)
{
	size_t n = s->end - s->begin;

	if (n == 0)
		return get_raw(s, buf, size);
	if (n > size)
		n = size;
	memcpy(buf, s->buf + s->begin, n);
	s->begin += n;
	return (ssize_t)n;
}

/*
 * A pipe takes PIPE_BUF bytes without blocking when poll() says that it can be
 * written to. Its flags are not ours to change: others have it open, too.
 */
static ssize_t
put_plain(struct stream *s, const char *data, size_t len)
{
	struct pollfd p = {.fd = s->out, .events = POLLOUT};
	ssize_t n;

	n = send(s->out, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno == ENOTSOCK) {
		if (poll(&p, 1, 0) == 0)
			return -EAGAIN;
		n = write(s->out, data, len > PIPE_BUF ? PIPE_BUF : len);
	}
	return n >= 0 ? n : errno == EINTR ? -EAGAIN : -errno;
}

ssize_t
stream_put(struct stream *s, const char *data, size_t len)
{
	int n;

	if (!s->ssl) {
		s->wants_write = 1;
		return put_plain(s, data, len);
	}
	ERR_clear_error();
	errno = 0;
	n = SSL_write(s->ssl, data, len > INT_MAX ? INT_MAX : (int)len);
	if (n > 0)
		return n;
	n = tls_result(s, n);
	return n == 0 ? -EPIPE : n;
}

int
stream_write(struct stream *s, const char *data, size_t len)
{
	ssize_t n;
	int r;

	while (len > 0) {
		n = stream_put(s, data, len);
		if (n == -EAGAIN) {
			r = sock_wait(s->wants_write ? s->out : s->in,
			    s->wants_write ? POLLOUT : POLLIN, s->deadline_ms);
			if (r < 0)
				return fail_errno(s, "cannot send", r);
		} else if (n < 0) {
			return fail_errno(s, "cannot send", (int)n);
		} else {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* Wait for more in the buffer. */
static int
fill(struct stream *s)
{
	ssize_t n = -EAGAIN;
	int r;

	memmove(s->buf, s->buf + s->begin, s->end - s->begin);
	s->end -= s->begin;
	s->begin = 0;
	if (s->end == sizeof(s->buf))
		return fail(s, EX_PROTOCOL, "a line is longer than %zu bytes",
		    sizeof(s->buf));
	while (n == -EAGAIN) {
		n = get_raw(s, s->buf + s->end, sizeof(s->buf) - s->end);
		if (n != -EAGAIN)
			break;
		r = sock_wait(
		    s->in, s->wants_write ? POLLOUT : POLLIN, s->deadline_ms);
		if (r < 0)
			return fail_errno(s, "nothing was said", r);
	}
	if (n == 0)
		return fail(s, EX_TEMPFAIL,
		    "the other side closed the "
		    "connection");
	if (n < 0)
		return fail_errno(s, "cannot receive", (int)n);
	s->end += (size_t)n;
	return 0;
}

int
stream_line(struct stream *s, char **ret)
{
	char *line, *end;
	int r;

	while (!(end = memchr(s->buf + s->begin, '\n', s->end - s->begin))) {
		r = fill(s);
		if (r != 0)
			return r;
	}
	line = s->buf + s->begin;
	s->begin = (size_t)(end + 1 - s->buf);
	if (end > line && end[-1] == '\r')
		end--;
	*end = '\0';
	*ret = line;
	return 0;
}

void
stream_close(struct stream *s)
{
	if (s->ssl) {
		SSL_shutdown(s->ssl);
		SSL_free(s->ssl);
		s->ssl = NULL;
	}
	if (s->in >= 0 && s->in == s->out)
		close(s->in);
	s->in = s->out = -1;
	util_wipe(s->buf, sizeof(s->buf));
	s->begin = s->end = 0;
}
