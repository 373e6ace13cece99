/* SPDX-License-Identifier: MIT */
/* login-store - write the account's file and hand over the tokens */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/call.h"
#include "helper/cli/login.h"
#include "helper/cli/signals.h"

#define STORE_MS 60000 /* how long it is tried */
#define PAUSE_MS 2000

/* Write one file, if it has a text. */
static int
write_file(const struct login *l, const struct new_file *file)
{
	char text[64];
	int r;

	if (!file->text)
		return 0;
	r = account_file_write(file);
	if (r == 0)
		return 0;
	if (l->from)
		return cli_error(EX_CANTCREAT,
		    "cannot write %s: %s; nothing of %s was imported",
		    file->path, err_text(r, text, sizeof(text)), l->from);
	return cli_error(EX_CANTCREAT,
	    "signed in, but cannot write %s: %s; the tokens are not kept: "
	    "mend this and sign in again",
	    file->path, err_text(r, text, sizeof(text)));
}

/* The secret first: an account's file must not name one that is missing. */
static int
write_files(const struct cli *cli, const struct login *l)
{
	const struct new_file secret = {l->secret_path,
	    *l->secret_path ? l->secret : NULL,
	    l->secret_group == (gid_t)-1 ? 0600 : 0640, l->secret_group};
	const struct new_file conf = login_file(cli, l);
	int r = write_file(l, &secret);

	if (r != 0)
		return r;
	r = write_file(l, &conf);
	if (r != 0 && secret.text)
		unlink(secret.path);
	return r;
}

/*
 * Let the helper read the new file. It may complain about other accounts, so
 * only the store that follows tells whether this one is known.
 */
static void
reload(struct cli *cli)
{
	struct call *c = NULL;

	if (call_new(cli, "reload", &c) == 0)
		call_try(c);
	call_free(c);
}

/* Send the tokens once. Returns a call that was tried, and its code. */
static int
send_tokens(struct cli *cli, const struct login *l, const struct msg *tokens,
    struct call **ret)
{
	static const char *const names[] = {"refresh_token", "access_token",
	    "expires_in", "scope", "refresh_token_expires_in"};
	char id[CONFIG_ID_SIZE];
	struct call *c;
	size_t i;
	int r = call_new(cli, "store", &c);

	if (r != 0)
		return r;
	if (config_id(l->account, id) < 0) {
		call_free(c);
		return cli_error(EX_OSERR, "out of memory");
	}
	msg_put(&c->w, "account", l->name);
	for (i = 0; i < COUNT_OF(names); i++)
		msg_put(&c->w, names[i], msg_get(tokens, names[i]));
	msg_put(&c->w, "flow", l->flow);
	msg_put(&c->w, "config_id", id);
	*ret = c;
	return call_try(c);
}

/* Whether another attempt may go better. */
static int
is_temporary(const struct call *c, int code)
{
	if (code < 0)
		return c->w.error == 0;
	return status_parse(msg_get(&c->reply, "status")) == STATUS_TEMPORARY;
}

static int
store(struct cli *cli, const struct login *l, const struct msg *tokens)
{
	int64_t deadline_ms = util_now_ms() + STORE_MS;
	struct call *c = NULL;
	int r, told = 0;

	for (;;) {
		r = send_tokens(cli, l, tokens, &c);
		if (!c || !is_temporary(c, r) || signals_waiting() ||
		    util_now_ms() + PAUSE_MS > deadline_ms)
			break;
		if (!told)
			cli_error(0,
			    "the helper cannot store the tokens yet; trying "
			    "for a minute");
		told = 1;
		call_free(c);
		c = NULL;
		poll(NULL, 0, PAUSE_MS);
	}
	if (c)
		r = r < 0 ? call_report(c, r) : call_status(c);
	call_free(c);
	return r;
}

int
login_store(struct cli *cli, const struct login *l, const struct msg *tokens)
{
	int r = write_files(cli, l);

	if (r != 0)
		return r;
	reload(cli);
	if (!tokens)
		return 0;
	r = store(cli, l, tokens);
	if (r != 0 && l->from)
		cli_error(0,
		    "the helper did not store the tokens of %s; %s stays: when "
		    "the helper works, import the file again",
		    l->from, l->path);
	else if (r != 0)
		cli_error(0,
		    "signed in, but the helper did not store the tokens and "
		    "they are not kept; %s stays: when the helper works, run "
		    "\"sasl-bearer login %s\"",
		    l->path, l->name);
	return r;
}
