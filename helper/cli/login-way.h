/* SPDX-License-Identifier: MIT */
/* login-way.h - the ways to sign in, and which is taken */
#ifndef SASL_BEARER_LOGIN_WAY_H
#define SASL_BEARER_LOGIN_WAY_H

#include "helper/cli/login-endpoints.h"

/* Also the names of the options, and the flow that the helper remembers. */
enum way { WAY_BROWSER, WAY_DEVICE, WAY_PASTE, WAYS };

extern const char *const way_names[WAYS];

/*
 * Choose: what an option says; else the browser, where one can be opened; else
 * a code for another device, where the provider has that; else pasting. Say
 * which, and what else there is.
 *
 * Returns 0, or an exit code, reported: the provider has not what is needed.
 */
int login_way(const struct login *l, const struct endpoints *e, enum way *ret);

#endif
