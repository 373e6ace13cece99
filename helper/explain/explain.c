/* SPDX-License-Identifier: MIT */
/* explain - find what an error means in the table */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "helper/explain/table.h"

#define DIGITS_MIN 5 /* of a code of Microsoft's */
#define DIGITS_MAX 8

const struct explain_section *
explain_sections(void)
{
	static const struct explain_section sections[] = {
	    {"Microsoft: people and policies", explain_people},
	    {"Microsoft: applications and requests", explain_clients},
	    {"Mail servers", explain_replies},
	    {"Lines of logs", explain_lines},
	    {"Error words of OAuth 2.0", explain_words},
	    {0},
	};

	return sections;
}

static int
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Whether two bytes beside each other belong to one word, or one number. */
static int
joined(char a, char b)
{
	return (is_letter(a) && is_letter(b)) || (is_digit(a) && is_digit(b));
}

/* Whether words begin in the middle of one, or of an address in numbers. */
static int
cut_before(const char *text, const char *at)
{
	return at > text &&
	    (joined(at[-1], *at) || (at[-1] == '.' && is_digit(*at)));
}

static int
cut_after(const char *end)
{
	return joined(end[-1], *end) ||
	    (is_digit(end[-1]) && *end == '.' && is_digit(end[1]));
}

static int
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Whether whole words are in the text, in any case. */
static int
contains(const char *text, const char *words, size_t len)
{
	const char *at;

	for (at = text; *at; at++)
		if (lower(*at) == lower(*words) &&
		    strncasecmp(at, words, len) == 0 && !cut_before(text, at) &&
		    !cut_after(at + len))
			return 1;
	return 0;
}

static int
fits(const char *match, const char *text)
{
	size_t len;
	int all = 1;

	for (;;) {
		len = strcspn(match, "&|");
		all = all && contains(text, match, len);
		match += len;
		if (*match != '&') {
			if (all || !*match)
				return all;
			all = 1;
		}
		match++;
	}
}

static const struct explanation *
search(const struct explanation *row, const char *text)
{
	while (row->match && !fits(row->match, text))
		row++;
	return row->match ? row : NULL;
}

static int
has_number(const char *match, long number)
{
	char *end;
	long first, last;

	for (;; match = end + 1) {
		first = last = strtol(match, &end, 10);
		if (*end == '-')
			last = strtol(end + 1, &end, 10);
		if (number >= first && number <= last)
			return 1;
		if (!*end)
			return 0;
	}
}

static const struct explanation *
search_number(const struct explanation *row, long number)
{
	while (row->match && !has_number(row->match, number))
		row++;
	return row->match ? row : NULL;
}

const struct explanation *
explain_code(long number)
{
	const struct explanation *e = search_number(explain_people, number);

	return e ? e : search_number(explain_clients, number);
}

const struct explanation *
explain_word(const char *word)
{
	const struct explanation *row;
	const char *at;
	size_t len;

	for (row = explain_words; row->match; row++)
		for (at = row->match;; at += len + 1) {
			len = strcspn(at, "|");
			if (len == strlen(word) && strncmp(at, word, len) == 0)
				return row;
			if (!at[len])
				break;
		}
	return NULL;
}

const struct explanation *
explain_reply(const char *text)
{
	const struct explanation *e = search(explain_replies, text);

	return e ? e : search(explain_lines, text);
}

/* Whom a search tells, and how often it did of rows. */
struct search {
	explain_tell *tell;
	void *context;
	size_t count;
};

static void
tell(struct search *s, const struct explanation *row, long number)
{
	const struct explain_found found = {row, number};

	s->count += row != NULL;
	if (row || number)
		s->tell(s->context, &found);
}

/* Take a number, if it is one by its length. Returns what is behind it. */
static const char *
take_number(struct search *s, const char *text)
{
	size_t len = strspn(text, "0123456789");
	long number;

	if (len >= DIGITS_MIN && len <= DIGITS_MAX) {
		number = strtol(text, NULL, 10);
		tell(s, explain_code(number), number);
	}
	return text + len;
}

/* The numbers of a list, which ends with anything else. */
static void
take_numbers(struct search *s, const char *text)
{
	text += strspn(text, " \t\":=[,");
	while (is_digit(*text)) {
		text = take_number(s, text);
		text += strspn(text, " \t,");
	}
}

static void
find_numbers(struct search *s, const char *text)
{
	static const char *const labels[] = {"AADSTS", "error_codes"};
	const char *at;
	size_t i;

	if (strspn(text, "0123456789 \t,;\r\n") == strlen(text))
		take_numbers(s, text);
	for (at = text; *at; at++)
		for (i = 0; i < sizeof(labels) / sizeof(*labels); i++)
			if (strncasecmp(at, labels[i], strlen(labels[i])) == 0)
				take_numbers(s, at + strlen(labels[i]));
}

void
explain_find(const char *text, explain_tell *each, void *context)
{
	struct search s = {.tell = each, .context = context};

	find_numbers(&s, text);
	if (s.count == 0)
		tell(&s, search(explain_words, text), 0);
	tell(&s, explain_reply(text), 0);
}
