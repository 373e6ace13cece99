/* SPDX-License-Identifier: MIT */
/* allow.h - the users that an account allows, as uids */
#ifndef SASL_BEARER_ALLOW_H
#define SASL_BEARER_ALLOW_H

#include <stddef.h>
#include <sys/types.h>

#include "helper/daemon/account.h"

/*
 * Look up the words of allow: names, or numbers. May wait for NSS.
 *
 *	names	NULL at the end, or NULL
 *	ret	on the heap, *ret_count uids; written always
 *
 * Returns whether some name is no user here.
 */
int allow_look_up(char *const *names, uid_t **ret, size_t *ret_count);

/* Log which names of an account are no users; for table_each(). */
void allow_warn(struct account *a, void *context);

#endif
