/* SPDX-License-Identifier: MIT */
/* discover.h - where a provider's endpoints are, by its own metadata */
#ifndef SASL_BEARER_DISCOVER_H
#define SASL_BEARER_DISCOVER_H

#include "helper/fetch/field.h"
#include "helper/fetch/http.h"
#include "helper/fetch/reply.h"

#define DISCOVER_PLACES 2 /* where metadata may be */

/*
 * Where the metadata of an issuer may be: first as OpenID Connect Discovery
 * section 4 says, then as RFC 8414 section 3.
 *
 *	ret	written only on success
 *	place	0..DISCOVER_PLACES - 1
 *
 * Returns 0 or the errors of url_parse(), whose words are url_problem()'s.
 */
int discover_place(struct url *ret, const struct url *issuer, int place);

/*
 * Whether metadata is that of the issuer that was asked (RFC 8414 section
 * 3.3). A slash at the end is no difference; Microsoft's "{tenantid}" in the
 * metadata stands for any one part of the path.
 */
int discover_issuer_equal(const char *asked, const char *found);

/*
 * Read an answer as metadata.
 *
 *	issuer	as asked
 *	a	the answer to a GET of a place
 *	r	becomes a failure unless 0 is returned
 *
 * Returns 0 and *ret_json, to be given back with json_object_put(): every
 * endpoint in it that discover_put() knows is one url_parse() takes. Returns
 * 1 when there is no metadata at this place, so that the next may be tried;
 * -1 when another place would not help.
 */
int
discover_read(const char *issuer, const char *host, const struct http_answer *a,
    struct reply *r, struct json_object **ret_json);

/*
 * Add the issuer and its endpoints to a reply; and iss_parameter=yes when it
 * promises to name itself in answers of the authorization_endpoint (RFC 9207
 * section 3), so that one without iss is not from there.
 */
void discover_put(struct reply *r, struct json_object *json);

#endif
