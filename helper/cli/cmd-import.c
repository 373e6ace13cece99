/* SPDX-License-Identifier: MIT */
/* cmd-import - take over the accounts and tokens of other programs */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/import.h"
#include "helper/cli/signals.h"
#include "helper/cli/start.h"

/*
 * Read a file whatever its owner and mode: it is another program's. Notes whom
 * it belongs to.
 */
static int
read_file(struct import_item *it, char *buf, size_t *ret_len)
{
	int fd = STDIN_FILENO, is_file = strcmp(it->name, "-") != 0, r = 0;
	struct stat st = {0};

	if (is_file) {
		fd = open(
		    it->name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		if (fd < 0 || fstat(fd, &st) < 0 ||
		    !realpath(it->name, it->path))
			r = -errno;
		else if (!S_ISREG(st.st_mode))
			r = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	}
	if (r == 0)
		r = util_read_all(fd, buf, IMPORT_MAX, ret_len);
	if (r == 0 && is_file) {
		it->owner = st.st_uid;
		it->is_public = (st.st_mode & S_IROTH) != 0;
	}
	if (is_file && fd >= 0)
		close(fd);
	return r;
}

/* How an encrypted file gets here. */
static int
refuse_encrypted(const struct import_item *it)
{
	if (!*it->path)
		return cli_error(EX_DATAERR,
		    "-: this is encrypted; decrypt it on the way: gpg -d FILE "
		    "| sasl-bearer import -");
	return cli_error(EX_DATAERR,
	    "%s: encrypted by GnuPG; run: gpg -d '%s' | sasl-bearer import -, "
	    "with the same options",
	    it->name, it->name);
}

/* A secret that others could read may be known to them. */
static void
warn_public(const struct import_item *it)
{
	const struct import_file *f = &it->file;

	if (it->is_public && (f->client_secret || f->refresh_token))
		cli_error(0,
		    "warning: %s has a %s in it and all users of this machine "
		    "can read it: renew that at the provider after the import",
		    it->name,
		    f->refresh_token ? "refresh token" : "client secret");
}

/* Read one file and see what it is. */
static int
read_item(struct import_item *it)
{
	char buf[IMPORT_MAX], why[IMPORT_WHY], text[64];
	size_t len = 0;
	int r = read_file(it, buf, &len);

	if (r == -ERR_TOOBIG)
		r = cli_error(EX_DATAERR, "%s: longer than %d bytes", it->name,
		    IMPORT_MAX);
	else if (r < 0)
		r = cli_error(EX_NOINPUT, "%s: %s", it->name,
		    r == -EINVAL ? "not a regular file"
				 : err_text(r, text, sizeof(text)));
	else if (import_is_encrypted(buf, len))
		r = refuse_encrypted(it);
	else if (import_parse(buf, len, &it->file, why) < 0)
		r = cli_error(EX_DATAERR, "%s: %s", it->name, why);
	else
		warn_public(it);
	util_wipe(buf, len);
	return r;
}

/* Keep the first error: it is what the command ends with. */
static void
note(int *result, int r)
{
	if (*result == 0)
		*result = r;
}

/* Read all files, and find the configuration among them. */
static int
read_all(struct import *im, char **names)
{
	struct import_item *it;
	int r, result = 0;
	size_t i, accounts = 0;

	for (i = 0; i < im->count; i++) {
		it = &im->items[i];
		it->name = names[i];
		r = read_item(it);
		note(&result, r);
		if (r != 0)
			continue;
		import_settle_kind(im, it);
		if (import_is_account(it))
			accounts++;
		else if (im->config)
			note(&result,
			    cli_error(EX_USAGE,
				"%s: a second configuration; the first is %s",
				it->name, im->config->name));
		else
			im->config = it;
	}
	if (result == 0 && accounts == 0)
		return cli_error(EX_USAGE,
		    "%s: only the configuration; name the token files as well: "
		    "they are the passwords in %s",
		    im->config->name, im->layout.passwords);
	if (result == 0 && im->user && accounts > 1)
		return cli_error(
		    EX_USAGE, "--for is for one token file at a time");
	return result;
}

/* Refuse two files for one account: which has the newer token? */
static int
check_twice(const struct import *im, size_t i)
{
	size_t k;

	for (k = 0; k < i; k++)
		if (import_is_account(&im->items[k]) &&
		    strcmp(im->items[k].login.name, im->items[i].login.name) ==
			0)
			return cli_error(EX_USAGE,
			    "%s: for the same account as %s; name only the one "
			    "that is in use",
			    im->items[i].name, im->items[k].name);
	return 0;
}

static int
prepare_all(struct import *im)
{
	int r, result = 0;
	size_t i;

	for (i = 0; i < im->count; i++) {
		if (!import_is_account(&im->items[i]))
			continue;
		r = import_prepare(im, &im->items[i]);
		note(&result, r == 0 ? check_twice(im, i) : r);
	}
	return result;
}

/* Find what the helper has already, before anything is stored. */
static int
ask_all(struct import *im)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < im->count; i++)
		if (import_is_account(&im->items[i]))
			r = import_ask_held(im, &im->items[i]);
	return r;
}

