/* SPDX-License-Identifier: MIT */
/* colour.h - colours, for those who can see them */
#ifndef SASL_BEARER_COLOUR_H
#define SASL_BEARER_COLOUR_H

#include <stdio.h>

/* What a colour is for. It never says what the text does not. */
enum colour {
	COLOUR_END, /* of whatever began */
	COLOUR_GOOD,
	COLOUR_WARN,
	COLOUR_BAD,
	COLOUR_HEADING
};

/*
 * The bytes that begin or end a colour on a stream. They take no room: measure
 * a text without them.
 *
 * Returns "" where there are no colours: unless the stream is a terminal, where
 * NO_COLOR is set to something (https://no-color.org), where TERM is "dumb" or
 * not set.
 */
const char *colour(FILE *f, enum colour what);

#endif
