/* SPDX-License-Identifier: MIT */
/* authorize.h - the request and the answer that travel through a browser */
#ifndef SASL_BEARER_AUTHORIZE_H
#define SASL_BEARER_AUTHORIZE_H

#include <stddef.h>

#include "helper/cli/pkce.h"
#include "helper/cli/redirect.h"
#include "helper/config/settings.h"

#define AUTHORIZE_URL_MAX 16384
#define AUTHORIZE_CODE_MAX 8192
#define AUTHORIZE_TEXT_MAX 512

/* One sign-in under way. The verifier is a secret: util_wipe() it. */
struct authorize {
	const char *endpoint;	/* authorization_endpoint */
	const char *issuer;	/* what iss must agree with, or NULL */
	int iss_required;	/* the provider says that it sends iss */
	const char *login_hint; /* or NULL */
	char redirect_uri[REDIRECT_MAX];
	char state[PKCE_SIZE];
	char verifier[PKCE_SIZE];
};

/* What the browser brought back. Has a secret: util_wipe() it. */
struct authorize_answer {
	char code[AUTHORIZE_CODE_MAX];
	char error[64];			      /* "" when it is no error */
	char description[AUTHORIZE_TEXT_MAX]; /* made clean; "" when none */
};

enum authorize_result {
	AUTHORIZE_FOREIGN,   /* of another sign-in, or of none: go on waiting */
	AUTHORIZE_CODE,	     /* code is set */
	AUTHORIZE_ERROR,     /* error is set, perhaps description */
	AUTHORIZE_ISSUER,    /* from another provider, RFC 9207: refuse */
	AUTHORIZE_MALFORMED, /* neither a code nor an error that can be read */
};

/* Fill in state and verifier. Returns 0 or -EIO. */
int authorize_start(struct authorize *q);

/*
 * Make the address where a person signs in: RFC 6749 section 4.1.1 with PKCE
 * (RFC 7636 section 4.3). The state, and a challenge, are in it, but no secret.
 *
 *	a	client_id, scope, resource, audience, authorization_query
 *	buf	size bytes
 *
 * Returns 0; -ERR_FORMAT when the endpoint has a fragment, or
 * authorization_query is no query; -ERR_TOOBIG; -EIO.
 */
int authorize_url(const struct authorize *q, const struct account_conf *a,
    char *buf, size_t size);

/*
 * Judge the query of an answer (RFC 6749 sections 4.1.2 and 10.12, RFC 9207).
 *
 *	query	without the question mark
 *	ret	zeroed, then filled in as the result says
 */
enum authorize_result authorize_judge(
    const struct authorize *q, const char *query, struct authorize_answer *ret);

/*
 * Find the query in what a person pasted: an address that begins with the
 * redirect_uri, or a query alone. Blanks, quotes and angle brackets around it
 * are cut off.
 *
 *	text	changed
 *
 * Returns it, or NULL: another address. What it is worth authorize_judge()
 * knows.
 */
const char *authorize_pasted(const struct authorize *q, char *text);

/* An error of RFC 6749 section 4.1.2.1, or of OpenID Connect, in our words. */
struct authorize_error {
	const char *error;
	int code;	  /* to exit with */
	int consent;	  /* an administrator might approve */
	const char *what; /* what failed */
	const char *next; /* what to do */
};

/* Never NULL: what is not known gets words that always fit. */
const struct authorize_error *authorize_error_find(const char *error);

#endif
