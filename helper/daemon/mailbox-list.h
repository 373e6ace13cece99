/* SPDX-License-Identifier: MIT */
/* mailbox-list.h - the file that narrows an account for a whole domain */
#ifndef SASL_BEARER_MAILBOX_LIST_H
#define SASL_BEARER_MAILBOX_LIST_H

#include "helper/config/conf.h"

/*
 * Read a list of mail addresses: one a line, '#' starts a comment line, at most
 * 1 MiB. A file that names none is an error: it would serve nobody.
 *
 *	ret	sorted without regard to case, NULL at the end; list_free() it
 *
 * Returns 0 or a negative code, reported to e.
 */
int mailbox_list_load(const char *path, char ***ret, struct conf_errors *e);

/*
 * The list in a text: the first word of each line that is not a comment.
 *
 *	ret	as of mailbox_list_load(); written only on success
 *
 * Returns 0, -ENOENT when it names none, or -ENOMEM.
 */
int mailbox_list_parse(const char *text, char ***ret);

/* Whether an address is in a list of mailbox_list_load(); NULL has them all. */
int mailbox_list_has(char *const *list, const char *address);

#endif
