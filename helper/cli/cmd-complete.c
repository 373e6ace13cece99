/* SPDX-License-Identifier: MIT */
/* cmd-complete - what may come next on the command line, for shells */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "helper/cli/call.h"
#include "helper/cli/setup.h"
#include "helper/cli/usage.h"

#define TIMEOUT_MS 2000 /* somebody has pressed the tabulator key */
#define FILES ":files"	/* the shell knows these itself */

static const char common[] =
    "[--config FILE] [--help] [--socket PATH] [--system] [--user] [--version]";

/* The words so far, and what their end is. */
struct position {
	struct cli *cli;
	const struct command *command; /* or NULL: none yet; or the last one */
	char option[USAGE_WORD];       /* that wants a value, or "" */
	char value[USAGE_WORD];	       /* what the usage calls it */
	unsigned operands;	       /* there are before the last word */
	const char *prefix; /* of the last word, which stays as it is */
	int prefix_len;
};

/* What is searched for in a usage. */
struct search {
	struct position *position;
	const char *name; /* of an option, with its dashes */
	int found;
};

/* A line of output; its description may be NULL. */
static void
offer(const struct position *p, const char *text, const char *description)
{
	int described = description && *description;

	printf("%.*s%s%s%s\n", p->prefix_len, p->prefix, text,
	    described ? "\t" : "", described ? description : "");
}

static void
offer_accounts(const struct position *p)
{
	struct call *c = NULL;
	int r = call_new(p->cli, "list", &c);

	if (r != 0)
		return;
	c->timeout_ms = TIMEOUT_MS;
	r = call_try(c);
	while (
	    r == 0 && (r = call_next(c)) == 0 && msg_get(&c->reply, "account"))
		offer(p, msg_get(&c->reply, "account"),
		    msg_get(&c->reply, "provider"));
	call_free(c);
}

static void
offer_providers(const struct position *p)
{
	struct conf_errors quiet = {0};
	char **names;
	size_t i;

	offer(p, "list", "those there are");
	if (cli_settings(p->cli) != 0 ||
	    provider_names(&p->cli->settings, &names, &quiet) < 0)
		return;
	for (i = 0; names[i]; i++)
		offer(p, names[i], NULL);
	list_free(names);
}

static void
offer_commands(const struct position *p)
{
	const struct command *c = p->cli->commands;

	for (; c->name; c++)
		if (c->run != cmd_complete)
			offer(p, c->name, c->help);
}

static void
offer_programs(const struct position *p)
{
	const struct setup_program *program = setup_programs();

	for (; program->name; program++)
		offer(p, program->name, program->help);
}

/* "imap|pop|smtp" */
static void
offer_choices(const struct position *p, const char *words)
{
	char word[USAGE_WORD];
	size_t len;

	for (; *words; words += len + (words[len] == '|')) {
		len = strcspn(words, "|");
		snprintf(word, sizeof(word), "%.*s", (int)len, words);
		offer(p, word, NULL);
	}
}

/* What the usage calls a value, or an operand. */
static void
offer_value(const struct position *p, const char *option, const char *value)
{
	if (strcmp(option, "--provider") == 0)
		offer_providers(p);
	else if (strcmp(option, "--services") == 0)
		offer_choices(p, "imap|pop|smtp");
	else if (strcmp(value, "USER") == 0)
		offer_accounts(p);
	else if (strcmp(value, "COMMAND") == 0)
		offer_commands(p);
	else if (strcmp(value, "PROGRAM") == 0)
		offer_programs(p);
	else if (strcmp(value, "FILE") == 0 || strcmp(value, "PATH") == 0)
		printf(FILES "\n");
	else if (strchr(value, '|') && !strpbrk(value, "[]:"))
		offer_choices(p, value);
}

static void
offer_operand(void *context, const struct usage_word *word)
{
	const struct position *p = context;

	if (!*word->name &&
	    (word->position == p->operands ||
		(word->many && word->position < p->operands)))
		offer_value(p, "", word->value);
}

static void
find_option(void *context, const struct usage_word *word)
{
	struct search *s = context;

	if (s->found || strcmp(word->name, s->name) != 0)
		return;
	s->found = 1;
	snprintf(s->position->value, USAGE_WORD, "%s", word->value);
}

/* Begin an option: what it takes, if it takes anything. */
static void
begin_option(struct position *p, const char *name)
{
	struct search s = {.position = p, .name = name};

	p->value[0] = '\0';
	usage_read(common, find_option, &s);
	if (p->command)
		usage_read(p->command->usage, find_option, &s);
	snprintf(p->option, USAGE_WORD, "%s", *p->value ? name : "");
}

static void
offer_option(void *context, const struct usage_word *word)
{
	if (*word->name)
		offer(context, word->name, word->value);
}

/* An option of all commands may say which helper has the accounts. */
static void
take_value(struct position *p, const char *option, const char *value)
{
	if (strcmp(option, "--config") == 0)
		p->cli->config = value;
	else if (strcmp(option, "--socket") == 0)
		p->cli->socket = value;
}

/* An option, perhaps with its value beside it. */
static void
take_option(struct position *p, const char *word)
{
	const char *value = strchr(word, '=');
	char name[USAGE_WORD];

	if (value) {
		snprintf(name, sizeof(name), "%.*s", (int)(value - word), word);
		take_value(p, name, value + 1);
	} else {
		begin_option(p, word);
	}
	if (strcmp(word, "--user") == 0 || strcmp(word, "--system") == 0)
		p->cli->user_mode = word[2] == 'u';
}

static void
take_operand(struct position *p, const char *word)
{
	const struct command *c = p->cli->commands;

	if (p->command) {
		p->operands++;
		return;
	}
	while (c->name && strcmp(c->name, word) != 0)
		c++;
	p->command = c;
}

/* Go over a word that is complete. */
static void
take(struct position *p, const char *word)
{
	if (*p->option) {
		take_value(p, p->option, word);
		p->option[0] = '\0';
	} else if (strncmp(word, "--", 2) == 0) {
		take_option(p, word);
	} else {
		take_operand(p, word);
	}
}

/* A list, or "--option=": what is there already stays. */
static void
keep_prefix(struct position *p, const char *word)
{
	char name[USAGE_WORD];
	size_t len = strcspn(word, "=");

	if (!*p->option && strncmp(word, "--", 2) == 0 && word[len]) {
		snprintf(name, sizeof(name), "%.*s", (int)len, word);
		begin_option(p, name);
		p->prefix_len = (int)len + 1;
	}
	if (strcmp(p->option, "--services") == 0 && strrchr(word, ','))
		p->prefix_len = (int)(strrchr(word, ',') - word) + 1;
	p->prefix = word;
}

/* Offer what the last word may become; shells choose what begins like it. */
static void
complete(struct position *p, const char *word)
{
	keep_prefix(p, word);
	if (*p->option) {
		offer_value(p, p->option, p->value);
	} else if (*word == '-') {
		usage_read(common, offer_option, p);
		if (p->command && p->command->name)
			usage_read(p->command->usage, offer_option, p);
	} else if (!p->command) {
		offer_commands(p);
	} else if (p->command->name) {
		usage_read(p->command->usage, offer_operand, p);
	}
}

int
cmd_complete(struct cli *cli, int argc, char **argv)
{
	static const struct cli_option options[] = {{0}};
	struct position p = {.cli = cli};
	int i, r = cli_parse(cli, options, argc, argv);

	if (r != 0)
		return r;
	for (i = optind; i < argc - 1; i++)
		take(&p, argv[i]);
	complete(&p, optind < argc ? argv[argc - 1] : "");
	return 0;
}
