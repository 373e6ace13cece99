/* SPDX-License-Identifier: MIT */
/* field.h - the values of a JSON object from elsewhere, of whatever type */
#ifndef SASL_BEARER_FIELD_H
#define SASL_BEARER_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include <json-c/json_object.h>

#define FIELD_DEPTH 16 /* objects and arrays within each other */

/*
 * Parse bytes as one JSON object; a byte order mark is skipped.
 *
 * Returns it, to be given back with json_object_put(), or NULL when the bytes
 * are anything else: cut off, nested too deep, an array, HTML.
 */
struct json_object *field_parse(const char *body, size_t len);

/*
 * A string, whatever is in it: it may have control bytes and NULs.
 *
 *	json	may be NULL
 *	ret_len	written only on success
 *
 * Returns NULL when the name is absent or no string. Lives as long as json.
 */
const char *
field_bytes(struct json_object *json, const char *name, size_t *ret_len);

/*
 * A string that may be put into a message: UTF-8, no control byte, 1..max
 * bytes. Returns NULL when it is not that.
 */
const char *field_text(struct json_object *json, const char *name, size_t max);

/* Whether the name is there and not null. */
int field_present(struct json_object *json, const char *name);

/* Whether the value is true, and not "true" or 1. */
int field_true(struct json_object *json, const char *name);

/*
 * A number, or a string of digits that may have a fraction: 3599, "3599",
 * 3599.0 and 1e300 are all met. Beyond int64_t it is the nearest int64_t.
 *
 * Returns 0 and writes *ret, or -ERR_NUMBER.
 */
int field_number(struct json_object *json, const char *name, int64_t *ret);

/*
 * A number of seconds: what field_number() finds, moved into min..max; or
 * missing, when there is none.
 */
int64_t field_seconds(struct json_object *json, const char *name, int64_t min,
    int64_t max, int64_t missing);

#endif
