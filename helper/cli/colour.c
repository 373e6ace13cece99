/* SPDX-License-Identifier: MIT */
/* colour - colours, for those who can see them */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper/cli/colour.h"

static int
is_wanted(FILE *f)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return !(no && *no) && term && *term && strcmp(term, "dumb") != 0 &&
	    isatty(fileno(f));
}

const char *
colour(FILE *f, enum colour what)
{
	/* of the eight that every terminal has, as its owner likes them */
	static const char *const codes[] = {
	    [COLOUR_END] = "\033[0m",
	    [COLOUR_GOOD] = "\033[32m",
	    [COLOUR_WARN] = "\033[33m",
	    [COLOUR_BAD] = "\033[31m",
	    [COLOUR_HEADING] = "\033[1m",
	};

	return is_wanted(f) ? codes[what] : "";
}
