/* SPDX-License-Identifier: MIT */
/* table.h - an aligned table for people */
#ifndef SASL_BEARER_TABLE_H
#define SASL_BEARER_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "helper/cli/colour.h"

#define TABLE_COLUMNS 6

/* Start with { 0 }; the first row is the heading. */
struct table {
	char **cells; /* row by row, NULL at the end */
	/* or NULL; COLOUR_END: none */
	enum colour (*colour_of)(size_t column, const char *cell);
};

/*
 * Add a row; copies the cells. A NULL or empty one is shown as "-".
 *
 * Returns 0 or -ENOMEM.
 */
int table_add(struct table *t, const char *const cells[TABLE_COLUMNS]);

/*
 * Print the table in at most width columns, cutting the widest cells between
 * characters, those of the first column only after all others. Characters are as
 * wide as a terminal shows them, by wcwidth().
 */
void table_print(const struct table *t, size_t width, FILE *f);

void table_clear(struct table *t);

#endif
