/* SPDX-License-Identifier: MIT */
/* program.h - run one of our own programs: a message in, a message out */
#ifndef SASL_BEARER_PROGRAM_H
#define SASL_BEARER_PROGRAM_H

#include <stdint.h>

#include "common/msg.h"
#include "helper/config/conf.h"

#define PROGRAM_FETCH "sasl-bearer-fetch"
#define PROGRAM_SIGN "sasl-bearer-sign"
#define PROGRAM_FDS 2

/* One run. 128 KiB, and full of secrets: on the heap, program_free() it. */
struct program {
	struct msg_writer w; /* add attributes here */
	struct msg reply;
	int fd[PROGRAM_FDS]; /* its descriptors 3 and 4; -1: none */
	char request[MSG_MAX];
	char answer[MSG_MAX + 1];
};

/* Returns NULL when there is no memory. */
struct program *program_new(void);

/*
 * Run a program and wait for its reply. It gets no environment, no arguments
 * and no descriptor but the two pipes, /dev/null for errors, and p->fd.
 *
 *	dir		where it is: libexec_dir
 *	name		PROGRAM_FETCH, PROGRAM_SIGN
 *	timeout_ms	it is killed after that
 *	why		on failure: one line
 *
 * Returns 0, whatever the reply says; -ENOEXEC when it cannot be run; another
 * negative code when it sent no reply.
 */
int program_run(struct program *p, const char *dir, const char *name,
    int64_t timeout_ms, char why[CONF_TEXT_MAX]);

/* Wipe and free. NULL is fine. */
void program_free(struct program *p);

#endif