/* Make the account, and let the helper have the tokens. */
static int
store(struct import *im, struct import_item *it)
{
	const struct import_file *f = &it->file;
	char buf[MSG_MAX];
	struct msg_writer w;
	struct msg tokens;
	int r;

	if (f->client_credentials)
		return login_store(im->cli, &it->login, NULL);
	msg_begin(&w, buf, sizeof(buf));
	msg_put(&w, "refresh_token", f->refresh_token);
	if (it->expires_in > 0) {
		msg_put(&w, "access_token", f->access_token);
		msg_put_number(&w, "expires_in", it->expires_in);
	}
	msg_put(&w, "scope", f->scope);
	if (msg_end(&w) < 0 || msg_parse(&tokens, buf, w.len) < 0)
		r = cli_error(EX_DATAERR, "%s: the tokens do not fit a message",
		    it->name);
	else
		r = login_store(im->cli, &it->login, &tokens);
	util_wipe(buf, sizeof(buf));
	return r;
}

/* Once all is checked: one after the other, each of them whole. */
static int
store_all(struct import *im)
{
	sigset_t old;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < im->count; i++) {
		if (!import_is_account(&im->items[i]))
			continue;
		signals_hold(&old);
		if (!im->dry_run && !im->items[i].is_held)
			r = store(im, &im->items[i]);
		if (r == 0)
			import_print(im, &im->items[i]);
		fflush(stdout);
		signals_release(&old);
	}
	return r;
}

static int
import(struct import *im, char **names)
{
	uid_t peer = 0;
	int r = cli_settings(im->cli);

	if (r != 0)
		return r;
	postfix_layout_read(&im->layout);
	r = read_all(im, names);
	if (r == 0)
		r = prepare_all(im);
	if (r != 0)
		return im->count == 1
		    ? r
		    : cli_error(r, "nothing was imported: mend this first");
	if (!im->dry_run)
		r = start_helper(im->cli, &peer);
	if (r == 0 && !im->dry_run)
		r = start_check_rights(im->cli, peer, "import accounts");
	if (r == 0)
		r = ask_all(im);
	if (r == 0)
		r = store_all(im);
	if (r == 0)
		import_print_steps(im);
	return r;
}

int
cmd_import(struct cli *cli, int argc, char **argv)
{
	struct import im = {.cli = cli};
	const struct cli_option options[] = {
	    {"dry-run", NULL, &im.dry_run},
	    {"for", &im.user, NULL},
	    {"provider", &im.provider, NULL},
	    {"tenant", &im.tenant, NULL},
	    {"client-id", &im.client_id, NULL},
	    {"client-secret-file", &im.client_secret_file, NULL},
	    {"services", &im.services, NULL},
	    {"hosts", &im.hosts, NULL},
	    {"allow", &im.allow, NULL},
	    {0},
	};
	size_t i;
	int r;

	r = cli_parse(cli, options, argc, argv);
	if (r != 0)
		return r;
	if (optind == argc)
		return cli_error(EX_USAGE,
		    "import: FILE is missing, tokens or a configuration; see "
		    "\"sasl-bearer import --help\"");
	im.count = (size_t)(argc - optind);
	im.items = calloc(im.count, sizeof(*im.items));
	if (!im.items)
		return cli_error(EX_OSERR, "out of memory");
	r = import(&im, argv + optind);
	for (i = 0; i < im.count; i++)
		import_item_clear(&im.items[i]);
	free(im.items);
	return r;
}
