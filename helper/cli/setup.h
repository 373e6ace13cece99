/* SPDX-License-Identifier: MIT */
/* setup.h - what the parts of "sasl-bearer setup" share */
#ifndef SASL_BEARER_SETUP_H
#define SASL_BEARER_SETUP_H

#include <stdio.h>

#include "helper/cli/call.h"
#include "helper/cli/server.h"

struct setup_program;

/* The programs there are, up to one without a name. */
const struct setup_program *setup_programs(void);

/* How a program gets in. */
enum way {
	WAY_NONE,
	WAY_PLUGIN, /* it uses libsasl2, which loads the plugin */
	WAY_TOKEN,  /* it knows the mechanism, and asks a command for a token */
	WAY_TUNNEL, /* a command does it all, and hands over the session */
};

struct setup;

/* A program. run() returns 0 or an exit code, reported. */
struct setup_program {
	const char *name;
	int (*run)(struct setup *s);
	unsigned services; /* bits of enum service; 0: it takes no server */
	int many;	   /* it uses several of them at a time */
	enum way ways[4];  /* the first is the default; WAY_NONE at the end */
	const char *help;  /* one line */
};

/* What is printed, and for whom. */
struct setup {
	struct cli *cli;
	const struct setup_program *program;
	struct resolved account;
	enum way way;
	const char *mechanism; /* see setup_mechanism(); NULL: not asked for */
	int mechanism_is_used;
	const char *ca_file; /* or NULL: the system's */
	const char *operand; /* of --server, or NULL */
	const char *socket;  /* where the helper listens */
	int socket_is_usual; /* the plugin looks there by itself */
	int sender_dependent;
	unsigned services;		/* bits; those to set up */
	struct server server[SERVICES]; /* of these */
	FILE *out;			/* a buffer */
	const char *file;		/* the last of setup_file() */
	const char *comment;		/* how a comment begins */
	char **texts;			/* of setup_quote(), to be freed */
	int failed;			/* without memory */
};

/* Begin a file of the output; "run" begins commands, and may come again. */
__attribute__((format(printf, 2, 3))) void
setup_file(struct setup *s, const char *fmt, ...);

/* Print a comment, in lines of less than 80 columns. */
__attribute__((format(printf, 2, 3))) void
setup_note(struct setup *s, const char *fmt, ...);

/* Print a line of the file. */
__attribute__((format(printf, 2, 3))) void
setup_put(struct setup *s, const char *fmt, ...);

/* How a text stands in a file. */
enum quote {
	QUOTE_SHELL,	 /* as it is, or in '' */
	QUOTE_DOUBLE,	 /* in "", with \ before " and \ */
	QUOTE_FETCHMAIL, /* the same, but \x22 for " */
	QUOTE_MUTT,	 /* as QUOTE_DOUBLE, and \ before $ and ` */
	QUOTE_PERCENT,	 /* %XX for all but letters, digits and - . _ ~ */
};

/*
 * Write a text so that a syntax reads it back as it is.
 *
 * Returns a text that lives as long as s.
 */
const char *setup_quote(struct setup *s, enum quote how, const char *text);

/* A printf() whose result lives as long as s. */
__attribute__((format(printf, 2, 3))) const char *
setup_format(struct setup *s, const char *fmt, ...);

#define SETUP_WORDS 16

/*
 * The words of a command that prints a token for a service, or hands over a
 * session with its server; NULL at the end.
 *
 *	foreign	it is not run by the caller, but by a user of the system
 */
void setup_token_words(
    struct setup *s, size_t service, int foreign, const char **words);
void setup_tunnel_words(struct setup *s, size_t service, const char **words);

/* The same as a command for a shell. */
const char *setup_token_command(struct setup *s, size_t service);
const char *setup_tunnel_command(struct setup *s, size_t service);

/*
 * The mechanism of --mechanism, in capitals, or what is taken otherwise. Where
 * this is not called, --mechanism is an error.
 */
const char *setup_mechanism(struct setup *s, const char *otherwise);

/* Where the plugin must be told of the socket: a line for a shell. */
void setup_environment(struct setup *s);

/* The service, by its index, of a program that takes one. */
size_t setup_service(const struct setup *s);

/* The server of a service, its host without brackets. */
const struct server *setup_server(const struct setup *s, size_t service);

/* Whether a user is an address without anything odd, to be a sender. */
int setup_is_address(const char *text);

/*
 * Refuse a text with one of some characters, which a syntax cannot have.
 *
 *	what	"user", "command" ...
 *
 * Returns 0 or EX_DATAERR, reported.
 */
int setup_check(const struct setup *s, const char *what, const char *text,
    const char *characters);

int setup_curl(struct setup *s);
int setup_exchange(struct setup *s);
int setup_exim(struct setup *s);
int setup_fetchmail(struct setup *s);
int setup_generic(struct setup *s);
int setup_getmail(struct setup *s);
int setup_git(struct setup *s);
int setup_git_imap_send(struct setup *s);
int setup_imtest(struct setup *s);
int setup_kmail(struct setup *s);
int setup_ldapsearch(struct setup *s);
int setup_mbsync(struct setup *s);
int setup_msmtp(struct setup *s);
int setup_mutt(struct setup *s);
int setup_nmh(struct setup *s);
int setup_offlineimap(struct setup *s);
int setup_opensmtpd(struct setup *s);
int setup_postfix(struct setup *s);
int setup_sendmail(struct setup *s);
int setup_swaks(struct setup *s);

#endif
