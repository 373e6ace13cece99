/* SPDX-License-Identifier: MIT */
/* describe.h - an account as a message, for screens and for who watches it */
#ifndef SASL_BEARER_DAEMON_DESCRIBE_H
#define SASL_BEARER_DAEMON_DESCRIBE_H

#include "common/msg.h"
#include "helper/daemon/account.h"

/*
 * Write what "list" tells about an account; no secret is in it.
 *
 *	w	the message is in it, ended, after success
 *
 * Returns 0 or a code of msg_end().
 */
int describe(const struct account *a, struct msg_writer *w, char buf[MSG_MAX]);

#endif
