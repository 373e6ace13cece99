/* SPDX-License-Identifier: MIT */
/* usage - what the usage of a command says, for a program (pure) */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "helper/cli/usage.h"

#define BLANKS " \t\n"
#define LETTERS "abcdefghijklmnopqrstuvwxyz-"
#define ANEW "sasl-bearer" /* begins another form */

struct reader {
	const char *usage;
	const char *rest;
	void (*each)(void *context, const struct usage_word *word);
	void *context;
	unsigned operands;
	int again; /* not the first form any more */
};

/* The next word, with its length; NULL at the end. */
static const char *
next(struct reader *r, size_t *len)
{
	const char *word = r->rest + strspn(r->rest, BLANKS);

	*len = strcspn(word, BLANKS);
	r->rest = word + *len;
	return *len > 0 ? word : NULL;
}

/* Take off what closes no bracket of the word itself, and "...", at the end. */
static size_t
without_end(const char *word, size_t len)
{
	int open = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		open += word[i] == '[';
		if (word[i] == ']' && --open < 0)
			break;
	}
	len = i;
	if (len >= 3 && memcmp(word + len - 3, "...", 3) == 0)
		len -= 3;
	return len;
}

/* Whether the usage has the name of an option before this place. */
static int
is_again(const char *usage, const char *name, size_t len)
{
	for (; usage < name; usage++)
		if (memcmp(usage, name, len) == 0 &&
		    strspn(usage + len, LETTERS) == 0)
			return 1;
	return 0;
}

static void
give(struct reader *r, const char *name, size_t name_len, const char *value,
    size_t value_len)
{
	struct usage_word word = {.position = r->operands};

	if (name_len > 0 && is_again(r->usage, name, name_len))
		return;
	if (name_len >= USAGE_WORD || value_len >= USAGE_WORD)
		return;
	memcpy(word.name, name, name_len);
	memcpy(word.value, value, value_len);
	word.many = strncmp(value + value_len, "...", 3) == 0;
	r->each(r->context, &word);
}

/* "--a|--b": each of them. The last has a value if no bracket closes it
 * and another word follows. */
static void
read_options(struct reader *r, const char *word, size_t len)
{
	size_t whole = without_end(word, len), n, value_len = 0;
	const char *value = "";

	for (; (n = strcspn(word, "|")) < whole; word += n + 1) {
		give(r, word, n, "", 0);
		whole -= n + 1;
		len -= n + 1;
	}
	if (whole == len && !strchr("[-", r->rest[strspn(r->rest, BLANKS)])) {
		value = next(r, &value_len);
		value_len = value ? without_end(value, value_len) : 0;
	}
	give(r, word, whole, value ? value : "", value_len);
}

void
usage_read(const char *usage,
    void (*each)(void *context, const struct usage_word *word), void *context)
{
	struct reader r = {
	    .usage = usage, .rest = usage, .each = each, .context = context};
	const char *word;
	size_t len;

	while ((word = next(&r, &len))) {
		if (len == strlen(ANEW) && memcmp(word, ANEW, len) == 0) {
			r.again = 1;
			next(&r, &len); /* the command's name */
			continue;
		}
		if (*word == '[') {
			word++;
			len--;
		}
		if (len > 2 && memcmp(word, "--", 2) == 0) {
			read_options(&r, word, len);
		} else if (!r.again) {
			give(&r, "", 0, word, without_end(word, len));
			r.operands++;
		}
	}
}
