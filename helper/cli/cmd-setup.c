/* SPDX-License-Identifier: MIT */
/* cmd-setup - print how a program is configured for an account */
#include "config.h"

#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/sock.h"
#include "helper/cli/call.h"
#include "helper/cli/setup.h"
#include "helper/config/conf.h"

#define IMAP SERVICE_IMAP
#define POP SERVICE_POP
#define SMTP SERVICE_SMTP
#define ANY (IMAP | POP | SMTP)
#define MANY 1
#define ONE 0

static const struct setup_program programs[] = {
    {"curl", setup_curl, ANY, ONE, {WAY_TOKEN}, "fetch or send from a script"},
    {"exchange", setup_exchange, 0, ONE, {WAY_NONE},
	"what Exchange Online itself needs: portal and PowerShell"},
    {"exim", setup_exim, SMTP, ONE, {WAY_TOKEN}, "relay mail"},
    {"fetchmail", setup_fetchmail, IMAP | POP, ONE, {WAY_TUNNEL, WAY_TOKEN},
	"fetch mail; --with token is for fetchmail 7"},
    {"generic", setup_generic, ANY, ONE, {WAY_NONE},
	"what any other program may ask for"},
    {"getmail", setup_getmail, IMAP, ONE, {WAY_TOKEN}, "fetch mail"},
    {"git", setup_git, SMTP, ONE, {WAY_TOKEN}, "send-email, through msmtp"},
    {"git-imap-send", setup_git_imap_send, IMAP, ONE, {WAY_TUNNEL},
	"put patches among the drafts"},
    {"imtest", setup_imtest, ANY, ONE, {WAY_PLUGIN},
	"try a login: imtest, pop3test, smtptest"},
    {"kmail", setup_kmail, ANY, MANY, {WAY_PLUGIN}, "read and send mail"},
    {"ldapsearch", setup_ldapsearch, 0, ONE, {WAY_PLUGIN},
	"search a directory; needs --server"},
    {"mbsync", setup_mbsync, IMAP, ONE, {WAY_PLUGIN, WAY_TUNNEL},
	"synchronise mail"},
    {"msmtp", setup_msmtp, SMTP, ONE, {WAY_TOKEN}, "send mail"},
    {"mutt", setup_mutt, ANY, MANY, {WAY_TOKEN, WAY_PLUGIN, WAY_TUNNEL},
	"read and send mail; --with plugin needs a build with Cyrus SASL"},
    {"neomutt", setup_mutt, ANY, MANY, {WAY_TOKEN, WAY_PLUGIN, WAY_TUNNEL},
	"the same"},
    {"nmh", setup_nmh, POP | SMTP, MANY, {WAY_PLUGIN}, "inc and send"},
    {"offlineimap", setup_offlineimap, IMAP, ONE, {WAY_TOKEN, WAY_TUNNEL},
	"synchronise mail"},
    {"opensmtpd", setup_opensmtpd, SMTP, ONE, {WAY_TOKEN}, "relay mail"},
    {"postfix", setup_postfix, SMTP, ONE, {WAY_PLUGIN}, "relay mail"},
    {"sendmail", setup_sendmail, SMTP, ONE, {WAY_PLUGIN}, "relay mail"},
    {"swaks", setup_swaks, SMTP, ONE, {WAY_TUNNEL}, "try to send a message"},
    {0},
};

/* By enum way. */
static const char *const way_names[] = {"", "plugin", "token", "tunnel"};

struct options {
	const char *server;
	const char *service;
	const char *ca_file;
	const char *mechanism;
	const char *with;
	int sender_dependent;
};

const struct setup_program *
setup_programs(void)
{
	return programs;
}

static void
print_programs(void)
{
	size_t i;

	printf("usage: sasl-bearer setup [OPTION]... PROGRAM USER\n\n");
	for (i = 0; programs[i].name; i++)
		printf("  %-14s%s\n", programs[i].name, programs[i].help);
}

static int
is_program(const char *name)
{
	const struct setup_program *p = programs;

	while (p->name && strcmp(p->name, name) != 0)
		p++;
	return p->name != NULL;
}

/* Find a program by its name. Returns NULL, reported, when there is none. */
static const struct setup_program *
find_program(const char *name)
{
	struct conf_key keys[COUNT_OF(programs)] = {{0}};
	const char *near;
	size_t i;

	for (i = 0; programs[i].name; i++) {
		keys[i].name = programs[i].name;
		if (strcmp(programs[i].name, name) == 0)
			return &programs[i];
	}
	near = conf_near_miss(keys, name);
	if (near)
		cli_error(0, "unknown program \"%s\": did you mean \"%s\"?",
		    name, near);
	else
		cli_error(0,
		    "unknown program \"%s\"; \"sasl-bearer setup\" lists them, "
		    "and \"generic\" is for all others",
		    name);
	return NULL;
}

/* Which way in, by --with. */
static int
choose_way(struct setup *s, const char *with)
{
	const enum way *way = s->program->ways;
	char names[64] = "";
	size_t len;

	s->way = *way;
	if (!with)
		return 0;
	for (; *way != WAY_NONE; way++) {
		if (strcmp(way_names[*way], with) == 0) {
			s->way = *way;
			return 0;
		}
		len = strlen(names);
		snprintf(names + len, sizeof(names) - len, "%s%s",
		    len ? ", " : "", way_names[*way]);
	}
	return cli_error(EX_USAGE,
	    "%s cannot be set up with \"%s\"; it has: %s", s->program->name,
	    with, *names ? names : "no choice");
}

