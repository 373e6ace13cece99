/* SPDX-License-Identifier: MIT */
/* login-account - the account of a sign-in: found, or prepared */
#include "config.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/login.h"
#include "helper/cli/signals.h"

enum kind { TEXT, WORDS, SERVICES };

/* The options that stand in an account's file, in its order. */
static const struct field {
	const char *key;
	const char *name;
	enum kind kind;
	size_t option;
	size_t account;
} fields[] = {
#define FIELD(m, name, kind)                               \
	{                                                  \
#m, name, kind, offsetof(struct login, m), \
		    offsetof(struct account_conf, m)       \
	}
    FIELD(provider, "--provider", TEXT),
    FIELD(tenant, "--tenant", TEXT),
    FIELD(client_id, "--client-id", TEXT),
    FIELD(issuer, "--issuer", TEXT),
    FIELD(token_endpoint, "--token-endpoint", TEXT),
    FIELD(services, "--services", SERVICES),
    FIELD(hosts, "--hosts", WORDS),
    FIELD(allow, "--allow", WORDS),
#undef FIELD
};

static const char *
option_of(const struct login *l, const struct field *f)
{
	return *(
	    const char *const *)(const void *)((const char *)l + f->option);
}

static const void *
member_of(const struct account_conf *a, const struct field *f)
{
	return (const char *)a + f->account;
}

/* A list in an option has commas, in a file blanks. */
static void
write_key(FILE *f, const struct field *field, const char *value)
{
	fprintf(f, "%s = ", field->key);
	for (; *value; value++)
		fputc(field->kind != TEXT && *value == ',' ? ' ' : *value, f);
	fputc('\n', f);
}

/* Make the text of a new account's file. */
static int
make_text(const struct cli *cli, struct login *l, const char *user)
{
	size_t i, size;
	FILE *f = open_memstream(&l->text, &size);
	const char *value;

	if (!f)
		return cli_error(EX_OSERR, "out of memory");
	fprintf(f,
	    "# Written by sasl-bearer %s; see sasl-bearer.conf(5).\n"
	    "user = %s\n",
	    cli->command->name, user);
	for (i = 0; i < COUNT_OF(fields); i++) {
		value = option_of(l, &fields[i]);
		if (value)
			write_key(f, &fields[i], value);
	}
	if (l->more)
		fputs(l->more, f);
	if (*l->secret_path)
		fprintf(f, "client_secret_file = %s\n", l->secret_path);
	if (fclose(f) != 0)
		return cli_error(EX_OSERR, "out of memory");
	return 0;
}

/* Refuse what would break a line of the file. */
static int
check_options(const struct login *l, const char *operand)
{
	const char *value;
	size_t i;

	for (i = 0; i < COUNT_OF(fields); i++) {
		value = option_of(l, &fields[i]);
		if (value &&
		    (!*value || !util_text_valid(value, strlen(value))))
			return cli_error(EX_USAGE,
			    "%s is empty, or has a control byte in it",
			    fields[i].name);
	}
	if (!util_text_valid(operand, strlen(operand)))
		return cli_error(EX_USAGE, "USER has a control byte in it");
	return 0;
}

static int
contains(char **list, const char *word)
{
	for (; list && *list; list++)
		if (strcmp(*list, word) == 0)
			return 1;
	return 0;
}

/* Whether two lists have the same words, in any order. */
static int
same_words(char **a, char **b)
{
	size_t i;

	for (i = 0; a && a[i]; i++)
		if (!contains(b, a[i]))
			return 0;
	for (i = 0; b && b[i]; i++)
		if (!contains(a, b[i]))
			return 0;
	return 1;
}

static unsigned
services_of(char **words)
{
	unsigned bits = 0;

	for (; words && *words; words++)
		bits |= service_parse(*words);
	return bits;
}

/* Whether an option says what the account has already. */
static int
agrees(const struct account_conf *a, const struct field *f, const char *value)
{
	const void *member = member_of(a, f);
	char **words = NULL;
	int same;

	if (f->kind == TEXT) {
		const char *text = *(const char *const *)member;

		return text && strcmp(text, value) == 0;
	}
	if (list_parse(value, ", ", &words) < 0)
		return 0;
	if (f->kind == SERVICES)
		same = services_of(words) == *(const unsigned *)member;
	else
		same = same_words(words, *(char **const *)member);
	list_free(words);
	return same;
}

