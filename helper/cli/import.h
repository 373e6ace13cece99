/* SPDX-License-Identifier: MIT */
/* import.h - the parts of an import */
#ifndef SASL_BEARER_IMPORT_H
#define SASL_BEARER_IMPORT_H

#include "helper/cli/import-parse.h"
#include "helper/cli/login.h"
#include "helper/cli/setup-postfix-layout.h"

#define IMPORT_TENANT 128 /* bytes of a tenant in a URL */

/* A file, and what is made of it. */
struct import_item {
	const char *name;    /* as given */
	char path[PATH_MAX]; /* absolute; "" for the standard input */
	uid_t owner;
	int is_public; /* all users of this machine may read it */
	struct import_file file;

	/* what import_prepare() makes of it */
	char user[USER_MAX + 1];
	char *more; /* of the login */
	struct login login;
	int64_t expires_in; /* of the access token; 0: it is not stored */
	int is_held;	    /* there is nothing to do: see import_ask_held() */
};

struct import {
	struct cli *cli;

	/* options as given, or NULL: for what the files do not have */
	const char *user;
	const char *provider;
	const char *tenant;
	const char *client_id;
	const char *client_secret_file;
	const char *services;
	const char *hosts;
	const char *allow;
	int dry_run;

	struct postfix_layout layout;
	struct import_item *config; /* sasl-xoauth2.conf among items, or NULL */
	struct import_item *items;
	size_t count;
};

/* Where the tokens of a file come from. */
struct import_source {
	char provider[ACCOUNT_NAME_MAX + 1]; /* "": none that is known */
	char tenant[IMPORT_TENANT + 1];	     /* "": the provider's */
	const char *token_endpoint;	     /* NULL: the provider's */
	const char *url; /* as the file has it or implies; NULL: it does not */
	struct provider conf; /* zeroed: none */
};

/*
 * Find the provider of a file: the one of --provider, the one that
 * mutt_oauth2.py names, or the one with that token endpoint.
 *
 *	ret	zeroed; conf_clear() its conf with provider_keys in any case
 *
 * Returns 0 or an exit code, reported.
 */
int import_source_find(const struct import *im, const struct import_item *it,
    struct import_source *ret);

/*
 * Make an account of a file, checked and not yet written: find its user and
 * its provider, fill in what sasl-xoauth2.conf and options say.
 *
 * Returns 0 or an exit code, reported.
 */
int import_prepare(const struct import *im, struct import_item *it);

/*
 * Ask the helper, which must run by now, whether it has a grant of the account
 * that may be good: perhaps what an earlier import gave it, and newer by now than
 * what the file has. An application that has an account needs none. Sets is_held.
 *
 * Returns 0 or an exit code, reported. In a dry run a helper that does not answer
 * has none.
 */
int import_ask_held(const struct import *im, struct import_item *it);

/* Whether an item is to become an account: it is not the configuration. */
int import_is_account(const struct import_item *it);

/*
 * See to it that a token file of an application which looks like the
 * configuration is a token file: sasl_passwd has it, it is named after an
 * address, or it is the only file and --for is given.
 */
void import_settle_kind(const struct import *im, struct import_item *it);

/* Print what was done for a file, or would be; no secret is in it. */
void import_print(const struct import *im, const struct import_item *it);

/* Print what is left to do by hand. */
void import_print_steps(const struct import *im);

/* Wipe and free what is in an item. */
void import_item_clear(struct import_item *it);

#endif
