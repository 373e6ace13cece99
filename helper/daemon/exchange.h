/* SPDX-License-Identifier: MIT */
/* exchange.h - one exchange with the provider: read files, sign, run a child */
#ifndef SASL_BEARER_EXCHANGE_H
#define SASL_BEARER_EXCHANGE_H

#include "helper/config/material.h"
#include "helper/daemon/account.h"
#include "helper/daemon/child.h"
#include "helper/daemon/inbox.h"
#include "helper/daemon/worker.h"

struct exchange;

/* The reply of sasl-bearer-fetch; or NULL, and why. */
typedef void
exchange_done(struct exchange *x, const struct msg *reply, const char *why);

/* The account cannot go, nor the daemon end, while there is one. */
struct exchange {
	struct job job;
	struct account *account;
	struct account_conf *conf; /* all of it goes by the same definition */
	unsigned generation;
	char config_id[CONFIG_ID_SIZE]; /* of the registration that is used */
	struct material material;
	char *assertion; /* signed; a secret */
	struct inbox inbox;
	int64_t patience_ms; /* for the child of another; CLOCK_MONOTONIC */
	int ack;  /* a byte: the child may forget the answer; -1: none */
	int safe; /* it may: we have it, as well as can be */
	enum status why_status;	 /* of why */
	char why[CONF_TEXT_MAX]; /* "", or why nothing can be sent */
	int64_t refresh_in_s;
	void (*ready)(struct exchange *x);
	exchange_done *done;
	void (*revoked)(struct account *, const char *, void *);
	void *context;
};

/* A new exchange for an account. Returns NULL without memory. */
struct exchange *exchange_new(struct account *a);

/* End it, and let one begin that had to wait. */
void exchange_free(struct exchange *x);

/*
 * Read the account's files in the worker thread, have an assertion signed if
 * there is a key, then call ready in the event loop, with x->why set when that
 * did not work.
 */
void exchange_start(struct exchange *x, void (*ready)(struct exchange *x));

/* Only note the identity of the account's files, in x->material.id. */
void exchange_look(struct exchange *x, void (*ready)(struct exchange *x));

/*
 * Send a request to sasl-bearer-fetch.
 *
 *	put	writes what this request has besides client and limits
 *	done	called later, unless this fails
 *
 * Returns 0 or a negative code.
 */
int exchange_send(struct exchange *x,
    void (*put)(struct msg_writer *w, const struct exchange *x),
    exchange_done *done);

/*
 * Run the account's command.
 *
 *	done	called later with x as its context, unless this fails
 *
 * Returns 0 or a negative code.
 */
int exchange_command(struct exchange *x, child_done *done);

/* Whether nobody has signed in or out since the exchange began. */
int exchange_is_wanted(const struct exchange *x);

/* Whether no reload has replaced the account's definition since. */
int exchange_is_current(const struct exchange *x);

/* Where tokens come from; NULL while only the issuer is known. */
const char *exchange_endpoint(const struct exchange *x);

#endif
