/* SPDX-License-Identifier: MIT */
/* screen - what fits a terminal */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

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

size_t
screen_break(const char *text, size_t room)
{
	size_t len = 0, word;

	do {
		word = strcspn(text + len + (len > 0), " ") + (len > 0);
		if (len > 0 && len + word > room)
			break;
		len += word;
	} while (text[len]);
	return len;
}

void
screen_field(const char *name, const char *text)
{
	size_t room = screen_width() - NAME_WIDTH, len;

	printf("%-*s", NAME_WIDTH, name);
	for (;;) {
		len = screen_break(text, room);
		printf("%.*s\n", (int)len, text);
		text += len;
		text += strspn(text, " ");
		if (!*text)
			break;
		printf("%*s", NAME_WIDTH, "");
	}
	fflush(stdout);
}
