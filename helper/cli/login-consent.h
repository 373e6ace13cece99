/* SPDX-License-Identifier: MIT */
/* login-consent.h - the address where an administrator approves */
#ifndef SASL_BEARER_LOGIN_CONSENT_H
#define SASL_BEARER_LOGIN_CONSENT_H

#include <stddef.h>

#include "helper/config/settings.h"

#define CONSENT_URL_MAX 4096

/*
 * Make the address where an administrator approves the application for all of
 * an organisation, from admin_consent_endpoint.
 *
 *	redirect_uri	as registered, without an added port; NULL: the
 *			account's, or the default
 *	buf		CONSENT_URL_MAX bytes are enough for most
 *
 * Asks for the account's scopes without those about the person (openid,
 * profile, email, offline_access). The tenant "common" becomes "organizations":
 * only an organisation has administrators. Returns 0, -ENOENT when the provider
 * has no such endpoint, or -ERR_TOOBIG.
 */
int login_consent_url(const struct account_conf *a, const char *redirect_uri,
    char *buf, size_t size);

/*
 * Tell people on standard error to send that address to an administrator; say
 * nothing where the provider has none.
 */
void login_consent_print(const struct account_conf *a);

#endif
