/* SPDX-License-Identifier: MIT */
/* import-account - make an account of a file of another program */
#include "config.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/cli/call.h"
#include "helper/cli/import.h"

#define WINDOW_MIN_S 300     /* what an account has anyway */
#define USEFUL_S 60	     /* that an access token must still be good for */
#define LIFETIME_MAX_S 86400 /* what is believed of one */
#define ALL_SERVICES (SERVICE_IMAP | SERVICE_POP | SERVICE_SMTP)

int
import_is_account(const struct import_item *it)
{
	return it->file.kind != IMPORT_CONFIG;
}

void
import_item_clear(struct import_item *it)
{
	import_file_clear(&it->file);
	login_clear(&it->login);
	free(it->more);
}

static void
take(const char **to, const char *from)
{
	if (!*to)
		*to = from;
}

/* What the configuration has and a token file leaves out: as there. */
static void
take_defaults(const struct import *im, struct import_item *it)
{
	const struct import_file *c = im->config ? &im->config->file : NULL;
	struct import_file *f = &it->file;

	if (!c || f->kind != IMPORT_TOKENS)
		return;
	take(&f->client_id, c->client_id);
	take(&f->client_secret, c->client_secret);
	take(&f->token_endpoint, c->token_endpoint);
	take(&f->proxy, c->proxy);
	take(&f->ca_bundle_file, c->ca_bundle_file);
	take(&f->ca_certs_dir, c->ca_certs_dir);
	take(&f->scope, c->scope);
	if (f->refresh_window_s == 0)
		f->refresh_window_s = c->refresh_window_s;
	f->client_credentials |= c->client_credentials;
}

/* The address that a file is named after, perhaps with an ending. */
static void
user_of_name(const char *path, char user[USER_MAX + 1])
{
	static const char *const endings[] = {".json", ".token", ".tokens"};
	const char *slash = strrchr(path, '/'), *name, *at;
	size_t i, len, n;

	name = slash ? slash + 1 : path;
	len = strlen(name);
	if (len > USER_MAX)
		len = 0;
	memcpy(user, name, len);
	user[len] = '\0';
	for (i = 0; i < COUNT_OF(endings); i++) {
		n = strlen(endings[i]);
		if (len > n && strcmp(user + len - n, endings[i]) == 0)
			user[len -= n] = '\0';
	}
	at = strchr(user, '@');
	if (!at || at == user || !at[1] || strchr(at + 1, '@') ||
	    !account_name_valid(user))
		*user = '\0';
}

void
import_settle_kind(const struct import *im, struct import_item *it)
{
	char user[USER_MAX + 1] = "";
	int r = 0;

	if (it->file.kind != IMPORT_CONFIG)
		return;
	if (*it->path)
		r = postfix_layout_user(&im->layout, it->path, user);
	if (r == 0 && !*user)
		user_of_name(it->path, user);
	if (r < 0 || *user ||
	    (im->user && im->count == 1 && it->file.client_credentials))
		it->file.kind = IMPORT_TOKENS;
}

/*
 * Whom an account is for: the user that Postfix logs in as with this file, since
 * Postfix is to go on as it does; else who the file is for, or is named after.
 */
static int
find_user(const struct import *im, struct import_item *it)
{
	const struct postfix_layout *layout = &im->layout;

	if (im->user) {
		snprintf(it->user, sizeof(it->user), "%s", im->user);
		return 0;
	}
	if (it->file.kind == IMPORT_TOKENS && *it->path &&
	    postfix_layout_user(layout, it->path, it->user) < 0)
		return cli_error(EX_USAGE,
		    "%s: several users of %s have it as their password; name "
		    "one with --for",
		    it->name, layout->passwords);
	if (!*it->user && it->file.user)
		snprintf(it->user, sizeof(it->user), "%s", it->file.user);
	if (!*it->user)
		user_of_name(it->path, it->user);
	if (*it->user)
		return 0;
	return cli_error(EX_USAGE,
	    "%s: whom it is for is not known: its name is no address, and no "
	    "line of %s has it as a password; say --for USER",
	    it->name, layout->passwords);
}

/* Whether a word of a text is one that tells who signed in. */
static int
is_about_person(const char *word, size_t len)
{
	static const char *const words[] = {"openid", "email", "profile"};
	size_t i;

	for (i = 0; i < COUNT_OF(words); i++)
		if (len == strlen(words[i]) && memcmp(word, words[i], len) == 0)
			return 1;
	return 0;
}

