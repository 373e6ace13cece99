/* SPDX-License-Identifier: MIT */
/* http-request.h - read the head of an HTTP request (RFC 9112) */
#ifndef SASL_BEARER_HTTP_REQUEST_H
#define SASL_BEARER_HTTP_REQUEST_H

#include <stddef.h>
#include <sys/types.h>

#define HTTP_REQUEST_MAX 16384 /* bytes of a head */

/* The head of a request; it points into the buffer it was parsed from. */
struct http_request {
	const char *method;
	const char *path;
	const char *query; /* without the question mark, or "" */
	const char *host;  /* of the header, or "" */
};

/*
 * Parse a head, once all of it is there.
 *
 *	r	written only when a length is returned; valid as long as buf
 *	buf	changed only then: texts in it are terminated
 *	len	bytes so far; a body that follows the head does not matter
 *
 * Only what a browser sends is taken: a target that begins with a slash,
 * HTTP/1.0 or 1.1, no folded lines, no bytes but printable ASCII in the target.
 * Returns the length of the head; 0 when more is needed; -ERR_FORMAT,
 * -ERR_CONTROL, -ERR_TWICE for a second Host, or -ERR_TOOBIG when there are
 * HTTP_REQUEST_MAX bytes and still no end.
 */
ssize_t http_request_parse(struct http_request *r, char *buf, size_t len);

#endif
