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
	struct explain_found *seen;
	size_t count;
	size_t known;		   /* of those that were seen */
	struct json_object *array; /* NULL: lines for people */
	int r;			   /* 0 or an exit code, reported */
};

static int
is_new(struct findings *f, const struct explain_found *found)
{
	struct explain_found *more;
	size_t i;

	for (i = 0; i < f->count; i++)
		if (f->seen[i].row == found->row &&
		    f->seen[i].number == found->number)
			return 0;
	more = reallocarray(f->seen, f->count + 1, sizeof(*more));
	if (!more) {
		f->r = cli_error(EX_OSERR, "out of memory");
		return 0;
	}
	f->seen = more;
	f->seen[f->count++] = *found;
	f->known += found->row != NULL;
	return 1;
}

static void
show(const struct findings *f, const struct explain_found *found)
{
	char text[EXPLAIN_TEXT_SIZE];

	if (f->known > 1)
		printf("\n");
	explain_title(found, text);
	screen_field("about", text);
	explain_means(text, sizeof(text), found->row, NULL);
	screen_field("it means", text);
	screen_field("who acts", explain_who_text(found->row->who));
	explain_remedy(text, sizeof(text), found->row, NULL);
	screen_field("remedy", text);
}

/* Say what was found, where that is the first time. */
static void
tell(void *context, const struct explain_found *found)
{
	struct findings *f = context;

	if (f->r != 0 || !is_new(f, found))
		return;
	if (!found->row)
		cli_error(NOT_FOUND,
		    "AADSTS%ld is not known here; see "
		    "https://login.microsoftonline.com/error?code=%ld",
		    found->number, found->number);
	else if (f->array)
		explain_list_add(f->array, NULL, found);
	else
		show(f, found);
}

static void
explain_input(struct findings *f)
{
	static char line[LINE_SIZE];

	while (f->r == 0 && fgets(line, sizeof(line), stdin))
		explain_find(line, tell, f);
	if (f->r == 0 && ferror(stdin))
		f->r = cli_error(EX_IOERR, "cannot read the standard input");
	util_wipe(line, sizeof(line));
}

/* Take the operands as one text, with blanks between them. */
static void
explain_operands(struct findings *f, int argc, char **argv)
{
	size_t size = 1;
	char *text, *at, *rest, *line;
	int i;

	for (i = 0; i < argc; i++)
		size += strlen(argv[i]) + 1;
	text = at = rest = malloc(size);
	if (!text) {
		f->r = cli_error(EX_OSERR, "out of memory");
		return;
	}
	for (i = 0; i < argc; i++)
		at = stpcpy(stpcpy(at, argv[i]), " ");
	while (f->r == 0 && (line = strsep(&rest, "\n")))
		explain_find(line, tell, f);
	util_wipe(text, size);
	free(text);
}

/* The exit code; and where nothing was told, that. */
static int
report(const struct findings *f)
{
	if (f->r != 0 || f->known > 0)
		return f->r;
	if (f->count > 0)
		return NOT_FOUND;
	return cli_error(NOT_FOUND,
	    "nothing in this text is known here; run \"sasl-bearer doctor\", "
	    "try the login with \"sasl-bearer probe\", or ask the mail "
	    "server's administrator");
}

static int
explain(int json, int argc, char **argv)
{
	struct findings f = {.array = json ? json_object_new_array() : NULL};

	if (argc == 0 || (argc == 1 && strcmp(argv[0], "-") == 0))
		explain_input(&f);
	else
		explain_operands(&f, argc, argv);
	if (f.r == 0)
		f.r = json_print(f.array);
	else
		json_object_put(f.array);
	free(f.seen);
	return report(&f);
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
		return cli_error(EX_USAGE,
		    "explain: TEXT is missing, an error or a line of a log; "
		    "see \"sasl-bearer explain --help\"");
	return explain(json, argc, argv + optind);
}
