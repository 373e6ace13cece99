/* SPDX-License-Identifier: MIT */
/* cmd-help - a map of the commands, and how one is used */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "helper/cli/cli.h"
#include "helper/cli/colour.h"
#include "helper/config/conf.h"

#define COMMANDS_MAX 32

/* By enum command_group. */
static const char *const headings[GROUPS] = {
    [GROUP_SIGN_IN] = "sign in and out",
    [GROUP_USE] = "look and use",
    [GROUP_SETUP] = "set up programs",
    [GROUP_TROUBLE] = "when something is wrong",
    [GROUP_MONITOR] = "for monitoring",
};

static void
print_group(const struct command *c, enum command_group group)
{
	int begun = 0;

	for (; c->name; c++) {
		if (c->group != group)
			continue;
		if (!begun++)
			printf("%s%s%s\n", colour(stdout, COLOUR_HEADING),
			    headings[group], colour(stdout, COLOUR_END));
		printf("  %-9s%s\n", c->name, c->help);
	}
}

/* All of it is on the screen at once: 24 lines of 80 columns. */
static void
print_map(const struct cli *cli)
{
	enum command_group group;

	printf("usage: sasl-bearer COMMAND [OPTION]... [USER]\n");
	for (group = GROUP_NONE + 1; group < GROUPS; group++)
		print_group(cli->commands, group);
	printf("\nUSER is the name of an account, or the address it is for.\n");
}

void
cli_help(const struct cli *cli)
{
	if (cli->command)
		printf("usage: sasl-bearer %s %s\n%s\n", cli->command->name,
		    cli->command->usage, cli->command->help);
	else
		print_map(cli);
	printf("with all: --config FILE, --help, --socket PATH, --system, "
	       "--user, --version\n"
	       "more: %ssasl-bearer(1)\n",
	    cli->command ? "" : "\"sasl-bearer help COMMAND\", ");
}

/* What others call it. */
static const char *
other_word(const char *name)
{
	static const struct {
		const char *word, *meant;
	} words[] = {
	    {"accounts", "list"},
	    {"auth", "login"},
	    {"authorize", "login"},
	    {"config", "setup"},
	    {"configure", "setup"},
	    {"ls", "list"},
	    {"remove", "logout"},
	    {"renew", "refresh"},
	    {"revoke", "logout"},
	    {"show", "list"},
	    {"status", "list"},
	    {"test", "probe"},
	    {"version", "--version"},
	};
	size_t i;

	for (i = 0; i < COUNT_OF(words); i++)
		if (strcmp(words[i].word, name) == 0)
			return words[i].meant;
	return NULL;
}

/* The command probably meant. One may also begin to write and stop. */
static const char *
near_miss(const struct command *commands, const char *name)
{
	struct conf_key keys[COMMANDS_MAX + 1] = {{0}};
	const char *near, *begun = NULL;
	size_t i;

	for (i = 0; i < COMMANDS_MAX && commands[i].name; i++) {
		keys[i].name = commands[i].name;
		if (strncmp(commands[i].name, name, strlen(name)) == 0)
			begun = commands[i].name;
	}
	near = other_word(name);
	if (!near)
		near = conf_near_miss(keys, name);
	return near ? near : begun;
}

const struct command *
cli_command(const struct cli *cli, const char *name)
{
	const struct command *c = cli->commands;
	const char *near;

	for (; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	near = near_miss(cli->commands, name);
	if (near)
		cli_error(EX_USAGE,
		    "unknown command \"%s\": did you mean \"%s\"?", name, near);
	else
		cli_error(EX_USAGE,
		    "unknown command \"%s\"; \"sasl-bearer\" alone lists them",
		    name);
	return NULL;
}

int
cmd_help(struct cli *cli, int argc, char **argv)
{
	static const struct cli_option options[] = {{0}};
	int r = cli_parse(cli, options, argc, argv);

	if (r != 0)
		return r;
	if (argc - optind > 1)
		return cli_error(EX_USAGE,
		    "help takes one command; it shows \"%s\" if that is alone",
		    argv[optind]);
	cli->command = NULL;
	if (optind < argc && !(cli->command = cli_command(cli, argv[optind])))
		return EX_USAGE;
	cli_help(cli);
	return 0;
}
