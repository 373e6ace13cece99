/* SPDX-License-Identifier: MIT */
/* operation.h - what can be asked of sasl-bearer-fetch, as a table */
#ifndef SASL_BEARER_OPERATION_H
#define SASL_BEARER_OPERATION_H

#include "common/msg.h"

enum operation_kind {
	OPERATION_TOKEN,    /* RFC 6749 */
	OPERATION_DEVICE,   /* RFC 8628 section 3.1 */
	OPERATION_REVOKE,   /* RFC 7009 */
	OPERATION_REACH,    /* a GET of the endpoint; any answer will do */
	OPERATION_DISCOVER, /* RFC 8414, OpenID Connect Discovery */
};

enum {
	OPERATION_UNATTENDED = 1,  /* no person's grant: no sign-in mends it */
	OPERATION_INTERACTIVE = 2, /* a person is waiting for it */
	OPERATION_IDENTITY = 4,	   /* a GET of the machine's own service */
};

/*
 * One row. Attributes of the request have the names of the form's fields, but
 * for those that form.c knows by another name.
 */
struct operation {
	enum operation_kind kind;
	int flags;
	const char *name;     /* attribute operation */
	const char *grant;    /* attribute grant, or NULL: there is none */
	const char *first[2]; /* a field and its value, or NULL: no such */
	const char *endpoint; /* the attribute with the URL, or NULL */
	const char *needs[5]; /* must be in the request; NULL ends */
	const char *also[5];  /* sent when in the request; NULL ends */
};

/* The row for a request, or NULL when there is none. */
const struct operation *operation_find(const struct msg *request);

/* The first attribute that a request needs and does not have, or NULL. */
const char *
operation_lacks(const struct operation *op, const struct msg *request);

#endif
