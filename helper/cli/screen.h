/* SPDX-License-Identifier: MIT */
/* screen.h - what fits a terminal */
#ifndef SASL_BEARER_SCREEN_H
#define SASL_BEARER_SCREEN_H

#include <stddef.h>

/* Columns: COLUMNS in the environment, else the terminal's, else 80. */
size_t screen_width(void);

/*
 * How many bytes of a text go into a line: up to a blank, so that they fit into
 * room; or one word that does not.
 */
size_t screen_break(const char *text, size_t room);

/*
 * Print a name and a text beside it, on standard output. A text that is too
 * long goes on in the next line, at the same column, broken at blanks.
 */
void screen_field(const char *name, const char *text);

#endif
