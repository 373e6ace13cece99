/* SPDX-License-Identifier: MIT */
/* child.h - one exchange with a child: a message in, a message out */
#ifndef SASL_BEARER_CHILD_H
#define SASL_BEARER_CHILD_H

#include <stdint.h>
#include <event2/event.h>

#include "common/msg.h"

struct children;
struct child;

/*
 * What is called when an exchange has ended.
 *
 *	reply	valid during the call; NULL when there is none
 *	why	when there is none: one line
 */
typedef void
child_done(void *context, const struct msg *reply, const char *why);

/*
 * Take charge of the daemon's end of the spawner's socket.
 *
 *	lost	called when the spawner is gone; nothing can be fetched then
 */
struct children *children_new(
    struct event_base *base, int fd, void (*lost)(void *), void *context);

/* Forget all children without a word to their owners. NULL is fine. */
void children_free(struct children *all);

/*
 * Start a program and send it a message.
 *
 *	w		finished by msg_end(); copied to the child at once
 *	timeout_ms	after it the child is killed
 *
 * Returns 0: done is called later, once, from the event loop; or a negative
 * errno: done is not called.
 */
int child_start(struct children *all, const struct msg_writer *w,
    int64_t timeout_ms, child_done *done, void *context);

#endif
