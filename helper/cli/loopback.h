/* SPDX-License-Identifier: MIT */
/* loopback.h - wait at an address of this machine for a browser (RFC 8252) */
#ifndef SASL_BEARER_LOOPBACK_H
#define SASL_BEARER_LOOPBACK_H

#include <stddef.h>
#include <stdint.h>

#include "helper/cli/redirect.h"

struct loopback;

/* Who waits. */
struct loopback_waiter {
	/*
	 * Judge the query of a request to our path. Returns whether it is the
	 * answer; if not, waiting goes on.
	 */
	int (*judge)(void *context, const char *query);
	/* Called several times a second. */
	void (*tick)(void *context);
	void *context;
};

/*
 * Listen at 127.0.0.1, ::1 or both, nowhere else (RFC 8252 sections 7.3, 8.3).
 *
 *	to	not REDIRECT_ELSEWHERE
 *	ret	written only on success; loopback_free() it
 *
 * Both have the same port: a free one, or that of the redirect_uri. Where a
 * machine has only one of the two addresses, that one will do; but not where
 * another program has the port at the other: the browser might go there.
 * Returns 0 or a negative errno.
 */
int loopback_open(const struct redirect *to, struct loopback **ret);
int loopback_port(const struct loopback *l);

/*
 * Serve until the answer has come. Only GET of the path of the redirect_uri
 * with our Host is taken; a head is at most 16 KiB and arrives within 10 s;
 * several connections are served at once, so that one which says nothing keeps
 * no other waiting. Then nobody listens any more, and the connection
 * with the answer is kept for loopback_answer().
 *
 * Returns 0, -ETIMEDOUT at deadline_ms, or a negative errno.
 */
int loopback_wait(struct loopback *l, int64_t deadline_ms,
    const struct loopback_waiter *waiter);

/*
 * Send the response to the browser that brought the answer, within 5 s. If it
 * has gone, so be it.
 */
void loopback_answer(struct loopback *l, const char *response, size_t len);

/* Close all. NULL is fine. */
void loopback_free(struct loopback *l);

#endif
