/* SPDX-License-Identifier: MIT */
/* mailboxes.h - the file that narrows an account for a whole domain */
#ifndef SASL_BEARER_MAILBOXES_H
#define SASL_BEARER_MAILBOXES_H

#include "helper/config/conf.h"

/*
 * Read a list of mail addresses: one a line, '#' starts a comment line, at most
 * 1 MiB. A file that names none is an error: it would serve nobody.
 *
 *	ret	sorted without regard to case, NULL at the end; list_free() it
 *
 * Returns 0 or a negative code, reported to e.
 */
int mailboxes_load(const char *path, char ***ret, struct conf_errors *e);

/* Whether an address is in a list of mailboxes_load(); NULL has them all. */
int mailboxes_have(char *const *list, const char *address);

#endif
