/* SPDX-License-Identifier: MIT */
/* reply.h - the message that sasl-bearer-fetch gives back */
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
 *		at DETAIL_MAX bytes here. Foreign text goes through
 *		reply_quote() before it becomes an argument
 */
void reply_fail(struct reply *r, enum status s, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Make foreign text fit for a reason: each secret of the request becomes
 * "***", also where it is percent-encoded or only its first part is there;
 * the rest becomes one line as in util_sanitise(). A secret of less than four
 * bytes is left alone.
 *
 *	dst	always terminated; size at least 1
 *	src	len bytes, anything; looked at up to 4 KiB
 */
void reply_quote(
    const struct reply *r, char *dst, size_t size, const char *src, size_t len);

#endif
