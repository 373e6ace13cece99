/* SPDX-License-Identifier: MIT */
/* prompt.h - ask for what is not to be shown */
#ifndef SASL_BEARER_PROMPT_H
#define SASL_BEARER_PROMPT_H

#include <stddef.h>

/*
 * Read one line from standard input: from a terminal without echo, after the
 * question, and of any length; else as it comes.
 *
 *	buf	size bytes; terminated, the line feed cut off
 *
 * A signal that ends the program does, with the terminal as it was; after one
 * that stops it the question is asked again. Returns 0,
 * -ERR_TOOBIG, -EINVAL for an empty line, -ENODATA for the end of the input,
 * -EINTR after a signal that was to be ignored, or another negative errno.
 */
int prompt_secret(const char *question, char *buf, size_t size);

#endif
