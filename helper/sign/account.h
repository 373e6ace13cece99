/* SPDX-License-Identifier: MIT */
/* account.h - the JSON key file of a Google service account */
#ifndef SASL_BEARER_SIGN_ACCOUNT_H
#define SASL_BEARER_SIGN_ACCOUNT_H

#include <json-c/json_object.h>

#include "helper/sign/bundle.h"

/* Whether a file seems to be JSON, going by its first byte that is no blank. */
int account_is_json(const struct bundle_file *f);

/*
 * Parse a key file and check what an assertion needs of it: type, private_key,
 * client_email and, if it is there, private_key_id.
 *
 * Returns an object to be given back with json_object_put(), or NULL after
 * reply_fail().
 */
struct json_object *account_parse(const struct bundle_file *f, struct reply *r);

/* A string of a parsed file, or NULL. Lives as long as the object. */
const char *account_text(struct json_object *account, const char *name);

#endif
