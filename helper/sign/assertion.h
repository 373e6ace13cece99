/* SPDX-License-Identifier: MIT */
/* assertion.h - what is asked of sasl-bearer-sign, and what it makes */
#ifndef SASL_BEARER_ASSERTION_H
#define SASL_BEARER_ASSERTION_H

#include <stdint.h>

#include "helper/sign/jwt.h"
#include "helper/sign/key.h"

#define ASSERTION_CLIENT_S 600
#define ASSERTION_GRANT_S 3600
#define ASSERTION_MAX_S 3600

enum assertion_kind {
	ASSERTION_CLIENT, /* about the application, RFC 7523 section 2.2 */
	ASSERTION_GRANT,  /* about a mailbox, RFC 7523 section 2.1 */
	ASSERTION_CHECK,  /* none: only key and certificate are looked at */
};

/* A request; the strings are the message's, NULL where it has none. */
struct assertion {
	enum assertion_kind kind;
	enum jwt_alg alg;
	const char *client_id;
	const char *audience;
	const char *subject;
	const char *scope;
	const char *key_id;
	int64_t lifetime_s; /* 1..ASSERTION_MAX_S */
};

/*
 * Take a request, and check that it has what its operation needs.
 *
 * Returns 0, or -EINVAL after reply_fail(). Whether client_id is needed for a
 * grant is known when the key is, so assertion_make() says that.
 */
int assertion_parse(
    struct assertion *a, const struct msg *request, struct reply *r);

/*
 * Make the assertion and put it into the reply, or what ASSERTION_CHECK asks.
 *
 *	k	loaded. With a JSON key file the algorithm is RS256, and for a
 *		grant its client_email is who asks
 *	now_s	Unix seconds: when the assertion begins
 *
 * Returns 0 after reply_ok(), or a negative code after reply_fail().
 */
int assertion_make(const struct assertion *a, const struct key *k,
    int64_t now_s, struct reply *r);

#endif
