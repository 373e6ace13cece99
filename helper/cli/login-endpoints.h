/* SPDX-License-Identifier: MIT */
/* login-endpoints.h - where a provider signs people in */
#ifndef SASL_BEARER_LOGIN_ENDPOINTS_H
#define SASL_BEARER_LOGIN_ENDPOINTS_H

#include "helper/cli/login.h"

/* Each is NULL where it is not known. */
struct endpoints {
	const char *authorization;
	const char *device;
	const char *token;     /* only where the account has none of its own */
	const char *issuer;    /* as the provider's metadata have it */
	int iss_required;      /* answers name the issuer: RFC 9207 section 3 */
	struct program *found; /* what the texts point into */
};

/*
 * Take the endpoints of the account; where it has an issuer, ask that one too.
 *
 *	e	zeroed; login_endpoints_clear() it in any case
 *
 * Returns 0 or an exit code, reported.
 */
int
login_endpoints(struct cli *cli, const struct login *l, struct endpoints *e);
void login_endpoints_clear(struct endpoints *e);

#endif
