/* SPDX-License-Identifier: MIT */
/* oauth.h - what a provider's answer means; no network, no clock */
#ifndef SASL_BEARER_OAUTH_H
#define SASL_BEARER_OAUTH_H

#include <stdint.h>

#include "helper/fetch/http.h"
#include "helper/fetch/operation.h"
#include "helper/fetch/reply.h"

#define OAUTH_RETRY_MAX 86400 /* s; longer is shortened to this */

/*
 * Turn an answer into a reply.
 *
 *	op	what was asked
 *	host	the provider's name, for reasons
 *	a	the answer; a->body may be anything
 *	r	with its request; becomes success or failure
 *
 * The decision is made by the HTTP status and the OAuth error word alone
 * (RFC 6749 section 5.2, RFC 8628 section 3.5), never by a vendor's number:
 * 408, 425, 429 and 5xx are temporary whatever the body says; a known error
 * word decides, also in an answer with status 200; the rest is temporary.
 */
void oauth_read(const struct operation *op, const char *host,
    const struct http_answer *a, struct reply *r);

/*
 * Make r a failure out of an answer with an error in it, or of no use.
 *
 *	op	may be NULL when oauth_later(a->status)
 *	missing	what a 2xx answer should have had: "an access_token"
 */
void oauth_fail(const struct operation *op, const char *host,
    const struct http_answer *a, const char *missing, struct reply *r);

/* Whether an HTTP status says "later", whatever the body says. */
int oauth_later(long http_status);

/*
 * Seconds to wait by a Retry-After header (RFC 9110 section 10.2.3), seconds
 * or a date; a date is relative to the answer's Date, else to its arrival.
 *
 * Returns 0..OAUTH_RETRY_MAX, or -1 when there is none.
 */
int64_t oauth_retry_after(const struct http_answer *a);

#endif
