/* SPDX-License-Identifier: MIT */
/* failure.h - from an answer that is of no use to a reply that says why */
#ifndef SASL_BEARER_FAILURE_H
#define SASL_BEARER_FAILURE_H

#include <stdint.h>

#include "helper/fetch/field.h"
#include "helper/fetch/http.h"
#include "helper/fetch/operation.h"
#include "helper/fetch/reply.h"

#define RETRY_AFTER_MAX 86400 /* s; longer is shortened to this */

/* An answer, with what is known about it. */
struct answered {
	const struct operation *op; /* what was asked */
	const char *host;	    /* the provider's name, for reasons */
	const struct http_answer *http;
	struct json_object *json; /* the body; NULL: it is no JSON object */
};

/* Whether there is an error in the JSON: "" and null are none. */
int failure_has_error(struct json_object *json);

/*
 * Make r a failure out of an answer with an error in it, or of no use.
 *
 *	a	its op may be NULL when meaning_later(a->http->status)
 *	missing	what a 2xx answer should have had: "an access_token"
 *	r	with its request, whose secrets stay out of the reason
 */
void
failure_put(const struct answered *a, const char *missing, struct reply *r);

/*
 * Seconds to wait by a Retry-After header (RFC 9110 section 10.2.3), seconds
 * or a date; a date is relative to the answer's Date, else to its arrival.
 *
 * Returns 0..RETRY_AFTER_MAX, or -1 when there is none.
 */
int64_t failure_retry_after(const struct http_answer *http);

#endif
