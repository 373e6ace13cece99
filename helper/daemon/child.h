/* SPDX-License-Identifier: MIT */
/* child.h - one run of a child: a message or nothing in, its output back */
#ifndef SASL_BEARER_CHILD_H
#define SASL_BEARER_CHILD_H

#include <event2/event.h>
#include <stdint.h>

#include "common/msg.h"

struct children;
struct child;

/* How a run has ended. */
struct child_result {
	char *output;	 /* may be changed during the call, one byte more too */
	size_t len;	 /* of a command at most MSG_MAX */
	const char *why; /* NULL; or one line: it did not end by itself */
	int exit;	 /* of a command: its exit status */
	char errors[256]; /* of a command: the last line of its errors */
};

typedef void child_done(void *context, struct child_result *r);

/* What is to be run. */
struct child_call {
	const char *program;  /* PROGRAM_FETCH, PROGRAM_SIGN, SPAWN_COMMAND or
				 SPAWN_NOTIFY; the last two are commands */
	const char *account;  /* of SPAWN_COMMAND: whose it is */
	struct msg_writer *w; /* finished by msg_end(); of a command or NULL */
	int fd[2];	      /* its descriptors 3 and 4; -1: none */
	int64_t timeout_ms;   /* after it the child is killed */
};

/*
 * Take charge of the daemon's end of the spawner's socket.
 *
 *	lost	called when the spawner is gone; nothing can be run then
 */
struct children *children_new(
    struct event_base *base, int fd, void (*lost)(void *), void *context);

/* Forget all children without a word to their owners. NULL is fine. */
void children_free(struct children *all);

/*
 * Start a program. A program of ours has ended when it closes its output; a
 * command when it exits, since what it started may live on.
 *
 *	call	not kept: the message is with the child when this returns
 *
 * Returns 0: done is called later, once, from the event loop; or a negative
 * errno: done is not called.
 */
int child_start(struct children *all, const struct child_call *call,
    child_done *done, void *context);

/*
 * Read the output of a program of ours as a message.
 *
 * Returns 0; or a negative code with *why, one line.
 */
int child_message(struct child_result *r, const char *program, struct msg *ret,
    const char **why);

#endif
