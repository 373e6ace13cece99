/* SPDX-License-Identifier: MIT */
/* tail.h - the last line that a command writes */
#ifndef SASL_BEARER_TAIL_H
#define SASL_BEARER_TAIL_H

#include <stddef.h>

/* The end of what was read so far. Start with { 0 }. */
struct tail {
	size_t len;
	char buf[512];
};

/*
 * Read some of what there is.
 *
 *	fd	of a pipe, not blocking
 *
 * Returns 1 if there was something, 0 if not, -1 at its end.
 */
int tail_read(struct tail *t, int fd);

/*
 * Read what there is, and take the last line of it, without control bytes; one
 * that is too long is cut at its begin.
 */
void tail_line(struct tail *t, int fd, char *ret, size_t size);

#endif
