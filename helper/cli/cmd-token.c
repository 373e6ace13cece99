/* SPDX-License-Identifier: MIT */
/* cmd-token - print an access token */
#include "config.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "common/wire.h"
#include "helper/cli/call.h"
#include "helper/cli/json.h"
#include "helper/cli/resolve.h"

struct request {
	const char *service;
	const char *host;
	const char *format;
};

/* What the helper said. */
struct answer {
	const char *token;
	const char *token_id;
	const char *sasl_user;
	int64_t expires_at;
};

/* Write a line and wipe it. */
static int
write_line(char *line, size_t len)
{
	int r;

	line[len] = '\n';
	r = cli_write(line, len + 1);
	util_wipe(line, len + 1);
	return r;
}

static int
print_raw(const struct answer *a)
{
	char line[TOKEN_MAX + 2];
	size_t len = strlen(a->token);

	if (len > TOKEN_MAX)
		return cli_error(EX_SOFTWARE, "the token is too long");
	memcpy(line, a->token, len);
	return write_line(line, len);
}

/* The response as it goes to a server after AUTH: in base64. */
static int
print_wire(enum wire_mech mech, const struct answer *a, const char *host)
{
	const struct wire_response response = {
	    .user = a->sasl_user, .host = host, .token = a->token};
	size_t size = wire_size(&response), room = size * 4 / 3 + 8;
	unsigned char *plain = malloc(size + 1), *line = malloc(room);
	ssize_t n = -1;
	int len, r;

	if (plain && line && size > 0)
		n = wire_format(mech, &response, (char *)plain);
	if (n < 0) {
		r = cli_error(EX_DATAERR,
		    "cannot make an %s response of this user, host and token",
		    wire_name(mech));
	} else {
		len = EVP_EncodeBlock(line, plain, (int)n);
		r = write_line((char *)line, (size_t)len);
	}
	util_wipe(plain, size);
	free(plain);
	free(line);
	return r;
}

static int
print_json(const struct answer *a)
{
	struct json_object *o = json_object_new_object();
	const char *text;
	int r = EX_OSERR;

	json_put(o, "access_token", a->token);
	json_object_object_add(
	    o, "expires_at", json_object_new_int64(a->expires_at));
	json_put(o, "sasl_user", a->sasl_user);
	json_put(o, "token_id", a->token_id);
	text = json_object_to_json_string_ext(
	    o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		r = cli_write(text, strlen(text));
	if (r == 0)
		r = cli_write("\n", 1);
	json_object_put(o);
	return r;
}

static int
print(const struct msg *reply, const struct request *q, const char *user)
{
	struct answer a = {
	    .token = msg_get(reply, "token"),
	    .token_id = msg_get(reply, "token_id"),
	    .sasl_user = msg_get(reply, "sasl_user"),
	};

	msg_get_number(reply, "expires_at", 0, INT64_MAX, &a.expires_at);
	if (!a.token)
		return cli_error(EX_SOFTWARE,
		    "the helper's reply has no token; its log says more");
	if (!a.sasl_user)
		a.sasl_user = user;
	if (strcmp(q->format, "xoauth2") == 0)
		return print_wire(WIRE_XOAUTH2, &a, q->host);
	if (strcmp(q->format, "oauthbearer") == 0)
		return print_wire(WIRE_OAUTHBEARER, &a, q->host);
	if (strcmp(q->format, "json") == 0)
		return print_json(&a);
	return print_raw(&a);
}

static int
format_valid(const char *format)
{
	static const char *const formats[] = {
	    "raw", "xoauth2", "oauthbearer", "json"};
	size_t i;

	for (i = 0; i < COUNT_OF(formats); i++)
		if (strcmp(formats[i], format) == 0)
			return 1;
	return 0;
}

/* Ask for the token of an account and print it. */
static int
get_token(
    struct cli *cli, const struct resolved *account, const struct request *q)
{
	struct call *c;
	int r = call_new(cli, "token", &c);

	if (r != 0)
		return r;
	msg_put(&c->w, "account", account->account);
	msg_put(&c->w, "user", account->user);
	msg_put(&c->w, "service", q->service);
	msg_put(&c->w, "host", q->host);
	msg_put_number(&c->w, "deadline_ms", CALL_TIMEOUT_MS);
	r = call_run(c);
	if (r == 0)
		r = print(&c->reply, q, account->user);
	call_free(c);
	return r;
}

int
cmd_token(struct cli *cli, int argc, char **argv)
{
	struct request q = {.format = "raw"};
	int json = 0, r;
	const struct cli_option options[] = {
	    {"service", &q.service, NULL},
	    {"host", &q.host, NULL},
	    {"format", &q.format, NULL},
	    {"json", NULL, &json},
	    {0},
	};
	struct resolved account;
	const char *operand;

	r = cli_parse(cli, options, argc, argv);
	if (r != 0)
		return r;
	if (json)
		q.format = "json";
	if (!format_valid(q.format))
		return cli_error(EX_USAGE,
		    "unknown format \"%s\"; it is raw, xoauth2, oauthbearer or "
		    "json",
		    q.format);
	if (q.service && !service_parse(q.service))
		return cli_error(EX_USAGE,
		    "unknown service \"%s\"; it is imap, pop or smtp",
		    q.service);
	operand = cli_operand(cli, argc, argv);
	if (!operand)
		return EX_USAGE;
	r = resolve(cli, operand, &account);
	return r == 0 ? get_token(cli, &account, &q) : r;
}
