/* SPDX-License-Identifier: MIT */
/* explain-list.h - the whole table of what errors mean */
#ifndef SASL_BEARER_EXPLAIN_LIST_H
#define SASL_BEARER_EXPLAIN_LIST_H

#include <json-c/json.h>

#include "helper/explain/explain.h"

/* Print all rows: in lines that fit the terminal, or as doc/ERRORS.md. */
void explain_list_text(void);
void explain_list_markdown(void);

/* Print all rows as a JSON array. Returns 0 or an exit code, reported. */
int explain_list_json(void);

/*
 * Put what was found at the end of a JSON array.
 *
 *	section	that it is of, or NULL
 */
void explain_list_add(struct json_object *array,
    const struct explain_section *section, const struct explain_found *found);

#endif
