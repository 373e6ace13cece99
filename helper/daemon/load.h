/* SPDX-License-Identifier: MIT */
/* load.h - make accounts out of files, at start and again later */
#ifndef SASL_BEARER_LOAD_H
#define SASL_BEARER_LOAD_H

#include "helper/daemon/daemon.h"

/*
 * Called in the event loop when all files are read.
 *
 *	first_error	FILE:LINE of the first error, or NULL: an account with
 *			errors keeps its old definition, a new one is broken
 */
typedef void load_done(void *context, const char *first_error);

/* Read all accounts and their state before the loop runs. Logs errors. */
int load_now(struct daemon *d);

/*
 * Read them again, in the worker thread.
 *
 *	retry	whether accounts that had failed try again at once
 *
 * Returns 0; -EALREADY while another reload runs, -ENOMEM: done is not called.
 */
int load_start(struct daemon *d, int retry, load_done *done, void *context);

/* Load again, quietly, if a name in an allow list was unknown. */
void load_unknown_users(struct daemon *d);

#endif
