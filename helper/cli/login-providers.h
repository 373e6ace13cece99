/* SPDX-License-Identifier: MIT */
/* login-providers.h - what "login --provider list" prints */
#ifndef SASL_BEARER_LOGIN_PROVIDERS_H
#define SASL_BEARER_LOGIN_PROVIDERS_H

#include "helper/cli/cli.h"

/*
 * Print the providers there are: name and title, the ways to tokens, and what
 * one needs to use them, or an array of objects with name, title, ways and
 * needs. The ways are those its file
 * has the keys for: browser (unless its redirect_uri leads elsewhere), device
 * and paste for a person; app (client_credentials), key (jwt_bearer) and
 * identity (managed_identity) without; any, where it leaves all to the account.
 * Of two files of one name the first directory's counts.
 *
 * A file that cannot be read is reported and left out. Returns 0 or an exit
 * code, reported.
 */
int login_providers(struct cli *cli, int json);

#endif
