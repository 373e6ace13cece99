/* SPDX-License-Identifier: MIT */
/* jwt.h - the claims of a JWT, which nobody has verified (RFC 7519) */
#ifndef SASL_BEARER_CLI_JWT_H
#define SASL_BEARER_CLI_JWT_H

#include <json-c/json_object.h>

#include "common/util.h"

#define JWT_DEPTH 16 /* objects and arrays within each other */

/*
 * Read the claims of a JWT in its compact form. The signature is not checked.
 *
 *	token	anything; at most TOKEN_MAX bytes of claims
 *	ret	written only on success; json_object_put() it. It is a copy
 *		that nobody can wipe: claims, no signature
 *
 * Returns 0; -ERR_FORMAT when it is something else, or its claims are no JSON
 * object; -ENOMEM.
 */
int jwt_claims(const char *token, struct json_object **ret);

/* A string without a NUL in it, or NULL; value may be NULL. */
const char *jwt_text(struct json_object *value);

#endif
