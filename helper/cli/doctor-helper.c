/* SPDX-License-Identifier: MIT */
/* doctor-helper - whether the helper answers, and which accounts it has */
#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "helper/cli/call.h"
#include "helper/cli/doctor.h"

#define HELLO_MS 5000

/* What one hears who may not use any account. */
static void
report_denied(struct doctor *d)
{
	if (geteuid() == 0 || d->cli->user_mode) {
		doctor_remedy(d, "sasl-bearer login USER");
		doctor_report(d, DOCTOR_WARNING,
		    "it answers at %s, and has no account yet", d->socket);
		return;
	}
	doctor_remedy(d,
	    "name this user in \"allow\" of an account's file, then: %s",
	    doctor_control(d, DOCTOR_RELOAD));
	doctor_report(d, DOCTOR_FAILED,
	    "it answers at %s, but no account allows uid %lu", d->socket,
	    (unsigned long)geteuid());
}

static void
report_answer(struct doctor *d, const struct call *c)
{
	const char *version = msg_get(&c->reply, "version");
	const char *uid = msg_get(&c->reply, "uid");

	d->served = 1;
	if (version && strcmp(version, PACKAGE_VERSION) == 0) {
		doctor_report(d, DOCTOR_OK,
		    "answers at %s: version %s, as uid %s", d->socket, version,
		    uid ? uid : "unknown");
		return;
	}
	doctor_remedy(d, "%s", doctor_control(d, DOCTOR_RESTART));
	doctor_report(d, DOCTOR_WARNING,
	    "answers at %s as version %s, but " PACKAGE_VERSION " is installed",
	    d->socket, version ? version : "unknown");
}

void
doctor_helper(struct doctor *d)
{
	char why[DOCTOR_TEXT];
	struct call *c = NULL;
	int r;

	cli_catch(why, sizeof(why));
	r = call_socket(d->cli, &d->socket);
	if (r == 0)
		r = call_new(d->cli, "hello", &c);
	if (r == 0) {
		c->timeout_ms = HELLO_MS;
		r = call_try(c);
		if (r < 0)
			call_report(c, r);
	}
	cli_catch(NULL, 0);
	if (!c) {
		doctor_report(d, DOCTOR_SKIPPED,
		    "its socket is named in the configuration, which cannot "
		    "be read");
	} else if (r < 0) {
		doctor_report_line(d, DOCTOR_FAILED, why);
	} else {
		d->helper_ok = 1;
		if (status_parse(msg_get(&c->reply, "status")) == STATUS_OK)
			report_answer(d, c);
		else
			report_denied(d);
	}
	call_free(c);
}

void
doctor_marker(struct doctor *d)
{
	char path[PATH_MAX];
	const char *slash = d->socket ? strrchr(d->socket, '/') : NULL;

	if (!d->served || !slash) {
		doctor_report(d, DOCTOR_SKIPPED, "%s",
		    d->helper_ok ? "no account is for this uid"
				 : "the helper does not answer");
		return;
	}
	snprintf(path, sizeof(path), "%.*s/accounts/%lu",
	    (int)(slash - d->socket), d->socket, (unsigned long)geteuid());
	if (access(path, F_OK) == 0) {
		doctor_report(d, DOCTOR_OK,
		    "%s: programs offer the mechanisms while the helper is "
		    "down, too",
		    path);
		return;
	}
	doctor_remedy(d, "%s", doctor_control(d, DOCTOR_RESTART));
	doctor_report(d, DOCTOR_WARNING,
	    "there is no %s: programs that start while the helper is down "
	    "would not offer the mechanisms",
	    path);
}

static int
add(struct doctor *d, const struct resolved *r)
{
	struct doctor_account *more = reallocarray(
	    d->accounts, d->count_accounts + 1, sizeof(*d->accounts));
	struct conf_errors none = {.report = NULL};

	if (!more)
		return cli_error(EX_OSERR, "out of memory");
	d->accounts = more;
	more += d->count_accounts++;
	*more = (struct doctor_account){.is = *r};
	if (d->owner && d->settings_ok)
		account_load(&d->cli->settings, r->account, &more->conf, &none);
	return 0;
}

/* One of the list: for call_list(). */
static int
take(void *context, const struct msg *m)
{
	struct resolved *found = malloc(sizeof(*found));
	const char *account = msg_get(m, "account"), *user = msg_get(m, "user");
	int r = -1;

	if (found) {
		resolved_read(m, user ? user : account, found);
		r = add(context, found) == 0 ? 0 : -1;
	}
	free(found);
	return r;
}

/* The one that is meant. Returns 0 or an exit code. */
static int
add_named(struct doctor *d)
{
	struct resolved *found = malloc(sizeof(*found));
	int r = found ? resolve(d->cli, d->operand, found) : EX_OSERR;

	if (r == 0)
		r = add(d, found);
	free(found);
	return r;
}

/* Those in files that the helper does not know: it has not read them yet. */
static void
find_unread(struct doctor *d)
{
	struct conf_errors none = {.report = NULL};
	char **names = NULL;
	size_t i, k;

	if (d->operand || !d->owner || !d->settings_ok ||
	    account_names(&d->cli->settings, &names, &none) < 0)
		return;
	for (i = 0; names && names[i]; i++) {
		for (k = 0; k < d->count_accounts; k++)
			if (strcmp(names[i], d->accounts[k].is.account) == 0)
				break;
		if (k < d->count_accounts)
			continue;
		doctor_remedy(d, "%s", doctor_control(d, DOCTOR_RELOAD));
		doctor_report(d, DOCTOR_FAILED,
		    "the helper does not know account \"%s\", which has a file",
		    names[i]);
	}
	list_free(names);
}

void
doctor_accounts(struct doctor *d)
{
	char why[DOCTOR_TEXT];
	int r;

	if (!d->helper_ok) {
		doctor_report(d, DOCTOR_SKIPPED,
		    "the helper does not answer, so they are not looked at");
		return;
	}
	cli_catch(why, sizeof(why));
	r = d->operand ? add_named(d) : call_list(d->cli, NULL, take, d);
	cli_catch(NULL, 0);
	if (r != 0)
		doctor_report_line(d, DOCTOR_FAILED, why);
	else if (d->count_accounts > 0)
		doctor_report(d, DOCTOR_OK, "%zu for uid %lu",
		    d->count_accounts, (unsigned long)geteuid());
	else
		doctor_report(d, DOCTOR_SKIPPED, "there is none for uid %lu",
		    (unsigned long)geteuid());
	if (r == 0)
		find_unread(d);
}