static int
report_differs(
    const struct cli *cli, const struct login *l, const struct field *f)
{
	if (l->from)
		return cli_error(EX_CONFIG,
		    "%s: %s differs from the one in %s, which %s does not "
		    "change; edit that file",
		    l->from, f->key, l->path, cli->command->name);
	return cli_error(EX_CONFIG,
	    "%s differs from %s in %s, which %s does not change; edit the file "
	    "or leave the option out",
	    f->name, f->key, l->path, cli->command->name);
}

/* A person can sign in for a refresh token only. */
static int
check_grant(const struct cli *cli, const struct login *l)
{
	if (l->account->grant == l->grant)
		return 0;
	if (l->from)
		return cli_error(EX_CONFIG,
		    "%s: its grant is %s, and differs from the one in %s, which "
		    "%s does not change; edit that file",
		    l->from, grant_names[l->grant], l->path,
		    cli->command->name);
	return cli_error(EX_USAGE,
	    "account \"%s\" needs no sign-in: its grant is %s; run: "
	    "sasl-bearer refresh %s",
	    l->name, grant_names[l->account->grant], l->name);
}

/* An existing file is never changed: the options must agree with it. */
static int
use_existing(struct cli *cli, struct login *l)
{
	struct conf_errors e = {.report = cli_report};
	const char *value;
	size_t i;

	if (account_load(&cli->settings, l->name, &l->account, &e) < 0)
		return EX_CONFIG;
	for (i = 0; i < COUNT_OF(fields); i++) {
		value = option_of(l, &fields[i]);
		if (value && !agrees(l->account, &fields[i], value))
			return report_differs(cli, l, &fields[i]);
	}
	return check_grant(cli, l);
}

/* Report an error in the new file without its name, which is not there yet. */
static void
report_new(void *context, const char *line)
{
	const struct login *l = context;
	size_t len = strlen(l->path);

	if (strncmp(line, l->path, len) == 0 && line[len] == ':') {
		line += len + 1;
		line += strspn(line, "0123456789: ");
	}
	cli_error(0, "%s%scannot make the account: %s", l->from ? l->from : "",
	    l->from ? ": " : "", line);
}

struct new_file
login_file(const struct cli *cli, const struct login *l)
{
	struct new_file f = {
	    l->path, l->text, cli->user_mode ? 0600 : 0644, (gid_t)-1};

	if (account_has_secret(l->account)) {
		f.mode = l->secret_group == (gid_t)-1 ? 0600 : 0640;
		f.group = l->secret_group;
	}
	return f;
}

/* Write the file under another name, and remove it: it will be possible. */
static int
try_write(struct cli *cli, const struct login *l)
{
	struct new_file file = login_file(cli, l);
	char temp[PATH_MAX], text[64];
	sigset_t old;
	int r;

	signals_hold(&old); /* none may leave the trial behind */
	r = account_file_mkdir(
	    cli->settings.accounts_dir, cli->user_mode ? 0700 : 0755);
	if (r == 0)
		r = account_file_temp(&file, temp);
	if (r < 0)
		r = cli_error(EX_CANTCREAT, "cannot write in %s: %s%s",
		    cli->settings.accounts_dir, err_text(r, text, sizeof(text)),
		    r == -EACCES && !cli->user_mode ? "; run this as root"
						    : "");
	else
		unlink(temp);
	signals_release(&old);
	return r;
}

/* Who but the owner may read what is secret of a new account. */
static int
find_group(const struct cli *cli, struct login *l)
{
	const struct passwd *pw;

	l->secret_group = (gid_t)-1;
	if ((!*l->secret_path && !account_has_secret(l->account)) ||
	    cli->user_mode || geteuid() != 0)
		return 0;
	pw = getpwnam(cli->settings.run_as);
	if (!pw)
		return cli_error(EX_NOUSER,
		    "the helper's user \"%s\" does not exist; set run_as in "
		    "sasl-bearer.conf",
		    cli->settings.run_as);
	l->secret_group = pw->pw_gid;
	return 0;
}

/* Read the text as the helper will read the file. */
static int
try_new(struct cli *cli, struct login *l)
{
	struct conf_errors e = {.report = report_new, .context = l};
	int r;

	if (account_load_text(
		&cli->settings, l->name, l->text, &l->account, &e) < 0)
		return EX_CONFIG;
	r = find_group(cli, l);
	return r != 0 || l->dry_run ? r : try_write(cli, l);
}

