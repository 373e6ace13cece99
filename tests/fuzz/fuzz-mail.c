/* SPDX-License-Identifier: MIT */
/*
 * fuzz-mail - feed bytes to the readers of what mail servers say
 *
 * The first byte chooses the protocol; the others are lines. Each is a
 * greeting, an answer, an entry of a list, and words to be explained; what is
 * pointed at must be in the line, and lists keep to their size.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "helper/explain/explain.h"
#include "helper/mail/protocol.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX 8192

/* One reader may change the line, so each gets a copy of its exact size. */
static char *
copy(const char *line)
{
	char *result = strdup(line);

	if (!result)
		abort();
	return result;
}

static void
check_inside(const char *line, size_t len, const char *text)
{
	if (text < line || text > line + len)
		abort();
}

/* A title and a remedy fit, with the line as a name. */
static void
check_meaning(void *context, const struct explain_found *found)
{
	const char *line = context;
	const struct explain_names names = {line, line, line};
	char text[64], title[EXPLAIN_TITLE_SIZE];

	if (!found->row)
		return;
	explain_title(found, title);
	explain_remedy(text, sizeof(text), found->row, &names);
	if (strlen(text) >= sizeof(text) || !*title)
		abort();
}

static void
check_line(const struct protocol *p, const char *line, struct offer *o)
{
	size_t len = strlen(line);
	char *text, *mine = copy(line);

	p->classify(mine, "a1 ", &text);
	check_inside(mine, len, text);
	p->take(o, text);
	free(mine);
	mine = copy(line);
	p->greeting(mine, &text);
	check_inside(mine, len, text);
	explain_find(text, check_meaning, text);
	free(mine);
	if (!memchr(o->all, '\0', sizeof(o->all)) ||
	    !memchr(o->mechanisms, '\0', sizeof(o->mechanisms)))
		abort();
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static const char *const names[] = {"imap", "pop", "smtp"};
	static char lines[INPUT_MAX + 1];
	const struct protocol *p;
	struct offer o = {0};
	char *line, *rest = lines;

	if (size == 0)
		return 0;
	if (size > INPUT_MAX)
		size = INPUT_MAX;
	p = protocol_find(names[data[0] % COUNT_OF(names)]);
	memcpy(lines, data + 1, size - 1);
	lines[size - 1] = '\0';
	while ((line = strsep(&rest, "\n")))
		check_line(p, line, &o);
	return 0;
}

FUZZ_MAIN(INPUT_MAX)
