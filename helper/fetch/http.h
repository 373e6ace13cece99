/* SPDX-License-Identifier: MIT */
/* http.h - one bounded exchange with a provider */
#ifndef SASL_BEARER_HTTP_H
#define SASL_BEARER_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "helper/fetch/form.h"
#include "helper/fetch/url.h"

#define HTTP_BODY_MAX 262144  /* bytes of an answer's body */
#define HTTP_HEADER_MAX 65536 /* bytes of all its header lines */
#define HTTP_CONNECT_MS 10000 /* until a connection stands, TLS included */

/* What the provider said. Headers are as received: "" when absent or long. */
struct http_answer {
	long status;   /* 0: there is no answer */
	int connected; /* somebody was there, with an answer or without */
	int64_t now_s; /* Unix time at which it came */
	char content_type[128];
	char retry_after[64];
	char date[64];
	size_t len;
	char body[HTTP_BODY_MAX];
};

/* What the exchanges of one process share. */
struct http {
	const char *ca_file; /* NULL: what libcurl was built with */
	const char *proxy;   /* NULL: none; never used for loopback */
	const char *header;  /* a line that is sent besides, or NULL */
	int64_t deadline_ms; /* CLOCK_MONOTONIC, for all exchanges */
	void *easy;	     /* NULL at first */
};

/*
 * Do one exchange: GET, or POST of a form.
 *
 *	h	before the first exchange all zero but for the settings
 *	to	from url_parse()
 *	form	NULL: GET
 *	ret	written always; its status is 0 when nothing was received
 *	why	size bytes, at least DETAIL_MAX + 1; written on failure: a line
 *		that names the host, may quote the peer's certificate
 *
 * TLS 1.2 or later, certificate and host name verified; no redirect followed,
 * no environment, no netrc, no cookies, no compression, HTTP/1.1 only.
 *
 * Returns STATUS_OK when a whole answer is there, whatever its HTTP status;
 * else STATUS_TEMPORARY or, when ca_file cannot be used, STATUS_CONFIG. After
 * a failure *ret may hold a part of the answer.
 */
enum status http_exchange(struct http *h, const struct url *to,
    const struct form *form, struct http_answer *ret, char *why, size_t size);

#endif
