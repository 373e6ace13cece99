/* SPDX-License-Identifier: MIT */
/* meaning.h - what a provider's error means, as a table */
#ifndef SASL_BEARER_MEANING_H
#define SASL_BEARER_MEANING_H

#include "common/err.h"
#include "helper/fetch/operation.h"

struct meaning {
	enum status status; /* anything but STATUS_OK */
	const char *advice; /* what to do about it, or NULL */
};

/* Whether an HTTP status says "later", whatever the body says. */
int meaning_later(long http_status);

/*
 * What an error means.
 *
 *	op	what was asked; may be NULL when meaning_later(http_status)
 *	request	what was sent: with a client_assertion there are other things
 *		to check than with a secret
 *	word	the OAuth error word: RFC 6749 section 5.2, RFC 8628 section
 *		3.5, OpenID Connect Core section 3.1.2.6 and what is met;
 *		"" when there is none that can be read; NULL: no error at all
 *
 * Only these decide, never a vendor's number. A status that says "later" is
 * stronger than any word; what is not known is temporary.
 */
struct meaning meaning_find(const struct operation *op,
    const struct msg *request, long http_status, const char *word);

#endif
