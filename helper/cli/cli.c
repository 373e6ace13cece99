/* SPDX-License-Identifier: MIT */
/* cli - options, errors and settings of the command line */
#include "config.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/cli.h"
#include "helper/cli/colour.h"
#include "helper/config/conf.h"

#define OPTIONS_MAX 32
#define NAME_SIZE 64 /* of an option, as it is shown */
#define OWN 256	     /* val of the first option of a subcommand */

enum {
	OPT_HELP = 1,
	OPT_VERSION,
	OPT_SYSTEM,
	OPT_USER,
	OPT_SOCKET,
	OPT_CONFIG
};

static const struct option common[] = {
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {"system", no_argument, NULL, OPT_SYSTEM},
    {"user", no_argument, NULL, OPT_USER},
    {"socket", required_argument, NULL, OPT_SOCKET},
    {"config", required_argument, NULL, OPT_CONFIG},
};

static int in_progress; /* a line has no line feed yet */
static char *caught;	/* where errors go instead, or NULL */
static size_t caught_size;

void
cli_progress(const char *fmt, ...)
{
	va_list ap;

	putchar('\r');
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	fflush(stdout);
	in_progress = 1;
}

void
cli_progress_end(void)
{
	if (in_progress)
		putchar('\n');
	in_progress = 0;
}

int
cli_error(int code, const char *fmt, ...)
{
	char text[2048], clean[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	util_sanitise(clean, sizeof(clean), text, strlen(text));
	if (caught) {
		snprintf(caught, caught_size, "%s", clean);
		return code;
	}
	cli_progress_end();
	fflush(stdout);
	fprintf(stderr, "%ssasl-bearer:%s %s\n", colour(stderr, COLOUR_BAD),
	    colour(stderr, COLOUR_END), clean);
	return code;
}

void
cli_catch(char *buf, size_t size)
{
	caught = buf;
	caught_size = size;
	if (buf)
		*buf = '\0';
}

void
cli_report(void *context, const char *line)
{
	(void)context;
	cli_error(0, "%s", line);
}

int
cli_settings(struct cli *cli)
{
	struct conf_errors e = {.report = cli_report};

	if (cli->settings_loaded)
		return 0;
	if (settings_load(cli->config, cli->user_mode, &cli->settings, &e) < 0)
		return EX_CONFIG;
	cli->settings_loaded = 1;
	return 0;
}

int
cli_write(const char *text, size_t len)
{
	char buf[64];
	int r;

	fflush(stdout);
	r = util_write_all(STDOUT_FILENO, text, len);
	if (r < 0)
		return cli_error(EX_IOERR, "cannot write the output: %s",
		    err_text(r, buf, sizeof(buf)));
	return 0;
}

/* Take a common option. Returns 0 or CLI_DONE. */
static int
take_common(struct cli *cli, int option)
{
	switch (option) {
	case OPT_HELP:
		cli_help(cli);
		return CLI_DONE;
	case OPT_VERSION:
		printf("sasl-bearer " PACKAGE_VERSION "\n");
		return CLI_DONE;
	case OPT_SYSTEM:
	case OPT_USER:
		cli->user_mode = option == OPT_USER;
		break;
	case OPT_SOCKET:
		cli->socket = optarg;
		break;
	case OPT_CONFIG:
		cli->config = optarg;
		break;
	}
	return 0;
}

static void
take_own(const struct cli_option *option)
{
	if (option->flag)
		*option->flag = 1;
	else
		*option->value = optarg;
}

/* Make the table for getopt_long(). Options above OPTIONS_MAX do not fit. */
static void
make_table(struct option *table, const struct cli_option *own)
{
	size_t n = COUNT_OF(common);
	int i;

	memcpy(table, common, sizeof(common));
	for (i = 0; own && own[i].name && n < OPTIONS_MAX; i++)
		table[n++] = (struct option){own[i].name,
		    own[i].flag ? no_argument : required_argument, NULL,
		    OWN + i};
	table[n] = (struct option){0};
}

static int
usage_error(const struct cli *cli, const char *what, const char *subject)
{
	return cli_error(EX_USAGE, "%s \"%s\"; see \"sasl-bearer %s%s--help\"",
	    what, subject, cli->command ? cli->command->name : "",
	    cli->command ? " " : "");
}

/* A long option that is not known, or whose abbreviation is too short. */
static int
unknown_option(
    const struct cli *cli, const struct option *table, const char *word)
{
	struct conf_key keys[OPTIONS_MAX + 1] = {{0}};
	char name[NAME_SIZE];
	const char *near;
	int i, fits = 0;

	snprintf(
	    name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	for (i = 0; table[i].name; i++) {
		keys[i].name = table[i].name;
		fits += strncmp(table[i].name, name, strlen(name)) == 0;
	}
	if (fits > 1)
		return usage_error(cli, "several options begin with", word);
	near = conf_near_miss(keys, name);
	if (near)
		return cli_error(EX_USAGE,
		    "unknown option \"--%s\": did you mean \"--%s\"?", name,
		    near);
	return usage_error(cli, "unknown option", word);
}

/* What getopt_long() stumbled over; of -xy only the letter is known. */
static int
option_error(const struct cli *cli, const struct option *table, int missing,
    const char *word)
{
	char letter[3] = {'-', (char)optopt, '\0'};

	if (missing)
		return usage_error(cli, "no value for option", word);
	if (optopt > ' ' && optopt < 0x7f)
		return usage_error(cli, "unknown option", letter);
	if (optopt != 0 && strchr(word, '='))
		return usage_error(cli, "this option takes no value:", word);
	if (strncmp(word, "--", 2) == 0)
		return unknown_option(cli, table, word);
	return usage_error(cli, "unknown option", word);
}

int
cli_parse(struct cli *cli, const struct cli_option *own, int argc, char **argv)
{
	struct option table[OPTIONS_MAX + 1];
	int c, r = 0;

	make_table(table, own);
	opterr = 0;
	optind = 0; /* start anew */
	while (r == 0) {
		c = getopt_long(argc, argv, own ? ":" : "+:", table, NULL);
		if (c == -1)
			break;
		if (c == ':' || c == '?')
			r = option_error(
			    cli, table, c == ':', argv[optind - 1]);
		else if (own && c >= OWN)
			take_own(&own[c - OWN]);
		else
			r = take_common(cli, c);
	}
	return r;
}

const char *
cli_operand(struct cli *cli, int argc, char **argv)
{
	if (argc - optind == 1 && *argv[optind])
		return argv[optind];
	if (argc - optind > 1)
		usage_error(cli, "too many arguments from", argv[optind + 1]);
	else
		cli_error(EX_USAGE,
		    "%s: USER is missing, an account or its address; see "
		    "\"sasl-bearer %s --help\"",
		    cli->command->name, cli->command->name);
	return NULL;
}
