/* SPDX-License-Identifier: MIT */
/* login.h - the parts of a sign-in */
#ifndef SASL_BEARER_LOGIN_H
#define SASL_BEARER_LOGIN_H

#include <limits.h>

#include "common/msg.h"
#include "helper/cli/account-file.h"
#include "helper/cli/cli.h"
#include "helper/cli/fetch.h"

struct login {
	/* options as given, or NULL */
	const char *provider;
	const char *tenant;
	const char *client_id;
	const char *issuer;
	const char *token_endpoint;
	const char *services; /* separated by commas */
	const char *hosts;
	const char *allow;
	const char *client_secret_file;
	const char *as; /* the name to sign in with, where it is not USER */
	int ways[3];	/* by enum way: that option is given */

	/* where the tokens are another program's: see cmd-import.c */
	const char *more; /* further lines of a new account's file */
	const char *from; /* the tokens' file; NULL: somebody signs in */
	int dry_run;	  /* write nothing, not even to try */
	int grant;	  /* enum grant that the account is to have */

	/* what login_account() makes of them */
	char name[ACCOUNT_NAME_MAX + 1];
	char path[PATH_MAX];	    /* of the account's file */
	char secret_path[PATH_MAX]; /* of the client's secret to be written */
	char *text;	    /* of the file to be written; NULL: it exists */
	char *secret;	    /* of the client, or NULL; may be given as well */
	gid_t secret_group; /* the helper's, for files that are secret */
	struct account_conf *account;
	const char *flow; /* the way of the sign-in, for the helper to keep */
};

/*
 * Find the account of a sign-in, or prepare its file: checked, not yet there.
 *
 * Returns 0 or an exit code, reported. login_clear() it in any case.
 */
int login_account(struct cli *cli, struct login *l, const char *operand);
void login_clear(struct login *l);

/* The account's new file, private if there is a secret in it. */
struct new_file login_file(const struct cli *cli, const struct login *l);

/* Whether the client proves itself, by whatever. */
int login_has_proof(const struct login *l);

/*
 * Read the client's secret that an option or the account's file names. Where
 * there are two they must be the same.
 */
int login_read_secret(struct login *l);

/*
 * Sign in with a code that is entered in a browser somewhere (RFC 8628).
 *
 *	ret	the reply with the tokens; program_free() it
 *
 * Returns 0 or an exit code, reported.
 */
int login_device(struct cli *cli, const struct login *l, struct program **ret);

/*
 * Write the account's file where it is new, and hand the tokens to the helper.
 *
 *	tokens	access_token, refresh_token, expires_in, scope; NULL: the
 *		account has none to keep
 *
 * Returns 0 or an exit code, reported.
 */
int
login_store(struct cli *cli, const struct login *l, const struct msg *tokens);

#endif
