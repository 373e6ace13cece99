/* SPDX-License-Identifier: MIT */
/* claims.h - what an access token says of itself, where it is a JWT */
#ifndef SASL_BEARER_CLI_CLAIMS_H
#define SASL_BEARER_CLI_CLAIMS_H

#include <stdint.h>

#include "common/util.h"
#include "helper/config/settings.h"

#define CLAIMS_TEXT 1024

/*
 * For people who look for a mistake; nobody may decide by it. Lists have a
 * blank between words; "" is what the token does not say, or not as text.
 */
struct claims {
	char aud[CLAIMS_TEXT];	 /* whom it is for */
	char scp[CLAIMS_TEXT];	 /* permissions on behalf of a person */
	char roles[CLAIMS_TEXT]; /* permissions of an application */
	char upn[USER_MAX + 1];	 /* who signed in, by whichever claim */
	char app[CLAIMS_TEXT];	 /* the client: appid, azp or client_id */
	char tid[CLAIMS_TEXT];	 /* the organisation */
	int64_t exp;		 /* Unix time of its end, or 0 */
};

/*
 * Read an access token that is a JWT. Nothing is verified.
 *
 *	token	anything
 *	ret	written only on success; texts have no control bytes, what does
 *		not fit is cut
 *
 * Returns 0; -ERR_FORMAT when it is no JWT, which is legal: access tokens are
 * for the server to read (RFC 6749 section 1.4); -ENOMEM.
 */
int claims_parse(const char *token, struct claims *ret);

/*
 * Whether aud is a mail service of Microsoft's, of any cloud, so that Exchange
 * Online may take the token.
 */
int claims_for_exchange(const struct claims *c);

/*
 * The permission that Exchange Online wants for a service and the token should
 * have, but does not, or NULL. An application's token for SMTP may have none:
 * role based access control in Exchange does without.
 *
 *	service	one of enum service
 */
const char *claims_lacks(const struct claims *c, enum service service);

#endif
