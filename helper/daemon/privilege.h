/* SPDX-License-Identifier: MIT */
/* privilege.h - give away what a process does not need */
#ifndef SASL_BEARER_PRIVILEGE_H
#define SASL_BEARER_PRIVILEGE_H

#include <sys/types.h>

struct identity {
	uid_t uid;
	gid_t gid;
	char name[64];
};

/*
 * Whom to run as.
 *
 *	run_as	a user; NULL, or when the process is not root's: who it is
 *
 * Returns 0, -ENOENT when there is no such user, or the negative errno of a
 * lookup that has failed.
 */
int privilege_find(const char *run_as, struct identity *ret);

/* Become that user for good. Returns 0 or a negative errno. */
int privilege_drop(const struct identity *id);

/*
 * No core files, no ptrace by the same user, no gain of privileges; and as many
 * descriptors as all clients need, where that is allowed.
 */
void privilege_seal(void);

#endif