static int
choose_mechanism(struct setup *s, const char *name)
{
	if (name && util_case_equal(name, "xoauth2"))
		s->mechanism = "XOAUTH2";
	else if (name && util_case_equal(name, "oauthbearer"))
		s->mechanism = "OAUTHBEARER";
	else if (name)
		return cli_error(EX_USAGE,
		    "unknown mechanism \"%s\"; it is xoauth2 or oauthbearer",
		    name);
	return 0;
}

/* Whether the account has a service, and a server for it if need be. */
static int
serves(const struct setup *s, size_t i, int server)
{
	const struct resolved *a = &s->account;

	return (s->program->services & 1U << i) &&
	    (a->services == 0 || (a->services & 1U << i)) &&
	    (!server || server_is_known(a, (enum service)(1U << i)));
}

/*
 * Which services there are to set up. By default a program that uses one gets
 * the first that there is a server for, another one all but POP beside IMAP.
 */
static unsigned
default_services(const struct setup *s, int server)
{
	unsigned all = 0;
	size_t i;

	for (i = 0; i < SERVICES; i++) {
		if (!serves(s, i, server))
			continue;
		if (!s->program->many)
			return 1U << i;
		all |= 1U << i;
	}
	return all & IMAP ? all & ~(unsigned)POP : all;
}

static int
choose_services(struct setup *s, const char *name)
{
	unsigned bit = name ? service_parse(name) : 0;

	if (name && !bit)
		return cli_error(EX_USAGE,
		    "unknown service \"%s\"; it is imap, pop or smtp", name);
	if (bit && !(s->program->services & bit))
		return cli_error(
		    EX_USAGE, "%s does not use %s", s->program->name, name);
	if (!bit && s->operand && s->program->many)
		return cli_error(EX_USAGE,
		    "%s uses several servers; say with --service which of them "
		    "\"%s\" is",
		    s->program->name, s->operand);
	s->services = bit ? bit : default_services(s, !s->operand);
	if (!s->services)
		s->services = default_services(s, 0);
	if (!s->services) /* the account has none of them: an error says so */
		s->services = s->program->services;
	return 0;
}

static int
find_servers(struct setup *s)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < SERVICES; i++)
		if (s->services & 1U << i)
			r = resolve_server(&s->account, (enum service)(1U << i),
			    s->operand, &s->server[i]);
	return r;
}

/* Where the helper listens, and whether the plugin finds it there. */
static int
find_socket(struct setup *s)
{
	char own[PATH_MAX];
	int r = call_socket(s->cli, &s->socket);

	if (r != 0)
		return r;
	s->socket_is_usual = strcmp(s->socket, RUN_DIR "/socket") == 0 ||
	    (sock_user_path(own, sizeof(own)) == 0 &&
		strcmp(s->socket, own) == 0);
	return 0;
}

/* Run the program's part into a buffer: half a text would be worse than none. */
static int
print(struct setup *s)
{
	char *text = NULL;
	size_t len = 0;
	int r;

	s->out = open_memstream(&text, &len);
	if (!s->out)
		return cli_error(EX_OSERR, "out of memory");
	r = s->program->run(s);
	if ((fclose(s->out) != 0 || s->failed) && r == 0)
		r = cli_error(EX_OSERR, "out of memory");
	if (r == 0 && s->mechanism && !s->mechanism_is_used)
		r = cli_error(EX_USAGE,
		    "--mechanism does not fit: %s, or the server, decides",
		    s->way == WAY_TUNNEL ? "the tunnel" : s->program->name);
	if (r == 0)
		r = cli_write(text, len);
	free(text);
	list_free(s->texts);
	return r;
}

static int
set_up(struct setup *s, const struct options *o, const char *user)
{
	int r;

	s->operand = o->server;
	s->ca_file = o->ca_file;
	s->sender_dependent = o->sender_dependent;
	if (o->ca_file && *o->ca_file != '/')
		return cli_error(EX_USAGE,
		    "--ca-file \"%s\" is not an absolute path, so that it "
		    "would depend on where the program runs",
		    o->ca_file);
	r = choose_way(s, o->with);
	if (r == 0)
		r = choose_mechanism(s, o->mechanism);
	if (r == 0)
		r = resolve(s->cli, user, &s->account);
	if (r == 0)
		r = find_socket(s);
	if (r == 0 && s->program->services)
		r = choose_services(s, o->service);
	if (r == 0 && s->program->services)
		r = find_servers(s);
	return r == 0 ? print(s) : r;
}

int
cmd_setup(struct cli *cli, int argc, char **argv)
{
	struct options o = {0};
	const struct cli_option options[] = {
	    {"server", &o.server, NULL},
	    {"service", &o.service, NULL},
	    {"ca-file", &o.ca_file, NULL},
	    {"mechanism", &o.mechanism, NULL},
	    {"with", &o.with, NULL},
	    {"sender-dependent", NULL, &o.sender_dependent},
	    {0},
	};
	struct setup s = {.cli = cli, .file = "", .comment = "# "};
	const char *operand;
	int r;

	r = cli_parse(cli, options, argc, argv);
	if (r != 0)
		return r;
	if (optind == argc) {
		print_programs();
		return 0;
	}
	if (argc - optind == 2 && is_program(argv[optind + 1]) &&
	    !is_program(argv[optind]))
		return cli_error(EX_USAGE,
		    "the program comes first: sasl-bearer setup %s %s",
		    argv[optind + 1], argv[optind]);
	s.program = find_program(argv[optind++]);
	if (!s.program)
		return EX_USAGE;
	operand = cli_operand(cli, argc, argv);
	return operand ? set_up(&s, &o, operand) : EX_USAGE;
}
