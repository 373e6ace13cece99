/* SPDX-License-Identifier: MIT */
/* save.h - put an account's credentials on the disk, in the worker thread */
#ifndef SASL_BEARER_SAVE_H
#define SASL_BEARER_SAVE_H

#include "helper/daemon/account.h"

/*
 * Called in the event loop when the disk has answered.
 *
 *	t	what was to be saved; the callee may take its content
 *	r	0, or a negative errno: then it is logged already
 */
typedef void
save_done(struct account *a, struct tokens *t, int r, void *context);

/*
 * Save credentials.
 *
 *	t	its content is taken over; zeroed
 *	sync	see store_save()
 *	done	may be NULL
 *
 * Returns 0; or -ENOMEM, with t untouched and done not called.
 */
int save_start(struct account *a, struct tokens *t, int sync, save_done *done,
    void *context);

/* Save the current credentials again if the disk has refused them. */
void save_retry(struct account *a);

/* The same without the worker; for the very end. */
void save_last(struct account *a);

/* Remove them from the disk. Returns 0, or -ENOMEM: done is not called. */
int save_remove(struct account *a, save_done *done, void *context);

#endif
