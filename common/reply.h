/* SPDX-License-Identifier: MIT */
/* reply.h - the message that a one-shot child gives back */
#ifndef SASL_BEARER_REPLY_H
#define SASL_BEARER_REPLY_H

#include "common/err.h"
#include "common/msg.h"

/* A reply in the making: 64 KiB. */
struct reply {
	const struct msg *request; /* its secrets never get into a reason */
	enum status status;
	struct msg_writer w;
	char buf[MSG_MAX];
};

/* Start a reply of success; what was written before is dropped. */
void reply_ok(struct reply *r);

/*
 * Start a reply of failure; what was written before is dropped.
 *
 *	s	anything but STATUS_OK
 *	format	the reason: one line a human can act on; made printable and cut
 *		at DETAIL_MAX bytes here. Nothing secret may be in it
 */
void reply_fail(struct reply *r, enum status s, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
