/* SPDX-License-Identifier: MIT */
/* mailbox.h - an account with a token for each mailbox of a domain */
#ifndef SASL_BEARER_MAILBOX_H
#define SASL_BEARER_MAILBOX_H

#include "helper/daemon/account.h"

/*
 * With grant = jwt_bearer a token is for one mailbox. An account for a whole
 * domain then is a parent: it has no token, but an account for each mailbox
 * that was asked for, which nobody but the functions here finds. Those beyond the
 * limit go, the least recently used first.
 */
#define MAILBOX_MAX 1000       /* of one parent */
#define MAILBOX_FILE_FIRST '~' /* of their files; in no account's name */

/* Whether an account is such a parent. */
int mailbox_is_parent(const struct account *a);

/*
 * The account of a mailbox, made where there is none yet.
 *
 *	address	one that the parent serves
 *
 * Returns NULL when there is no memory, or when all of MAILBOX_MAX are busy.
 */
struct account *mailbox_get(struct account *parent, const char *address);

/* The account of a mailbox, or NULL when nobody has asked for it. */
struct account *mailbox_find(const struct account *parent, const char *address);

/*
 * Take over what the disk had.
 *
 *	t	of a file that begins with MAILBOX_FILE_FIRST; emptied if it was
 *		taken over
 *	storage	of that file
 *
 * Returns 0, or -1 when it is of no mailbox of this parent, or of no use.
 */
int mailbox_restore(struct account *parent, struct tokens *t, int storage);

/*
 * The definition of a parent has changed, perhaps so that it is none.
 *
 *	retry	those that have failed are to try again
 */
void mailbox_update(struct account *parent, int retry);

/* Drop all accounts of a parent that goes; their files stay. */
void mailbox_drop_all(struct account *parent);

/* Forget their tokens, on the disk as well. */
void mailbox_forget(struct account *parent);

/* How their files lie there: STORAGE_PLAIN if one of them does. */
int mailbox_storage(const struct account *parent);

/* The one that is worst off, or NULL when there is none. */
const struct account *mailbox_worst(const struct account *parent);

#endif
