/* SPDX-License-Identifier: MIT */
/* main - sasl-bearer, the command line: find the subcommand and run it */
#include "config.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef HAVE_PRCTL
#include <sys/prctl.h>
#endif

#include "common/util.h"
#include "helper/cli/cli.h"

/* The leak checker attaches to the process as a debugger does. */
#if defined(__SANITIZE_ADDRESS__)
#define WANTS_DEBUGGER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WANTS_DEBUGGER 1
#endif
#endif

static const struct command commands[] = {
    {"login", cmd_login,
	"[--provider P] [--tenant T] [--client-id ID]\n"
	"\t[--issuer URL] [--token-endpoint URL] [--services imap,smtp]\n"
	"\t[--hosts H,..] [--allow USER,..] [--client-secret-file FILE]\n"
	"\t[--as NAME] [--browser|--device|--paste] USER\n"
	"       sasl-bearer login --provider list [--json]",
	"sign in, and let the helper keep the account's tokens", GROUP_SIGN_IN},
    {"logout", cmd_logout, "[--json] [--keep-grant] USER",
	"forget an account's tokens, and revoke them at the provider",
	GROUP_SIGN_IN},
    {"import", cmd_import,
	"[--dry-run] [--for USER] [--provider P] [--tenant T]\n"
	"\t[--client-id ID] [--client-secret-file FILE] [--services imap,smtp]\n"
	"\t[--hosts H,..] [--allow USER,..] FILE...",
	"take over the tokens of sasl-xoauth2 or mutt_oauth2.py",
	GROUP_SIGN_IN},
    {"list", cmd_list, "[--json|--names]", "show the accounts and their state",
	GROUP_USE},
    {"token", cmd_token,
	"[--service imap|pop|smtp] [--host H]\n"
	"\t[--format raw|xoauth2|oauthbearer|json] [--json] USER",
	"print an access token", GROUP_USE},
    {"refresh", cmd_refresh, "[--json] USER",
	"get a new access token from the provider now", GROUP_USE},
    {"doctor", cmd_doctor, "[--login] [--json] [--redact] [USER]",
	"check the whole way of a token, and say what to do", GROUP_TROUBLE},
    {"explain", cmd_explain,
	"[--json] [TEXT...]\n"
	"       sasl-bearer explain --list [--json|--markdown]",
	"say what an error means, who must act, and what to do", GROUP_TROUBLE},
    {"probe", cmd_probe,
	"[--server HOST[:PORT]] [--ca-file FILE] [--json]\n"
	"\tUSER imap|pop|smtp",
	"log in to a mail server and show each step", GROUP_TROUBLE},
    {"tunnel", cmd_tunnel,
	"[--listen unix:PATH] [--ca-file FILE]\n"
	"\tUSER imap|pop|smtp [HOST[:PORT]]",
	"give a program a mail session that is logged in already", GROUP_USE},
    {"setup", cmd_setup,
	"[--server HOST[:PORT]] [--ca-file FILE]\n"
	"\t[--service imap|pop|smtp] [--mechanism xoauth2|oauthbearer]\n"
	"\t[--with plugin|token|tunnel] [--sender-dependent] [PROGRAM USER]",
	"print how a program is configured for an account", GROUP_SETUP},
    {"check", cmd_check,
	"[--warning DURATION] [--critical DURATION]\n"
	"\t[--json] [USER]",
	"tell a monitoring system what is wrong, or soon will be",
	GROUP_MONITOR},
    {"metrics", cmd_metrics, "[--output FILE]",
	"print the state of all accounts for Prometheus", GROUP_MONITOR},
    {"complete", cmd_complete, "[-- WORD...]",
	"print what may come next; for the completion of shells", GROUP_NONE},
    {"help", cmd_help, "[COMMAND]", "show how a command is used", GROUP_NONE},
    {0},
};

/* Tokens pass through this process: no core file, no debugger of others. */
static void
protect_memory(void)
{
	struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
#if defined(HAVE_PRCTL) && !defined(WANTS_DEBUGGER)
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* A pipe that got number 0 to 2 would be lost when a child is started. */
static void
open_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static int
run(struct cli *cli, int argc, char **argv)
{
	int r, first;

	r = cli_parse(cli, NULL, argc, argv);
	if (r != 0)
		return r;
	if (optind == argc) {
		cli_help(cli);
		return 0;
	}
	first = optind;
	cli->command = cli_command(cli, argv[first]);
	if (!cli->command)
		return EX_USAGE;
	return cli->command->run(cli, argc - first, argv + first);
}

int
main(int argc, char **argv)
{
	struct cli cli = {.commands = commands, .user_mode = geteuid() != 0};
	int r;

	open_standard();
	protect_memory();
	signal(SIGPIPE, SIG_IGN);
	r = run(&cli, argc, argv);
	if (r == CLI_DONE)
		r = 0;
	settings_clear(&cli.settings);
	if ((fflush(stdout) != 0 || ferror(stdout)) && r == 0)
		r = cli_error(EX_IOERR, "cannot write the output");
	return r;
}