/* Where the secret of a new account will be. */
static int
place_secret(const struct cli *cli, struct login *l)
{
	if (!l->client_secret_file && !l->secret)
		return 0;
	snprintf(l->secret_path, sizeof(l->secret_path), "%.3000s/%s.secret",
	    cli->settings.accounts_dir, l->name);
	if (access(l->secret_path, F_OK) == 0)
		return cli_error(EX_CANTCREAT,
		    "%s exists already, without an account; remove it first",
		    l->secret_path);
	return 0;
}

/* What a new account needs, and has not been given. Returns the exit code. */
static int
refuse_new(struct cli *cli, const struct login *l, const char *operand)
{
	struct conf_errors e = {.report = cli_report};
	struct provider p = {0};
	int r = 0;

	if (l->provider)
		r = provider_load(&cli->settings, l->provider, &p, &e);
	conf_clear(provider_keys, &p);
	if (r == -ENOENT)
		return cli_error(EX_CONFIG,
		    "there is no provider \"%s\"; \"sasl-bearer login "
		    "--provider list\" shows those there are",
		    l->provider);
	if (r < 0)
		return EX_CONFIG;
	if (l->provider || l->issuer || l->token_endpoint)
		return cli_error(EX_USAGE,
		    "no account \"%s\" yet: say --client-id, too, the ID of the "
		    "application that you have registered; \"sasl-bearer login "
		    "--provider list\" tells what each provider needs",
		    operand);
	return cli_error(EX_USAGE,
	    "no account \"%s\" yet: say --provider and --client-id, for "
	    "example: sasl-bearer login --provider microsoft --client-id "
	    "01234567-89ab-cdef-0123-456789abcdef %s",
	    operand, operand);
}

static int
prepare_new(struct cli *cli, struct login *l, const char *operand)
{
	int r;

	if (!account_name_valid(operand))
		return cli_error(EX_USAGE,
		    "\"%s\" is no account, and cannot name one: a name is 1 to "
		    "%d of A-Z a-z 0-9 @ . _ + -",
		    operand, ACCOUNT_NAME_MAX);
	if (!l->more &&
	    ((!l->provider && !l->issuer && !l->token_endpoint) ||
		!l->client_id))
		return refuse_new(cli, l, operand);
	r = place_secret(cli, l);
	if (r == 0)
		r = make_text(cli, l, operand);
	return r == 0 ? try_new(cli, l) : r;
}

/* Look for the only account that has operand as its user. */
static int
find_by_user(struct cli *cli, const char *operand, char *name)
{
	struct conf_errors quiet = {0};
	struct account_conf *a;
	char **names;
	size_t i, count = 0;

	if (account_names(&cli->settings, &names, &quiet) < 0)
		return cli_error(EX_CONFIG, "%s", quiet.first);
	for (i = 0; names[i]; i++) {
		if (account_load(&cli->settings, names[i], &a, &quiet) < 0)
			continue;
		if (strcmp(a->user, operand) == 0) {
			memcpy(name, a->name, sizeof(a->name));
			count++;
		}
		account_conf_free(a);
	}
	list_free(names);
	if (count > 1)
		return cli_error(EX_USAGE,
		    "\"%s\" is the user of several accounts; name one of them",
		    operand);
	return 0;
}

int
login_account(struct cli *cli, struct login *l, const char *operand)
{
	char text[64];
	int r;

	r = check_options(l, operand);
	if (r != 0)
		return r;
	snprintf(l->name, sizeof(l->name), "%s", operand);
	r = account_path(&cli->settings, operand, l->path, sizeof(l->path));
	if (r == 0 && account_name_valid(operand) && access(l->path, F_OK) == 0)
		return use_existing(cli, l);
	r = find_by_user(cli, operand, l->name);
	if (r != 0)
		return r;
	r = account_path(&cli->settings, l->name, l->path, sizeof(l->path));
	if (r < 0)
		return cli_error(EX_CONFIG, "the path of the account: %s",
		    err_text(r, text, sizeof(text)));
	if (access(l->path, F_OK) == 0)
		return use_existing(cli, l);
	return prepare_new(cli, l, operand);
}

void
login_clear(struct login *l)
{
	free(l->text);
	util_secret_free(l->secret);
	account_conf_free(l->account);
}
