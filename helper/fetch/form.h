/* SPDX-License-Identifier: MIT */
/* form.h - the body of a request to a provider */
#ifndef SASL_BEARER_FORM_H
#define SASL_BEARER_FORM_H

#include <stddef.h>

#include "common/msg.h"
#include "helper/fetch/operation.h"

#define FORM_MAX (3 * MSG_MAX + 1024) /* all of a message, each byte as %XX */
#define FORM_CLIENT_MAX 4096	      /* bytes of a client's id or secret */

/* What is posted, or the query of a GET. Holds secrets: wipe it. */
struct form {
	size_t len;
	char body[FORM_MAX];
	int basic; /* user and password go into an Authorization header */
	char user[3 * FORM_CLIENT_MAX + 1];
	char password[3 * FORM_CLIENT_MAX + 1];
};

/*
 * Build the form for an operation: application/x-www-form-urlencoded, every
 * byte but unreserved ones as %XX (RFC 6749 appendix B).
 *
 *	f	written whatever is returned
 *	op	a row whose needs are fulfilled; see operation_lacks()
 *	request	what to send: client_id, client_secret, client_assertion,
 *		client_auth and the row's own
 *
 * The client proves itself once (RFC 6749 section 2.3): by client_assertion,
 * else by client_secret, in the body or, with client_auth=basic, in a header
 * for which both are form-encoded first (section 2.3.1). A secret that is
 * absent or empty is not sent at all: providers refuse an empty one. To the
 * machine's own service no proof is sent; client_id is which identity is meant.
 *
 * Returns 0; -ERR_FORMAT when client_auth is neither "post" nor "basic";
 * -ERR_TOOBIG when something does not fit.
 */
int form_build(
    struct form *f, const struct operation *op, const struct msg *request);

#endif
