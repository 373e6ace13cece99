/* SPDX-License-Identifier: MIT */
/* check.h - look at the configuration without serving it */
#ifndef SASL_BEARER_CHECK_H
#define SASL_BEARER_CHECK_H

#include "helper/config/settings.h"

/* Report the programs beside the daemon that it could not start. */
void check_programs(const struct settings *s, struct conf_errors *e);

/*
 * Read all accounts, and report what is wrong with each, and with two of them
 * together. Returns how many errors were reported to e, those before included.
 */
unsigned check_accounts(const struct settings *s, struct conf_errors *e);

#endif
