/* SPDX-License-Identifier: MIT */
/* table - an aligned table for people */
#include "config.h"

#include <string.h>

#include "helper/cli/screen.h"
#include "helper/cli/table.h"
#include "helper/config/settings.h"

#define GAP 2
#define NARROW 10   /* no column is cut below this, as long as that fits */
#define NARROWEST 5 /* six of these fit the narrowest screen */
#define CUT ".."

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

/*
 * Which column to cut: the widest, the first one only when the others are at
 * the limit.
 */
static size_t
widest(const size_t *widths, size_t limit)
{
	size_t i, found = 1;

	for (i = 2; i < TABLE_COLUMNS; i++)
		if (widths[i] > widths[found])
			found = i;
	return widths[found] > limit ? found : 0;
}

/* Make columns narrower until a row fits, or all are at the limit. */
static void
shrink(size_t *widths, size_t width, size_t limit)
{
	size_t i, total = (size_t)GAP * (TABLE_COLUMNS - 1);

	for (i = 0; i < TABLE_COLUMNS; i++)
		total += widths[i];
	for (; total > width; total--) {
		i = widest(widths, limit);
		if (widths[i] <= limit)
			return;
		widths[i]--;
	}
}

/* Bytes of the first characters that fit, and how wide they are. */
static size_t
fit(const char *text, size_t width, size_t *ret)
{
	size_t i = 0, used = 0, n, columns;

	for (; text[i]; i += n, used += columns) {
		n = screen_character(text + i, &columns);
		if (used + columns > width)
			break;
	}
	*ret = used;
	return i;
}

static void
print_cell(const char *text, size_t width, int last, FILE *f)
{
	size_t len, used;

	len = fit(text, width, &used);
	if (text[len]) {
		len = fit(text, width - strlen(CUT), &used);
		used += strlen(CUT);
	}
	fprintf(f, "%.*s%s", (int)len, text, text[len] ? CUT : "");
	if (last)
		fputc('\n', f);
	else
		fprintf(f, "%*s", (int)(width - used + GAP), "");
}

/* The colour begins and ends around the cell, so that it is not counted. */
static void
print_coloured(const struct table *t, size_t i, size_t width, FILE *f)
{
	size_t column = i % TABLE_COLUMNS;
	enum colour c = COLOUR_END;

	if (t->colour_of && i >= TABLE_COLUMNS)
		c = t->colour_of(column, t->cells[i]);
	if (i < TABLE_COLUMNS)
		c = COLOUR_HEADING;
	if (c != COLOUR_END)
		fputs(colour(f, c), f);
	print_cell(t->cells[i], width, column == TABLE_COLUMNS - 1, f);
	if (c != COLOUR_END)
		fputs(colour(f, COLOUR_END), f);
}

void
table_print(const struct table *t, size_t width, FILE *f)
{
	size_t widths[TABLE_COLUMNS] = {0}, i, n;

	for (i = 0; t->cells && t->cells[i]; i++) {
		n = screen_columns(t->cells[i]);
		if (n > widths[i % TABLE_COLUMNS])
			widths[i % TABLE_COLUMNS] = n;
	}
	shrink(widths, width, NARROW);
	shrink(widths, width, NARROWEST);
	for (i = 0; t->cells && t->cells[i]; i++)
		print_coloured(t, i, widths[i % TABLE_COLUMNS], f);
}

void
table_clear(struct table *t)
{
	list_free(t->cells);
	*t = (struct table){0};
}
