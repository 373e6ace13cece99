/* SPDX-License-Identifier: MIT */
/* table - an aligned table for people */
#include "config.h"

#include <string.h>

#include "helper/cli/table.h"
#include "helper/config/settings.h"

#define GAP 2
#define NARROWEST 10 /* a column is not cut below this */
#define CUT ".."

static int
is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Columns of a text: its code points. */
static size_t
width_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += !is_continuation(*text);
	return n;
}

/* Bytes of the first n code points. */
static size_t
bytes_of(const char *text, size_t n)
{
	size_t i = 0;

	while (text[i] && (n > 0 || is_continuation(text[i])))
		n -= !is_continuation(text[i++]);
	return i;
}

int
table_add(struct table *t, const char *const cells[TABLE_COLUMNS])
{
	const char *cell;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < TABLE_COLUMNS; i++) {
		cell = cells[i] && *cells[i] ? cells[i] : "-";
		r = list_add(&t->cells, cell, strlen(cell));
	}
	return r;
}

/* Which column to cut: the widest, the first one only after the others. */
static size_t
widest(const size_t *widths)
{
	size_t i, found = 1;

	for (i = 2; i < TABLE_COLUMNS; i++)
		if (widths[i] > widths[found])
			found = i;
	return widths[found] > NARROWEST ? found : 0;
}

/* Make columns narrower until a row fits. */
static void
shrink(size_t *widths, size_t width)
{
	size_t i, total = (size_t)GAP * (TABLE_COLUMNS - 1);

	for (i = 0; i < TABLE_COLUMNS; i++)
		total += widths[i];
	for (; total > width; total--) {
		i = widest(widths);
		if (widths[i] <= NARROWEST)
			return;
		widths[i]--;
	}
}

static void
print_cell(const char *text, size_t width, int last, FILE *f)
{
	size_t have = width_of(text), cut = strlen(CUT);

	if (have > width) {
		fwrite(text, 1, bytes_of(text, width - cut), f);
		fputs(CUT, f);
		have = width;
	} else {
		fputs(text, f);
	}
	if (last)
		fputc('\n', f);
	else
		fprintf(f, "%*s", (int)(width - have + GAP), "");
}

void
table_print(const struct table *t, size_t width, FILE *f)
{
	size_t widths[TABLE_COLUMNS] = {0}, i, n;

	for (i = 0; t->cells && t->cells[i]; i++) {
		n = width_of(t->cells[i]);
		if (n > widths[i % TABLE_COLUMNS])
			widths[i % TABLE_COLUMNS] = n;
	}
	shrink(widths, width);
	for (i = 0; t->cells && t->cells[i]; i++)
		print_cell(t->cells[i], widths[i % TABLE_COLUMNS],
		    i % TABLE_COLUMNS == TABLE_COLUMNS - 1, f);
}

void
table_clear(struct table *t)
{
	list_free(t->cells);
	*t = (struct table){0};
}
