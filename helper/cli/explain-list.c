/* SPDX-License-Identifier: MIT */
/* explain-list - the whole table of what errors mean */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "helper/cli/explain-list.h"
#include "helper/cli/json.h"
#include "helper/cli/screen.h"

#define INDENT 4

/* Prints one row. */
typedef void print_row(const struct explain_found *row);

static void
each_row(const struct explain_section *section, print_row *print)
{
	struct explain_found found = {.row = section->rows};

	for (; found.row->match; found.row++)
		print(&found);
}

/* Print a text in lines that fit; all but the first are indented further. */
static void
print_lines(size_t indent, const char *text)
{
	size_t len;

	for (; *text; text += strspn(text, " ")) {
		len = screen_break(text, screen_width() - indent);
		printf("%*s%.*s\n", (int)indent, "", (int)len, text);
		text += len;
		indent = INDENT;
	}
}

static void
print_text(const struct explain_found *found)
{
	char text[EXPLAIN_TEXT_SIZE], line[sizeof(text) + 64];

	explain_title(found, text);
	print_lines(0, text);
	explain_means(text, sizeof(text), found->row, NULL);
	print_lines(INDENT, text);
	explain_remedy(text, sizeof(text), found->row, NULL);
	snprintf(line, sizeof(line), "%s: %s",
	    explain_who_text(found->row->who), text);
	print_lines(INDENT, line);
}

void
explain_list_text(void)
{
	const struct explain_section *section;

	for (section = explain_sections(); section->title; section++) {
		if (section != explain_sections())
			printf("\n");
		printf("%s:\n\n", section->title);
		each_row(section, print_text);
	}
}

/* A cell of a table in Markdown, and what follows it. */
static void
print_cell(const char *text, const char *after)
{
	for (; *text; text++) {
		if (strchr("|$<*`", *text))
			putchar('\\');
		putchar(*text);
	}
	printf("%s", after);
}

static void
print_markdown(const struct explain_found *found)
{
	char title[EXPLAIN_TITLE_SIZE], text[EXPLAIN_TEXT_SIZE];

	explain_title(found, title);
	printf("| `%s` | ", title);
	explain_means(text, sizeof(text), found->row, NULL);
	print_cell(text, " | ");
	print_cell(explain_who_text(found->row->who), " | ");
	explain_remedy(text, sizeof(text), found->row, NULL);
	print_cell(text, " |\n");
}

void
explain_list_markdown(void)
{
	const struct explain_section *section;

	printf(
	    "# Errors\n\n"
	    "What the errors of providers, of mail servers and of the programs "
	    "here mean, who\nmust act, and what is to be done. "
	    "`sasl-bearer explain TEXT` looks a line up in\nthis table, "
	    "`sasl-bearer probe` and the helper's own lines have its words. "
	    "By the\ndocumentation of Microsoft and Google, and by what "
	    "people report; Microsoft may\nchange its numbers, which is why "
	    "nothing is decided by them.\n\n"
	    "`sasl-bearer explain --list --markdown` writes this file. In it "
	    "USER is the\nmailbox, ACCOUNT the name of the account's file, "
	    "CLIENT_ID the application; what\nstands around `...` must both "
	    "be in the line.\n");
	for (section = explain_sections(); section->title; section++) {
		printf("\n## %s\n\n"
		       "| you see | it means | who acts | remedy |\n"
		       "|---|---|---|---|\n",
		    section->title);
		each_row(section, print_markdown);
	}
}

void
explain_list_add(struct json_object *array,
    const struct explain_section *section, const struct explain_found *found)
{
	struct json_object *o = json_object_new_object();
	char text[EXPLAIN_TEXT_SIZE];

	if (section)
		json_put(o, "section", section->title);
	explain_title(found, text);
	json_put(o, "about", text);
	explain_means(text, sizeof(text), found->row, NULL);
	json_put(o, "means", text);
	json_put(o, "who", explain_who_name(found->row->who));
	explain_remedy(text, sizeof(text), found->row, NULL);
	json_put(o, "remedy", text);
	json_object_array_add(array, o);
}

int
explain_list_json(void)
{
	struct json_object *array = json_object_new_array();
	const struct explain_section *section;
	struct explain_found found = {0};

	for (section = explain_sections(); section->title; section++)
		for (found.row = section->rows; found.row->match; found.row++)
			explain_list_add(array, section, &found);
	return json_print(array);
}
