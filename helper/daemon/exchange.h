/* SPDX-License-Identifier: MIT */
/* exchange.h - one exchange with the provider: read the secret, run a child */
#ifndef SASL_BEARER_EXCHANGE_H
#define SASL_BEARER_EXCHANGE_H

#include "helper/daemon/account.h"
#include "helper/daemon/child.h"
#include "helper/daemon/worker.h"

/* The account cannot go, nor the daemon end, while there is one. */
struct exchange {
	struct job job;
	struct account *account;
	unsigned generation;
	char config_id[CONFIG_ID_SIZE]; /* of the registration that is used */
	char *secret_path;
	char *secret;
	struct file_id secret_id;
	char why[CONF_TEXT_MAX]; /* the secret cannot be read */
	int check_only;		 /* look at the secret's file, do not read it */
	int64_t refresh_in_s;
	void (*revoked)(struct account *, const char *, void *);
	void *context;
};

/* A new exchange for an account. Returns NULL without memory. */
struct exchange *exchange_new(struct account *a);
void exchange_free(struct exchange *x);

/*
 * Read the secret in the worker thread, then call done in the event loop, with
 * x->why set when there should be a secret and it cannot be read.
 */
void exchange_start(struct exchange *x, void (*done)(struct job *j));

/*
 * Send a request to a child.
 *
 *	put	writes what this request has besides client and limits
 *	done	called later with x as its context, unless this fails
 *
 * Returns 0 or a negative code.
 */
int exchange_send(struct exchange *x,
    void (*put)(struct msg_writer *w, const struct account *a),
    child_done *done);

/* Whether nobody has signed in or out since the exchange began. */
int exchange_is_wanted(const struct exchange *x);

#endif
