/* SPDX-License-Identifier: MIT */
/* json - what a script reads: one value on standard output */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "helper/cli/cli.h"
#include "helper/cli/json.h"

void
json_put(struct json_object *o, const char *name, const char *text)
{
	json_object_object_add(
	    o, name, text && *text ? json_object_new_string(text) : NULL);
}

struct json_object *
json_words(const char *text)
{
	struct json_object *array = json_object_new_array();
	size_t len;

	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		len = strcspn(text, " ");
		json_object_array_add(
		    array, json_object_new_string_len(text, (int)len));
		text += len;
	}
	return array;
}

int
json_print(struct json_object *value)
{
	const char *text;
	int r;

	if (!value)
		return 0;
	text = json_object_to_json_string_ext(
	    value, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	r = text ? cli_write(text, strlen(text))
		 : cli_error(EX_OSERR, "out of memory");
	if (r == 0)
		r = cli_write("\n", 1);
	json_object_put(value);
	return r;
}
