/* SPDX-License-Identifier: MIT */
/* explain.h - what the words of a mail server mean */
#ifndef SASL_BEARER_EXPLAIN_H
#define SASL_BEARER_EXPLAIN_H

/* Texts for people, one line; {user} in them stands for a mailbox. */
struct explanation {
	const char *words; /* must all be in the text, separated by "|" */
	const char *means;
	const char *remedy; /* who does what */
};

/*
 * Find what a reply of a mail server means, by the words in it, whatever their
 * case. Returns NULL for one that nobody has explained.
 */
const struct explanation *explain_reply(const char *text);

/* Write a text with the mailbox in its place. */
void explain_format(
    char *buf, unsigned long size, const char *text, const char *user);

#endif
