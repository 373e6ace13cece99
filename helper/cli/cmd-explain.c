/* SPDX-License-Identifier: MIT */
/* cmd-explain - what an error means, who must act, and what to do */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/cli/cli.h"
#include "helper/cli/explain-list.h"
#include "helper/cli/json.h"
#include "helper/cli/screen.h"

#define LINE_SIZE 16384 /* of the input; what is longer counts as more lines */
#define NOT_FOUND 1	/* the exit code */

/* What has been said. Nothing of the texts is: they may have tokens in them. */
struct findings {
	const struct explanation *seen[EXPLAIN_ROWS_MAX];
	size_t count;
	long unknown;		   /* a code, or 0 */
	struct json_object *array; /* NULL: lines for people */
};

static int
is_new(struct findings *f, const struct explanation *row)
{
	size_t i;

	for (i = 0; i < f->count; i++)
		if (f->seen[i] == row)
			return 0;
	if (f->count == COUNT_OF(f->seen))
		return 0;
	f->seen[f->count++] = row;
	return 1;
}

static void
show(const struct findings *f, const struct explain_found *found)
{
	char text[EXPLAIN_TEXT_SIZE];

	if (f->count > 1)
		printf("\n");
	explain_title(found, text);
	screen_field("about", text);
	explain_means(text, sizeof(text), found->row, NULL);
	screen_field("it means", text);
	screen_field("who acts", explain_who_text(found->row->who));
	explain_remedy(text, sizeof(text), found->row, NULL);
	screen_field("remedy", text);
}

static void
explain_line(struct findings *f, const char *line)
{
	struct explain_found found[EXPLAIN_FOUND_MAX];
	long unknown;
	size_t n = explain_find(line, found, &unknown), i;

	if (unknown)
		f->unknown = unknown;
	for (i = 0; i < n; i++) {
		if (!is_new(f, found[i].row))
			continue;
		if (!f->array)
			show(f, &found[i]);
		else
			explain_list_add(f->array, NULL, &found[i]);
	}
}

static int
explain_input(struct findings *f)
{
	static char line[LINE_SIZE];
	int r = 0;

	while (fgets(line, sizeof(line), stdin))
		explain_line(f, line);
	if (ferror(stdin))
		r = cli_error(EX_IOERR, "cannot read the standard input");
	util_wipe(line, sizeof(line));
	return r;
}

/* Take the operands as one text, with blanks between them. */
static int
explain_operands(struct findings *f, int argc, char **argv)
{
	size_t size = 1;
	char *text, *at, *rest, *line;
	int i;

	for (i = 0; i < argc; i++)
		size += strlen(argv[i]) + 1;
	text = at = rest = malloc(size);
	if (!text)
		return cli_error(EX_OSERR, "out of memory");
	for (i = 0; i < argc; i++)
		at = stpcpy(stpcpy(at, argv[i]), " ");
	while ((line = strsep(&rest, "\n")))
		explain_line(f, line);
	util_wipe(text, size);
	free(text);
	return 0;
}

static int
report(const struct findings *f)
{
	if (f->count > 0)
		return 0;
	if (f->unknown)
		return cli_error(NOT_FOUND,
		    "AADSTS%ld is not known here; see "
		    "https://login.microsoftonline.com/error?code=%ld",
		    f->unknown, f->unknown);
	return cli_error(NOT_FOUND,
	    "nothing in this text is known here; run \"sasl-bearer doctor\", "
	    "try the login with \"sasl-bearer probe\", or ask the mail "
	    "server's administrator");
}

static int
explain(int json, int argc, char **argv)
{
	struct findings f = {.array = json ? json_object_new_array() : NULL};
	int r;

	if (argc == 0 || (argc == 1 && strcmp(argv[0], "-") == 0))
		r = explain_input(&f);
	else
		r = explain_operands(&f, argc, argv);
	if (r == 0)
		r = json_print(f.array);
	else
		json_object_put(f.array);
	return r ? r : report(&f);
}

static int
list(int json, int markdown)
{
	if (json)
		return explain_list_json();
	(markdown ? explain_list_markdown : explain_list_text)();
	return 0;
}

int
cmd_explain(struct cli *cli, int argc, char **argv)
{
	int json = 0, markdown = 0, all = 0, r, i;
	const struct cli_option options[] = {
	    {"json", NULL, &json},
	    {"list", NULL, &all},
	    {"markdown", NULL, &markdown},
	    {0},
	};

	/* POP3's "-ERR ..." is no option */
	for (i = 1; i < argc; i++)
		if (strncmp(argv[i], "-ERR", 4) == 0)
			argv[i]++;
	r = cli_parse(cli, options, argc, argv);
	if (r != 0)
		return r;
	argc -= optind;
	if ((all && argc > 0) || (markdown && !all))
		return cli_error(EX_USAGE,
		    "--list takes no text, and --markdown is for --list");
	if (all)
		return list(json, markdown);
	if (argc == 0 && isatty(STDIN_FILENO))
		return cli_error(EX_USAGE, "usage: sasl-bearer %s %s",
		    cli->command->name, cli->command->usage);
	return explain(json, argc, argv + optind);
}
