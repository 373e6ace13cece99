/* SPDX-License-Identifier: MIT */
/* json.h - what a script reads: one value on standard output */
#ifndef SASL_BEARER_CLI_JSON_H
#define SASL_BEARER_CLI_JSON_H

#include <json-c/json.h>

/* Add a text to an object; NULL and "" are null. */
void json_put(struct json_object *o, const char *name, const char *text);

/* An array of the words of a text; blanks are between them. */
struct json_object *json_words(const char *text);

/*
 * Print a value, with a line feed, at once.
 *
 *	value	is released; NULL is fine and prints nothing
 *
 * Returns 0 or an exit code, reported.
 */
int json_print(struct json_object *value);

#endif