static const char *
next_word(const char **text, size_t *ret_len)
{
	const char *word = *text + strspn(*text, " ");

	*ret_len = strcspn(word, " ");
	*text = word + *ret_len;
	return *ret_len > 0 ? word : NULL;
}

static int
has_word(const char *scope, const char *word)
{
	return scope && account_scope_has(scope, word, strlen(word));
}

/* Write the words of a provider's scope but those about the person. */
static void
put_scope_words(FILE *f, const char *text)
{
	const char *word;
	size_t len;

	while (text && (word = next_word(&text, &len)))
		if (!is_about_person(word, len))
			fprintf(f, " %.*s", (int)len, word);
}

/*
 * The services that the old sign-in was for: sasl-xoauth2 asks for SMTP alone,
 * where the provider tells them apart; mutt_oauth2.py for all.
 */
static unsigned
services_of(const struct import *im, const struct import_item *it,
    const struct provider *p)
{
	char **words = NULL;
	unsigned bits = 0;
	size_t i;

	if (im->services && list_parse(im->services, ", ", &words) == 0)
		for (i = 0; words && words[i]; i++)
			bits |= service_parse(words[i]);
	list_free(words);
	if (im->services)
		return bits;
	return it->file.kind == IMPORT_TOKENS && p->scope_smtp ? SERVICE_SMTP
							       : ALL_SERVICES;
}

/*
 * What a refresh may ask for: not more than was granted (RFC 6749 section 6).
 * That is not in most files, but it had nothing about the person in it.
 */
static void
put_scope(FILE *f, const struct import *im, const struct import_item *it,
    const struct provider *p)
{
	const char *const parts[] = {
	    p->scope_imap, p->scope_pop, p->scope_smtp};
	unsigned services = services_of(im, it, p);
	const char *granted = it->file.scope;
	size_t i;

	if (!im->services && !granted && services == SERVICE_SMTP)
		fprintf(f, "services = smtp\n");
	if (it->file.client_credentials) {
		if (granted)
			fprintf(f, "scope = %s\n", granted);
		return;
	}
	if (granted) {
		fprintf(f, "scope = %s%s\n", granted,
		    has_word(p->scope, "offline_access") &&
			    !has_word(granted, "offline_access")
			? " offline_access"
			: "");
	} else if (p->scope &&
	    (has_word(p->scope, "openid") || has_word(p->scope, "email") ||
		has_word(p->scope, "profile"))) {
		fprintf(f,
		    "# not more than the old sign-in asked for; before a new "
		    "one this can go\nscope =");
		put_scope_words(f, p->scope);
		for (i = 0; i < COUNT_OF(parts); i++)
			if (services & 1U << i)
				put_scope_words(f, parts[i]);
		fputc('\n', f);
	}
}

/* The user that a file belongs to, and who therefore used it. */
static void
put_allow(FILE *f, const struct import *im, const struct import_item *it)
{
	const struct passwd *pw;

	if (im->allow || im->cli->user_mode || !*it->path || it->owner == 0)
		return;
	pw = getpwuid(it->owner);
	if (pw)
		fprintf(f, "allow = %s\n", pw->pw_name);
	else
		fprintf(f, "allow = %lu\n", (unsigned long)it->owner);
}

/* The lines of a new account that no option says. */
static int
make_more(const struct import *im, struct import_item *it,
    const struct import_source *s)
{
	const struct import_file *file = &it->file;
	size_t size;
	FILE *f = open_memstream(&it->more, &size);

	if (!f)
		return cli_error(EX_OSERR, "out of memory");
	if (file->user && strcmp(file->user, it->user) != 0)
		fprintf(f, "sasl_user = %s\n", file->user);
	if (*s->provider)
		fprintf(f, "provider = %s\n", s->provider);
	if (*s->tenant)
		fprintf(f, "tenant = %s\n", s->tenant);
	if (s->token_endpoint)
		fprintf(f, "token_endpoint = %s\n", s->token_endpoint);
	if (file->client_credentials)
		fprintf(f, "grant = client_credentials\n");
	put_scope(f, im, it, &s->conf);
	put_allow(f, im, it);
	if (file->proxy)
		fprintf(f, "proxy = %s\n", file->proxy);
	if (file->ca_bundle_file &&
	    !postfix_layout_is_ca_file(file->ca_bundle_file))
		fprintf(f, "ca_file = %s\n", file->ca_bundle_file);
	if (file->refresh_window_s > WINDOW_MIN_S)
		fprintf(f, "min_validity = %llds\n",
		    (long long)file->refresh_window_s);
	if (fclose(f) != 0)
		return cli_error(EX_OSERR, "out of memory");
	return 0;
}

