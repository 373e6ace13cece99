/* SPDX-License-Identifier: MIT */
/* import-report - what an import did, and what is left to do by hand */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "helper/cli/import.h"

/* Print a line of an account's file; of a proxy not its user and password. */
static void
print_line(const char *line, size_t len)
{
	static const char key[] = "proxy = ", mark[] = "://";
	const char *at = memrchr(line, '@', len);
	size_t shown = strlen(key), scheme;

	if (!at || strncmp(line, key, shown) != 0) {
		printf("        %.*s\n", (int)len, line);
		return;
	}
	scheme = strspn(line + shown, "abcdefghijklmnopqrstuvwxyz0123456789");
	if (strncmp(line + shown + scheme, mark, strlen(mark)) == 0)
		shown += scheme + strlen(mark);
	printf("        %.*s***%.*s\n", (int)shown, line,
	    (int)(line + len - at), at);
}

static void
print_lines(const char *text)
{
	size_t n;

	for (; *text; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		print_line(text, n);
	}
}

static void
print_tokens(const struct import_item *it)
{
	const struct import_file *f = &it->file;

	if (f->client_credentials) {
		printf("    tokens:  none are needed, the application gets its "
		       "own\n");
		return;
	}
	printf(
	    "    tokens:  refresh token (%zu bytes)", strlen(f->refresh_token));
	if (it->expires_in > 0)
		printf(", access token (%zu bytes) for %lld min",
		    strlen(f->access_token), (long long)it->expires_in / 60);
	printf("\n");
}

/* What a person must know of a file that was not taken over whole. */
static void
print_notes(const struct import *im, const struct import_item *it)
{
	const struct account_conf *a = it->login.account;

	if (it->file.ca_certs_dir)
		printf(
		    "    note:    ca_certs_dir is not taken over; ca_file in "
		    "sasl-bearer.conf(5) does the same\n");
	if (!im->cli->user_mode && it->login.text && account_has_secret(a))
		printf("    note:    proxy has a password in it, so only root "
		       "and the helper may read its file\n");
	if (!im->cli->user_mode && !a->allow)
		printf("    note:    only root may use it; put \"allow = %s\" "
		       "into its file\n",
		    it->file.kind == IMPORT_MUTT ? "NAME" : "postfix");
}

/* Why nothing is done for a file, and how it can be. */
static void
print_held(const struct import_item *it)
{
	if (it->file.client_credentials) {
		printf("Left out %s: account %s is there, and needs no\n"
		       "tokens, since the application gets its own\n\n",
		    it->name, it->login.name);
		return;
	}
	printf("Left out %s: the helper has the tokens of account %s\n"
	       "already, and newer ones perhaps; to replace them run first\n"
	       "    sasl-bearer logout --keep-grant %s\n\n",
	    it->name, it->login.name, it->login.name);
}

void
import_print(const struct import *im, const struct import_item *it)
{
	const struct login *l = &it->login;

	if (it->is_held) {
		print_held(it);
		return;
	}
	printf("%s %s, from %s\n", im->dry_run ? "Would import" : "Imported",
	    l->account->user, *it->path ? it->path : "the standard input");
	printf("    account: %s%s\n", l->path,
	    l->text ? "" : ", which exists and stays as it is");
	if (l->text)
		print_lines(l->text);
	if (*l->secret_path && l->secret)
		printf("    secret:  %s (%zu bytes)\n", l->secret_path,
		    strlen(l->secret));
	print_tokens(it);
	print_notes(im, it);
	printf("\n");
}

/* One account of a kind, for an example; NULL when there is none. */
static const char *
user_of(const struct import *im, enum import_kind kind)
{
	size_t i;

	for (i = 0; i < im->count; i++)
		if (im->items[i].file.kind == kind && !im->items[i].is_held)
			return im->items[i].login.account->user;
	return NULL;
}

/* What comes first and last with sasl-xoauth2, whatever program it is in. */
static void
print_own(const char *user)
{
	printf("sasl-xoauth2, in this order:\n"
	       "  1. End the programs that use it; then have the package "
	       "sasl-xoauth2 removed,\n"
	       "     for libsasl2 takes one plugin for XOAUTH2.\n"
	       "  2. Try it:\n"
	       "         sasl-bearer refresh %s\n"
	       "  3. \"sasl-bearer setup PROGRAM %s\" prints what a\n"
	       "     program needs.\n\n",
	    user, user);
}

static void
print_postfix(const struct import *im, const char *user)
{
	printf("sasl-xoauth2, in this order:\n"
	       "  1. Stop Postfix%s, so that nobody else refreshes a token:\n"
	       "         postfix stop\n",
	    im->dry_run ? "" : ", if it still runs");
	if (im->dry_run)
		printf("     Then import, without --dry-run.\n");
	printf(
	    "  2. Remove the other plugin, for libsasl2 takes one for "
	    "XOAUTH2:\n"
	    "         apt-get remove sasl-xoauth2\n"
	    "  3. Let Postfix use this one, and never send a token without "
	    "TLS:\n"
	    "         postconf -X smtp_sasl_security_options\n"
	    "         postconf -e smtp_sasl_tls_security_options=noanonymous\n"
	    "     %s stays as it is: the path behind a\n"
	    "     user is no longer read. For a Postfix in a chroot, and for "
	    "the rest:\n"
	    "         sasl-bearer setup postfix %s\n"
	    "  4. Try it, and start Postfix:\n"
	    "         sasl-bearer refresh %s\n"
	    "         sasl-bearer probe %s smtp\n"
	    "         postfix start\n"
	    "  5. When mail flows, remove the old files, and in\n"
	    "     %s the copies that only they needed:\n"
	    "     etc/tokens, and etc/ssl/certs unless smtp_tls_CApath is "
	    "that.\n\n",
	    im->layout.passwords, user, user, user, im->layout.queue_dir);
}

static void
print_mutt(const char *user)
{
	printf("mutt_oauth2.py:\n"
	       "  1. In the place of the lines that run it:\n"
	       "         set imap_oauth_refresh_command=\"sasl-bearer token "
	       "--service imap %s\"\n"
	       "         set smtp_oauth_refresh_command=\"sasl-bearer token "
	       "--service smtp %s\"\n"
	       "     \"sasl-bearer setup mutt %s\" prints all that is "
	       "needed.\n"
	       "  2. Try it: sasl-bearer refresh %s\n"
	       "  3. Do not run the script for this account again; remove its "
	       "file.\n\n",
	    user, user, user, user);
}

void
import_print_steps(const struct import *im)
{
	const char *tokens = user_of(im, IMPORT_TOKENS);
	const char *mutt = user_of(im, IMPORT_MUTT);

	if (!tokens && !mutt)
		return;
	printf("A refresh token may be replaced with each use, so from the "
	       "import on only the\nhelper may use it. %s\n\n",
	    im->dry_run ? "Nothing was written. What is to be done:"
			: "What is left to do:");
	if (tokens && im->cli->user_mode)
		print_own(tokens);
	else if (tokens)
		print_postfix(im, tokens);
	if (mutt)
		print_mutt(mutt);
	printf(
	    "The old files are as they were. The way back is in MIGRATION.md "
	    "of the\ndocumentation.\n");
}
