/* SPDX-License-Identifier: MIT */
/* identity.h - who an id_token is about (OpenID Connect Core section 2) */
#ifndef SASL_BEARER_IDENTITY_H
#define SASL_BEARER_IDENTITY_H

#include <stddef.h>

#include "common/util.h"

#define IDENTITY_NAMES 5

/* The names one signed in with; they may be the same. */
struct identity {
	size_t count;
	char names[IDENTITY_NAMES][USER_MAX + 1];
};

/*
 * Read the names in an id_token: email, preferred_username, upn, unique_name,
 * and sub where it has the form of an address.
 *
 *	id_token	a JWT in its compact form (RFC 7519), or anything else;
 *			at most TOKEN_MAX bytes
 *	client_id	whom it must be for: one of aud
 *	ret		written only on success; no names is success
 *
 * A claim that is no text of at most USER_MAX bytes without control bytes is
 * left out. The signature is not checked: that may be done without when the
 * token came from the token endpoint over TLS (section 3.1.3.7, point 6).
 *
 * Returns 0; -EACCES when it is for somebody else, or says nothing of that;
 * -ERR_FORMAT when it cannot be read; -ENOMEM.
 */
int identity_parse(
    const char *id_token, const char *client_id, struct identity *ret);

/* Whether a name is one of them, but for ASCII case. */
int identity_has(const struct identity *id, const char *name);

#endif
