/* SPDX-License-Identifier: MIT */
/* screen - what fits a terminal */
#include "config.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "common/util.h"
#include "helper/cli/screen.h"

#define NAME_WIDTH 12

size_t
screen_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	int64_t n;

	if (columns && util_number_parse(columns, 40, 1000, &n) == 0)
		return (size_t)n;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
		return size.ws_col;
	return 80;
}

/*
 * The locale is not set for the process, which parses and compares ASCII; and
 * what we show is UTF-8 whatever it is set to.
 */
static locale_t
utf8(void)
{
	static locale_t locale;

	if (!locale)
		locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	return locale;
}

size_t
screen_character(const char *text, size_t *columns)
{
	locale_t before = uselocale(utf8());
	mbstate_t state = {0};
	wchar_t c;
	size_t n = mbrtowc(&c, text, strlen(text), &state);
	int wide = -1;

	if (n == 0 || n > strlen(text))
		n = 1;
	else
		wide = wcwidth(c);
	uselocale(before);
	*columns = wide >= 0 ? (size_t)wide : 1;
	return n;
}

size_t
screen_columns(const char *text)
{
	size_t sum = 0, columns;

	for (; *text; sum += columns)
		text += screen_character(text, &columns);
	return sum;
}

size_t
screen_break(const char *text, size_t room)
{
	size_t used = 0, len = 0, i = 0, columns;

	while (text[i]) {
		if (text[i] == ' ')
			len = i; /* a line may end before each blank */
		i += screen_character(text + i, &columns);
		used += columns;
		if (used > room && len > 0)
			return len;
	}
	return i;
}

void
screen_fill(size_t used, size_t indent, size_t width, const char *text)
{
	size_t len;

	for (;;) {
		len = screen_break(text, width > used ? width - used : 1);
		printf("%.*s\n", (int)len, text);
		text += len;
		text += strspn(text, " ");
		if (!*text)
			break;
		printf("%*s", (int)indent, "");
		used = indent;
	}
}

void
screen_field(const char *name, const char *text)
{
	printf("%-*s", NAME_WIDTH, name);
	screen_fill(NAME_WIDTH, NAME_WIDTH, screen_width(), text);
	fflush(stdout);
}
