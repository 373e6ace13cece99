/* SPDX-License-Identifier: MIT */
/* reseal - state files under another key, and those that cannot be read */
#ifndef SASL_BEARER_RESEAL_H
#define SASL_BEARER_RESEAL_H

#include "helper/daemon/daemon.h"

/* The file of a mailbox that is sealed and cannot be read. */
struct refused;

/*
 * Write every state file anew that is not sealed with state_key, or that is
 * sealed and shall not be. Before the loop runs: it waits for the disk, once
 * for each of them. A crash leaves each of them as it was, or new. Logs.
 */
void reseal_all(const struct daemon *d);

/*
 * Say why the file of an account is not touched, and what to do.
 *
 *	a	a->refused is set
 */
void reseal_explain(const struct account *a, char reason[REASON_SIZE]);

/*
 * The files of mailboxes are found at the start, the mailboxes when somebody
 * asks for them: remember those that may not be touched.
 *
 *	code	-ERR_KEY or -ERR_SEAL
 */
void reseal_refuse(struct daemon *d, const char *file, int code);

/* Fill in refused and refused_id of the account of a mailbox. */
void reseal_look_up(struct account *a);

/* Somebody wants that the file goes. */
void reseal_give_up(struct account *a);

void reseal_clear(struct daemon *d);

#endif
