/* SPDX-License-Identifier: MIT */
/* worker.h - one thread for what waits for a disk */
#ifndef SASL_BEARER_WORKER_H
#define SASL_BEARER_WORKER_H

#include <event2/event.h>

/* A piece of work; the first member of a struct of its owner. */
struct job {
	void (*run)(struct job *j);  /* in the thread; touches only its job */
	void (*done)(struct job *j); /* in the event loop, afterwards */
	struct job *next;
};

struct worker;

/*
 * Start the thread. Jobs run one at a time in the order of worker_submit(), so
 * a later save of a file wins, and done() is called in that order too.
 *
 * Returns 0 or a negative errno.
 */
int worker_start(struct event_base *base, struct worker **ret);

/* Hand over a job; it is the worker's until done() is called. Never blocks. */
void worker_submit(struct worker *w, struct job *j);

/* Run all jobs left and their done(), end the thread, free. NULL is fine. */
void worker_stop(struct worker *w);

#endif
