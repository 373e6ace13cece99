/* SPDX-License-Identifier: MIT */
/* child.h - what every one-shot child does around its work */
#ifndef SASL_BEARER_CHILD_H
#define SASL_BEARER_CHILD_H

#include <stdint.h>

#include "common/reply.h"

/*
 * Serve the arguments of a program that takes none but --version and --help.
 *
 * Returns -1 when there are none and standard input is no terminal: there is
 * a request to be read. Else the exit code.
 */
int child_usage(const char *name, int argc, char **argv);

/*
 * Be nobody's source of secrets, and use nothing that was not asked for: no
 * environment, no core, not dumpable, no new privileges, no descriptor above
 * last_fd. The end of the daemon must not cut short what was begun: SIGTERM,
 * SIGINT, SIGHUP and SIGPIPE are ignored, the alarm is not. It is set to a
 * minute, for a parent that does not close its pipe.
 *
 * Returns 0, or -EBADF when one of the first three descriptors is not open: it
 * could become something else that is then written to.
 */
int child_begin(int last_fd);

/* Let the process end with EX_SOFTWARE when so much time has passed. */
void child_set_alarm(int64_t ms);

/*
 * Read the request from standard input, to its end.
 *
 *	request	valid as long as buf is
 *	buf	MSG_MAX bytes; wiping them is for the caller
 *
 * Returns 0, or the codes of util_read_all() and msg_parse() after
 * reply_fail().
 */
int child_receive(struct msg *request, char *buf, struct reply *r);

/* Write the reply to standard output. Returns the exit code. */
int child_send(struct reply *r);

#endif
