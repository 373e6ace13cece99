/* SPDX-License-Identifier: MIT */
/* reply.h - what of a provider's words may be shown */
#ifndef SASL_BEARER_FETCH_REPLY_H
#define SASL_BEARER_FETCH_REPLY_H

#include "common/reply.h"

/*
 * Make foreign text fit for reply_fail(): each secret of the request becomes
 * "***", also where it is percent-encoded or only a part of it is there, and
 * so do Basic credentials; the rest becomes one line as in util_sanitise(). A
 * secret of less than four bytes is left alone.
 *
 *	dst	always terminated; size at least 1
 *	src	len bytes, anything; looked at up to 4 KiB
 */
void reply_quote(
    const struct reply *r, char *dst, size_t size, const char *src, size_t len);

#endif
