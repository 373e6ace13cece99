/* SPDX-License-Identifier: MIT */
/* cli.h - what all subcommands share */
#ifndef SASL_BEARER_CLI_H
#define SASL_BEARER_CLI_H

#include <sysexits.h>

#include "helper/config/settings.h"

#define CLI_DONE (-1) /* --help or --version was answered: exit with 0 */

struct cli;

/* What people want of a subcommand; the map of them is in this order. */
enum command_group {
	GROUP_NONE, /* not in the map */
	GROUP_SIGN_IN,
	GROUP_USE,
	GROUP_SETUP,
	GROUP_TROUBLE,
	GROUP_MONITOR,
	GROUPS
};

/* A subcommand. run() has argv[0] = its name, and returns the exit code. */
struct command {
	const char *name;
	int (*run)(struct cli *cli, int argc, char **argv);
	const char *usage; /* options and operands */
	const char *help;  /* one line, up to 68 columns */
	enum command_group group;
};

/* One invocation. */
struct cli {
	const struct command *commands; /* all, up to one without a name */
	const struct command *command;	/* or NULL: not known yet */
	const char *socket;		/* --socket, or NULL */
	const char *config;		/* --config, or NULL */
	int user_mode; /* the caller's own helper, not the system's */
	struct settings settings;
	int settings_loaded;
};

/* An option of a subcommand: value or flag is where it goes. */
struct cli_option {
	const char *name;
	const char **value;
	int *flag;
};

/*
 * Parse options, the common ones among them, wherever they stand.
 *
 *	own	name NULL at the end, or NULL: stop at the first operand
 *	argv	reordered: operands from optind on
 *
 * Returns 0; CLI_DONE; or EX_USAGE, reported.
 */
int
cli_parse(struct cli *cli, const struct cli_option *own, int argc, char **argv);

/* Print how to use the command; where none is known yet, a map of all. */
void cli_help(const struct cli *cli);

/*
 * Find a subcommand by its name.
 *
 * Returns it, or NULL when there is none; reported, with the one probably
 * meant.
 */
const struct command *cli_command(const struct cli *cli, const char *name);

/*
 * The one operand of a subcommand, after cli_parse().
 *
 * Returns it, or NULL when there is none or more than one; reported.
 */
const char *cli_operand(struct cli *cli, int argc, char **argv);

/*
 * Print "sasl-bearer: ..." on standard error: one line, made clean.
 *
 * Returns code.
 */
__attribute__((format(printf, 2, 3))) int
cli_error(int code, const char *fmt, ...);

/*
 * From now on cli_error() keeps its line here, the last one, and prints none.
 * NULL: it prints again.
 */
void cli_catch(char *buf, size_t size);

/*
 * Show a line on the terminal in the place of the last one. An error, or
 * cli_progress_end(), ends it.
 */
__attribute__((format(printf, 1, 2))) void cli_progress(const char *fmt, ...);
void cli_progress_end(void);

/* Print an error line of the configuration: the report of conf_errors. */
void cli_report(void *context, const char *line);

/* Read the configuration, once. Returns 0 or EX_CONFIG, reported. */
int cli_settings(struct cli *cli);

/*
 * Write the bytes to standard output at once, so that no copy of a secret
 * stays in a buffer.
 *
 * Returns 0 or EX_IOERR, reported.
 */
int cli_write(const char *text, size_t len);

int cmd_check(struct cli *cli, int argc, char **argv);
int cmd_complete(struct cli *cli, int argc, char **argv);
int cmd_doctor(struct cli *cli, int argc, char **argv);
int cmd_explain(struct cli *cli, int argc, char **argv);
int cmd_help(struct cli *cli, int argc, char **argv);
int cmd_import(struct cli *cli, int argc, char **argv);
int cmd_list(struct cli *cli, int argc, char **argv);
int cmd_login(struct cli *cli, int argc, char **argv);
int cmd_logout(struct cli *cli, int argc, char **argv);
int cmd_metrics(struct cli *cli, int argc, char **argv);
int cmd_probe(struct cli *cli, int argc, char **argv);
int cmd_refresh(struct cli *cli, int argc, char **argv);
int cmd_setup(struct cli *cli, int argc, char **argv);
int cmd_token(struct cli *cli, int argc, char **argv);
int cmd_tunnel(struct cli *cli, int argc, char **argv);

#endif
