/* SPDX-License-Identifier: MIT */
/* screen.h - what fits a terminal */
#ifndef SASL_BEARER_SCREEN_H
#define SASL_BEARER_SCREEN_H

#include <stddef.h>

/* Columns: COLUMNS in the environment, else the terminal's, else 80. */
size_t screen_width(void);

/*
 * The first character of a text that is not empty.
 *
 *	columns	how wide a terminal shows it, by wcwidth(): 2 for most of Chinese,
 *		Japanese and Korean, 0 for a mark on the one before; 1 where
 *		that is not known
 *
 * Returns its bytes, 1 where it is not UTF-8.
 */
size_t screen_character(const char *text, size_t *columns);

/* How wide a terminal shows a text. */
size_t screen_columns(const char *text);

/*
 * How many bytes of a text go into a line: up to a blank, so that they fit into
 * room columns; or one word that does not.
 */
size_t screen_break(const char *text, size_t room);

/*
 * Print a text on standard output. What is too long goes on in the next lines,
 * broken at blanks.
 *
 *	used	columns of the line that are used
 *	indent	of the next lines
 *	width	of a line: screen_width(), or SIZE_MAX to break none
 */
void screen_fill(size_t used, size_t indent, size_t width, const char *text);

/*
 * Print a name and a text beside it, on standard output. A text that is too
 * long goes on in the next line, at the same column, broken at blanks.
 */
void screen_field(const char *name, const char *text);

#endif
