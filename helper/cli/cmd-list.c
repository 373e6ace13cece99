/* SPDX-License-Identifier: MIT */
/* cmd-list - show the accounts and their state */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/call.h"
#include "helper/cli/colour.h"
#include "helper/cli/json.h"
#include "helper/cli/screen.h"
#include "helper/cli/table.h"
#include "helper/cli/when.h"

#define COLUMN_STATE 3

/* What the helper tells about an account, in the order of the JSON. */
static const struct {
	const char *name;
	int is_number;
} fields[] = {
    {"account", 0},
    {"user", 0},
    {"provider", 0},
    {"grant", 0},
    {"state", 0},
    {"token_id", 0},
    {"expires_at", 1},
    {"refresh_at", 1},
    {"refresh_token_age", 1},
    {"flow", 0},
    {"grant_expires_at", 1},
    {"client_secret_expires_at", 1},
    {"certificate_expires_at", 1},
    {"mailboxes", 1},
    {"storage", 0},
    {"unsaved", 0},
    {"rejected", 1},
    {"last_error", 0},
    {"error_since", 1},
    {"last_used", 1},
};

/* Where a message about an account goes: one of the three. */
struct output {
	struct json_object *array;
	int only_names;
	char *names; /* in lines, on the heap */
	struct table table;
	char *errors; /* lines below the table, on the heap */
	char *plain;  /* accounts that are stored unencrypted, likewise */
	size_t count;
	size_t plain_count;
	int64_t now;
};

static struct json_object *
json_field(const struct msg *m, size_t field)
{
	const char *value = msg_get(m, fields[field].name);
	int64_t n;

	if (!value)
		return NULL;
	if (!fields[field].is_number)
		return json_object_new_string(value);
	if (util_number_parse(value, 0, INT64_MAX, &n) < 0)
		return NULL;
	return json_object_new_int64(n);
}

static int
add_json(struct output *out, const struct msg *m)
{
	struct json_object *o = json_object_new_object();
	size_t i;

	for (i = 0; i < COUNT_OF(fields); i++)
		json_object_object_add(o, fields[i].name, json_field(m, i));
	json_object_array_add(out->array, o);
	return 0;
}

/* A time of the message, for people. */
static const char *
when(const struct msg *m, const char *name, int64_t now, char buf[WHEN_SIZE])
{
	int64_t at = 0;

	msg_get_number(m, name, 0, INT64_MAX, &at);
	when_format(at, now, buf);
	return buf;
}

/* Append two texts, each with its end, to one on the heap, perhaps NULL. */
static int
append(char **text, const char *a, const char *a_end, const char *b,
    const char *b_end)
{
	char *more;

	if (asprintf(&more, "%s%s%s%s%s", *text ? *text : "", a, a_end, b,
		b_end) < 0)
		return -1;
	free(*text);
	*text = more;
	return 0;
}

/* A word for a state says it all, the colour nothing more. */
static enum colour
colour_of(size_t column, const char *cell)
{
	static const struct {
		const char *state;
		enum colour colour;
	} colours[] = {
	    {"fresh", COLOUR_GOOD},
	    {"aging", COLOUR_GOOD},
	    {"backoff", COLOUR_WARN},
	    {"login_required", COLOUR_BAD},
	    {"config", COLOUR_BAD},
	};
	size_t i;

	for (i = 0; column == COLUMN_STATE && i < COUNT_OF(colours); i++)
		if (strcmp(cell, colours[i].state) == 0)
			return colours[i].colour;
	return COLOUR_END;
}

static int
add_row(struct output *out, const struct msg *m)
{
	char expires[WHEN_SIZE], used[WHEN_SIZE];
	const char *account = msg_get(m, "account");
	const char *user = msg_get(m, "user");
	const char *error = msg_get(m, "last_error");
	const char *storage = msg_get(m, "storage");
	const char *const cells[TABLE_COLUMNS] = {
	    account,
	    user && strcmp(user, account) == 0 ? "same" : user,
	    msg_get(m, "provider"),
	    msg_get(m, "state"),
	    when(m, "expires_at", out->now, expires),
	    when(m, "last_used", out->now, used),
	};
	int r = table_add(&out->table, cells);

	if (r == 0 && error)
		r = append(&out->errors, account, ": ", error, "\n");
	if (r == 0 && storage && strcmp(storage, "plain") == 0) {
		r = append(&out->plain, "", " ", account, "");
		out->plain_count++;
	}
	return r;
}

static int
add(void *context, const struct msg *m)
{
	struct output *out = context;

	out->count++;
	if (out->array)
		return add_json(out, m);
	if (out->only_names)
		return append(&out->names, msg_get(m, "account"), "\n", "", "");
	return add_row(out, m);
}

static void
print_table(const struct output *out)
{
	if (out->count == 0) {
		printf("no accounts; \"sasl-bearer login\" makes one\n");
		return;
	}
	table_print(&out->table, screen_width(), stdout);
	if (out->errors)
		printf("\n%s", out->errors);
	if (out->plain)
		printf("\nstored unencrypted:%s\n",
		    out->plain_count == out->count ? " all" : out->plain);
}

static int
print(struct output *out)
{
	struct json_object *array = out->array;

	out->array = NULL;
	if (array)
		return json_print(array);
	if (!out->only_names)
		print_table(out);
	else if (out->names)
		fputs(out->names, stdout);
	return 0;
}

int
cmd_list(struct cli *cli, int argc, char **argv)
{
	static const char *const heading[TABLE_COLUMNS] = {
	    "ACCOUNT", "USER", "PROVIDER", "STATE", "EXPIRES", "USED"};
	struct output out = {.now = time(NULL), .table.colour_of = colour_of};
	int json = 0, r;
	const struct cli_option options[] = {
	    {"json", NULL, &json},
	    {"names", NULL, &out.only_names},
	    {0},
	};

	r = cli_parse(cli, options, argc, argv);
	if (r != 0)
		return r;
	if (optind < argc)
		return cli_error(EX_USAGE,
		    "list takes no arguments, and shows all accounts; \"%s\" is "
		    "not for it",
		    argv[optind]);
	if (json && out.only_names)
		return cli_error(EX_USAGE,
		    "--json and --names do not go together: choose one");
	if (json)
		out.array = json_object_new_array();
	else if (table_add(&out.table, heading) < 0)
		r = cli_error(EX_OSERR, "out of memory");
	if (r == 0)
		r = call_list(cli, NULL, add, &out);
	if (r == 0)
		r = print(&out);
	json_object_put(out.array);
	table_clear(&out.table);
	free(out.names);
	free(out.errors);
	free(out.plain);
	return r;
}
