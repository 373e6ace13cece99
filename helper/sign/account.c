/* SPDX-License-Identifier: MIT */
/* account - the JSON key file of a Google service account */
#include "config.h"

#include <string.h>

#include <json-c/json_tokener.h>

#include "common/util.h"
#include "helper/sign/account.h"

#define DEPTH 8
#define TEXT_MAX 1024 /* bytes of client_email and private_key_id */
#define PATH                                                                \
	"make a key of the service account: Google Cloud console, IAM and " \
	"admin, Service accounts, Keys, Add key, JSON"

int
account_is_json(const struct bundle_file *f)
{
	size_t i = 0;

	while (i < f->len && f->data[i] && strchr(" \t\r\n", f->data[i]))
		i++;
	return i < f->len && f->data[i] == '{';
}

const char *
account_text(struct json_object *account, const char *name)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(account, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

static int
has(struct json_object *json, const char *name)
{
	return json_object_object_get_ex(json, name, NULL);
}

/* Whether a string can stand in an assertion. */
static int
text_fits(struct json_object *json, const char *name)
{
	struct json_object *value = NULL;
	size_t len;

	json_object_object_get_ex(json, name, &value);
	if (!json_object_is_type(value, json_type_string))
		return 0;
	len = (size_t)json_object_get_string_len(value);
	return len > 0 && len <= TEXT_MAX &&
	    util_text_valid(json_object_get_string(value), len);
}

/* Returns 0, or -1 after reply_fail(). */
static int
check_type(
    struct json_object *json, const struct bundle_file *f, struct reply *r)
{
	const char *type = account_text(json, "type");

	if (type && strcmp(type, "service_account") == 0)
		return 0;
	if (has(json, "installed") || has(json, "web"))
		reply_fail(r, STATUS_CONFIG,
		    "\"%.400s\" is the JSON of an OAuth client, not of a "
		    "service account; " PATH,
		    f->path);
	else
		reply_fail(r, STATUS_CONFIG,
		    "\"%.400s\" is JSON but no key of a service account: its "
		    "type is not service_account; " PATH,
		    f->path);
	return -1;
}

/* Returns 0, or -1 after reply_fail(). */
static int
check(struct json_object *json, const struct bundle_file *f, struct reply *r)
{
	const char *wrong = NULL;

	if (check_type(json, f, r) < 0)
		return -1;
	if (!account_text(json, "private_key"))
		wrong = "private_key";
	else if (!text_fits(json, "client_email"))
		wrong = "client_email";
	else if (has(json, "private_key_id") &&
	    !text_fits(json, "private_key_id"))
		wrong = "private_key_id";
	if (!wrong)
		return 0;
	reply_fail(r, STATUS_CONFIG,
	    "%s in \"%.400s\" is missing or is not what it should be; " PATH,
	    wrong, f->path);
	return -1;
}

static struct json_object *
parse(const struct bundle_file *f, enum json_tokener_error *ret_error)
{
	struct json_tokener *tok = json_tokener_new_ex(DEPTH);
	struct json_object *json = NULL;

	*ret_error = json_tokener_error_size;
	if (!tok)
		return NULL;
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	json = json_tokener_parse_ex(tok, f->data, (int)f->len);
	*ret_error = json_tokener_get_error(tok);
	json_tokener_free(tok);
	return json;
}

struct json_object *
account_parse(const struct bundle_file *f, struct reply *r)
{
	enum json_tokener_error error;
	struct json_object *json = parse(f, &error);

	if (error == json_tokener_continue)
		reply_fail(r, STATUS_CONFIG,
		    "the JSON in \"%.400s\" is cut off; copy the file "
		    "once more",
		    f->path);
	else if (!json_object_is_type(json, json_type_object))
		reply_fail(r, STATUS_CONFIG, "\"%.400s\" is no JSON: %s; " PATH,
		    f->path, json_tokener_error_desc(error));
	else if (check(json, f, r) == 0)
		return json;
	json_object_put(json);
	return NULL;
}
