/* SPDX-License-Identifier: MIT */
/* stream.h - bytes and lines: a mail server over TLS, or a local program */
#ifndef SASL_BEARER_STREAM_H
#define SASL_BEARER_STREAM_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STREAM_ERROR_SIZE 512
#define STREAM_LINE_MAX 65536 /* with its end; IMAP servers list a lot */

/*
 * One connection. Nothing here waits longer than until deadline_ms, and no
 * function changes the flags of descriptors that it did not open.
 *
 * A function that fails returns an exit code of <sysexits.h> and leaves a line
 * for people in error: what failed, with whom, why.
 */
struct stream {
	int in, out; /* descriptors, one and the same for a server; or -1 */
	SSL *ssl;    /* NULL while it is in clear */
	int64_t deadline_ms;
	int wants_write;   /* what stream_get() or stream_put() waits for */
	size_t begin, end; /* of what is in buf and was not taken yet */
	char error[STREAM_ERROR_SIZE];
	char buf[STREAM_LINE_MAX];
};

/*
 * Connect to a server, in clear: tries each of its addresses.
 *
 *	s		zero but for deadline_ms; stream_close() it
 *	host		a name, or an address without brackets
 *	port		1..65535
 *
 * Returns 0; EX_NOHOST, there is no such name; or EX_TEMPFAIL.
 */
int stream_open(struct stream *s, const char *host, unsigned port);

/* Speak with a local program through descriptors that stay open. */
void stream_adopt(struct stream *s, int in, int out);

/*
 * Begin TLS 1.2 or later; the server's certificate must be good for host. What
 * was received in clear is dropped: it may be anybody's.
 *
 *	ca_file		certificates to trust, or NULL for the system's, or
 *			those in SSL_CERT_FILE
 *
 * Returns 0; EX_PROTOCOL, it is not good, or they do not understand each other;
 * EX_CONFIG, ca_file cannot be used; EX_TEMPFAIL; or STREAM_NOT_TLS: the server
 * speaks in clear, close and connect anew.
 */
int stream_tls(struct stream *s, const char *host, const char *ca_file);
#define STREAM_NOT_TLS 1

/*
 * Take a line, without its end.
 *
 *	ret	in buf, terminated, until the next call; may hold any byte
 *
 * Returns 0; EX_TEMPFAIL, the connection ended or the time is up; or
 * EX_PROTOCOL, longer than STREAM_LINE_MAX.
 */
int stream_line(struct stream *s, char **ret);

/* Write all. Returns 0 or EX_TEMPFAIL. */
int stream_write(struct stream *s, const char *data, size_t len);

/*
 * Take what there is, without waiting.
 *
 * Returns the number of bytes; 0 at the end; -EAGAIN; or another errno,
 * negative.
 */
ssize_t stream_get(struct stream *s, char *buf, size_t size);

/* Give what goes, without waiting. Returns as stream_get(). */
ssize_t stream_put(struct stream *s, const char *data, size_t len);

/* Say that nothing follows, close, wipe. Twice is fine. */
void stream_close(struct stream *s);

#endif