/* Whether the file has all that an account needs. */
static int
check_file(const struct import *im, const struct import_item *it)
{
	const struct import_file *f = &it->file;

	if (!f->refresh_token && !f->client_credentials)
		return cli_error(EX_DATAERR,
		    "%s: no refresh_token in it, so there is nothing to go on "
		    "with; sign in with \"sasl-bearer login\"",
		    it->name);
	if (f->client_id || im->client_id)
		return 0;
	return cli_error(EX_USAGE, "%s: %s", it->name,
	    f->kind == IMPORT_MUTT
		? "mutt_oauth2.py has client_id in the script itself; say "
		  "--client-id, and --client-secret-file if it has a "
		  "client_secret there"
		: "no client_id in it; name sasl-xoauth2.conf as well, or say "
		  "--client-id");
}

/* An account that exists must get its tokens where the old program did. */
static int
check_existing(const struct import_item *it, const struct import_source *s)
{
	const struct login *l = &it->login;
	const char *url = l->account->token_endpoint;

	if (l->text || !s->url || !url || strcmp(url, s->url) == 0)
		return 0;
	return cli_error(EX_CONFIG,
	    "%s: token_endpoint differs from the one of %s, which import does "
	    "not change",
	    it->name, l->path);
}

/* Fill in the login, as options of "sasl-bearer login" would. */
static int
make_login(const struct import *im, struct import_item *it)
{
	const struct import_file *f = &it->file;
	struct login *l = &it->login;

	l->client_id = f->client_id ? f->client_id : im->client_id;
	l->services = im->services;
	l->hosts = im->hosts;
	l->allow = im->allow;
	l->more = it->more;
	l->from = it->name;
	l->flow = "import";
	if (f->client_credentials)
		l->grant = GRANT_CLIENT_CREDENTIALS;
	l->dry_run = im->dry_run;
	if (!f->client_secret)
		l->client_secret_file = im->client_secret_file;
	else if (!(l->secret = strdup(f->client_secret)))
		return cli_error(EX_OSERR, "out of memory");
	return 0;
}

/* How long the access token will be good for, if that is worth a line. */
static int64_t
lifetime(const struct import_file *f)
{
	int64_t left = f->expires_at - (int64_t)time(NULL);

	if (!f->access_token || f->client_credentials || left < USEFUL_S)
		return 0;
	return left < LIFETIME_MAX_S ? left : LIFETIME_MAX_S;
}

/* Note whether an account of the helper's list is the one, with a grant. */
static int
note_held(void *context, const struct msg *m)
{
	struct import_item *it = context;
	const char *state = msg_get(m, "state");

	if (strcmp(msg_get(m, "account"), it->login.name) == 0 &&
	    msg_get(m, "refresh_token_age") && state &&
	    strcmp(state, "login_required") != 0)
		it->is_held = 1;
	return 0;
}

int
import_ask_held(const struct import *im, struct import_item *it)
{
	char line[CONF_TEXT_MAX];
	int r;

	if (it->login.text)
		return 0;
	if (it->file.client_credentials) {
		it->is_held = 1;
		return 0;
	}
	if (im->dry_run)
		cli_catch(line, sizeof(line));
	r = call_list(im->cli, it->login.name, note_held, it);
	cli_catch(NULL, 0);
	return im->dry_run ? 0 : r;
}

int
import_prepare(const struct import *im, struct import_item *it)
{
	struct import_source s = {.provider = ""};
	int r;

	take_defaults(im, it);
	r = check_file(im, it);
	if (r == 0)
		r = find_user(im, it);
	if (r == 0)
		r = import_source_find(im, it, &s);
	if (r == 0)
		r = make_more(im, it, &s);
	if (r == 0)
		r = make_login(im, it);
	if (r == 0)
		r = login_account(im->cli, &it->login, it->user);
	if (r == 0)
		r = login_read_secret(&it->login);
	if (r == 0)
		r = check_existing(it, &s);
	it->expires_in = lifetime(&it->file);
	conf_clear(provider_keys, &s.conf);
	return r;
}
