/* SPDX-License-Identifier: MIT */
/* allow.h - the uids of the names in an account's file */
#ifndef SASL_BEARER_ALLOW_H
#define SASL_BEARER_ALLOW_H

#include <stddef.h>
#include <sys/types.h>

struct daemon;

struct allow {
	uid_t *uids; /* on the heap */
	size_t count;
	int unknown; /* a name is no user, yet */
};

/*
 * Look names up. May wait for a directory service.
 *
 *	names	ends with NULL; or NULL: none
 *	ret	written only on success; free ret->uids
 *
 * Returns 0 or -ENOMEM.
 */
int allow_find(char *const *names, struct allow *ret);

/* Warn of every name that is no user. */
void allow_warn(const struct daemon *d);

#endif
