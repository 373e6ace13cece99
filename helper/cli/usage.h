/* SPDX-License-Identifier: MIT */
/* usage.h - what the usage of a command says, for a program */
#ifndef SASL_BEARER_CLI_USAGE_H
#define SASL_BEARER_CLI_USAGE_H

#define USAGE_WORD 64 /* bytes of a name or a value, with its end */

/* An option, or an operand, which has no name. */
struct usage_word {
	char name[USAGE_WORD];	/* with its dashes, or "" */
	char value[USAGE_WORD]; /* as it is written; "": it takes none */
	unsigned position;	/* of an operand, from 0 */
	int many;		/* and all after it are the same */
};

/*
 * Take a usage apart, such as "[--json|--names] [--host H] USER imap|pop|smtp".
 *
 *	usage	of a struct command. A line that begins with blanks and
 *		"sasl-bearer" begins anew; operands are those of the first
 *	each	is called for every word, in order; an operand in brackets is
 *		given without
 *
 * An option that is there twice is given once, as it is at first. What is too
 * long is left out. Pure.
 */
void usage_read(const char *usage,
    void (*each)(void *context, const struct usage_word *word), void *context);

#endif
