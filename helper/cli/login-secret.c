/* SPDX-License-Identifier: MIT */
/* login-secret - the secret of the client, where it has one */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/login.h"
#include "helper/cli/prompt.h"
#include "helper/config/secret.h"

/* Read what --client-secret-file names. */
static int
read_option(const char *path, char **ret)
{
	char why[CONF_TEXT_MAX], line[SECRET_MAX + 1], text[64];
	int r;

	if (strcmp(path, "-") != 0) {
		if (secret_read(path, SECRET_MAX, ret, why) < 0)
			return cli_error(EX_NOINPUT, "%s", why);
		return 0;
	}
	r = prompt_secret("Client secret", line, sizeof(line));
	if (r < 0) {
		util_wipe(line, sizeof(line));
		return cli_error(EX_NOINPUT,
		    "cannot read the client's secret: %s",
		    r == -EINVAL || r == -ENODATA
			? "it is empty"
			: err_text(r, text, sizeof(text)));
	}
	*ret = strdup(line);
	util_wipe(line, sizeof(line));
	return *ret ? 0 : cli_error(EX_OSERR, "out of memory");
}

/* Read what the account's file names. */
static int
read_account(const struct login *l, char **ret)
{
	const struct account_conf *a = l->account;
	char why[CONF_TEXT_MAX];

	if (a->client_secret_credential)
		return cli_error(EX_CONFIG,
		    "the secret of account \"%s\" is a credential of the "
		    "helper's service and cannot be read here; sign in with a "
		    "file and --client-secret-file",
		    l->name);
	if (a->client_secret) {
		*ret = strdup(a->client_secret);
		return *ret ? 0 : cli_error(EX_OSERR, "out of memory");
	}
	if (a->client_secret_file &&
	    secret_read(a->client_secret_file, SECRET_MAX, ret, why) < 0)
		return cli_error(EX_CONFIG, "%s", why);
	return 0;
}

int
login_has_proof(const struct login *l)
{
	const struct account_conf *a = l->account;

	return l->secret || a->client_key || a->client_certificate ||
	    a->assertion_file;
}

int
login_read_secret(struct login *l)
{
	const char *what = l->secret ? "client_secret" : "--client-secret-file";
	char *given = l->secret, *known = NULL;
	int r = 0;

	l->secret = NULL;
	if (!given && l->client_secret_file)
		r = read_option(l->client_secret_file, &given);
	if (r == 0 && !l->text &&
	    !(given && l->account->client_secret_credential))
		r = read_account(l, &known);
	if (r == 0 && given && known && strcmp(given, known) != 0)
		r = cli_error(EX_CONFIG,
		    "%s differs from the secret of %s, which is not changed; "
		    "replace it there",
		    what, l->path);
	if (r == 0 && given && !known && !l->text &&
	    !l->account->client_secret_credential)
		r = cli_error(EX_CONFIG,
		    "%s names no client_secret_file, and is not changed; add "
		    "one there",
		    l->path);
	if (r == 0) {
		l->secret = given ? given : known;
		if (given)
			util_secret_free(known);
		return 0;
	}
	util_secret_free(given);
	util_secret_free(known);
	return r;
}
