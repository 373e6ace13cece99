/* SPDX-License-Identifier: MIT */
/* explain.h - what errors of OAuth, of mail and of our own mean */
#ifndef SASL_BEARER_EXPLAIN_H
#define SASL_BEARER_EXPLAIN_H

#include <stddef.h>

#define EXPLAIN_MEANS_MAX 150	/* bytes of a meaning */
#define EXPLAIN_REMEDY_MAX 300	/* bytes of a remedy, before names are put in */
#define EXPLAIN_TEXT_SIZE 2048	/* holds either with any names put in */
#define EXPLAIN_ADVICE_SIZE 640 /* holds both, see explain_advice() */
#define EXPLAIN_TITLE_SIZE 256	/* holds a row's title, and its NUL */

/* Who must do something about it. */
enum explain_who {
	EXPLAIN_NOBODY,	  /* it passes */
	EXPLAIN_SIGN_IN,  /* a person, by "sasl-bearer login" */
	EXPLAIN_YOU,	  /* whoever keeps the configuration of this machine */
	EXPLAIN_TENANT,	  /* an administrator of the tenant, in Entra */
	EXPLAIN_EXCHANGE, /* an administrator of Exchange */
	EXPLAIN_SERVER /* the mail server's, or the domain's, administrator */
};

/* One error, in words for people: one line each, no full stop. */
struct explanation {
	/*
	 * What it is about. Of codes: numbers and ranges, "50014|50034" or
	 * "80001-80014". Of others: words that a text has, in any case; all
	 * that "&" joins, or all of another such group after "|".
	 */
	const char *match;
	enum explain_who who;
	const char *means;
	/*
	 * What to do; may be NULL where nobody acts, or where signing in is
	 * all. {user}, {account} and {client_id} are names, see below.
	 */
	const char *remedy;
};

/* A part of the table. The end of the rows is one whose match is NULL. */
struct explain_section {
	const char *title;
	const struct explanation *rows;
};

/* All parts, in the order in which they are searched, up to title NULL. */
const struct explain_section *explain_sections(void);

/* What a number of Microsoft's means, or NULL. It never decides anything. */
const struct explanation *explain_code(long number);

/* What an error word of OAuth's means, the whole of it, or NULL. */
const struct explanation *explain_word(const char *word);

/*
 * What the words of a mail server, or a line of a log, mean, without regard to
 * codes of Microsoft's and error words of OAuth's; or NULL.
 */
const struct explanation *explain_reply(const char *text);

/* What a text is about. */
struct explain_found {
	const struct explanation *row; /* NULL: nobody knows the number */
	long number;		       /* the code in the text, or 0 */
};

/* Is told of one thing that a text is about. */
typedef void explain_tell(void *context, const struct explain_found *found);

/*
 * Tell all that a text is about: codes, as "AADSTS50173", as "error_codes" or
 * with nothing else in the text, known or not; where none is known, an error
 * word of OAuth's; and what explain_reply() finds. What is there twice is told
 * twice.
 */
void explain_find(const char *text, explain_tell *each, void *context);

/* What stands in the place of {user} ...; NULL or "": USER ... */
struct explain_names {
	const char *user;      /* the mailbox */
	const char *account;   /* whose sign-in it is */
	const char *client_id; /* of the application */
};

/*
 * Write what a finding is about: "AADSTS50014", or by its row, where it has no
 * number, "AADSTS50014, 50034", "5.7.139 ... disabled".
 */
void explain_title(
    const struct explain_found *found, char title[EXPLAIN_TITLE_SIZE]);

/* Who must act, in words; in one word, for programs. */
const char *explain_who_text(enum explain_who who);
const char *explain_who_name(enum explain_who who);

/* Write a meaning, with names put in; names may be NULL. Cut to size. */
void explain_means(char *buf, size_t size, const struct explanation *e,
    const struct explain_names *names);

/*
 * Write a remedy, with names put in, and with "sasl-bearer login" where that is
 * the remedy or its last step. Cut to size.
 */
void explain_remedy(char *buf, size_t size, const struct explanation *e,
    const struct explain_names *names);

/*
 * Write meaning, who is to be asked, and remedy in one line, to be put behind
 * an error. That one must sign in is left to whoever knows the account. Cut to
 * size.
 */
void explain_advice(char *buf, size_t size, const struct explanation *e,
    const struct explain_names *names);

#endif
