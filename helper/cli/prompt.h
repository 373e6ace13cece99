/* SPDX-License-Identifier: MIT */
/* prompt.h - ask for a secret */
#ifndef SASL_BEARER_PROMPT_H
#define SASL_BEARER_PROMPT_H

#include <stddef.h>

/*
 * Read one line from standard input: from a terminal without echo, after the
 * question, else as it comes.
 *
 *	buf	size bytes; terminated, the line feed cut off
 *
 * Returns 0, -ERR_TOOBIG, -EINTR, -EINVAL when it is empty, or another negative
 * errno.
 */
int prompt_secret(const char *question, char *buf, size_t size);

#endif
