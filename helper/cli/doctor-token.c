/* SPDX-License-Identifier: MIT */
/* doctor-token - whether an account is well, gets a token, and which one */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "helper/cli/call.h"
#include "helper/cli/claims.h"
#include "helper/cli/doctor.h"
#include "helper/cli/when.h"
#include "helper/health/health.h"

#define EXP_SLACK_S 300 /* the helper may believe a token ends a bit sooner */

/* Whether a problem is one of what the application proves itself with. */
static int
is_secret(enum health_what what)
{
	return what == HEALTH_CLIENT_SECRET_EXPIRES ||
	    what == HEALTH_CERTIFICATE_EXPIRES;
}

/* A problem, with a remedy that is not this command. */
static void
report_problem(struct doctor *d, const struct health_problem *p,
    const struct doctor_account *a)
{
	if (p->what == HEALTH_REJECTED)
		doctor_remedy(d, "sasl-bearer doctor --login %s", a->is.user);
	else if (p->what != HEALTH_BACKOFF && p->what != HEALTH_NO_TOKEN)
		doctor_remedy(d, "%s", p->remedy);
	doctor_report_line(d,
	    p->severity == HEALTH_CRITICAL ? DOCTOR_FAILED : DOCTOR_WARNING,
	    p->text);
	d->no_grant |= p->what == HEALTH_LOGIN_REQUIRED ||
	    p->what == HEALTH_CONFIG || p->what == HEALTH_NO_TOKEN;
}

/* A sign-in, and how old it is. */
static void
report_good_grant(struct doctor *d, const struct msg *m)
{
	const char *state = msg_get(m, "state");
	const char *grant = msg_get(m, "grant");
	int64_t age = -1;
	char since[WHEN_SIZE] = "";

	msg_get_number(m, "refresh_token_age", 0, INT64_MAX / 2, &age);
	if (age > 0)
		when_format(
		    (int64_t)time(NULL) - age, (int64_t)time(NULL), since);
	doctor_report(d, DOCTOR_OK, "%s, state %s%s%s",
	    grant ? grant : "unknown", state ? state : "unknown",
	    *since ? ", refresh token renewed " : "", since);
}

/* What the application proves itself with: nothing of it, or not soon. */
static void
report_good_secrets(struct doctor *d, const struct msg *m)
{
	int64_t at = 0, secret = 0;
	char when[WHEN_SIZE];

	msg_get_number(m, "certificate_expires_at", 0, INT64_MAX / 2, &at);
	msg_get_number(
	    m, "client_secret_expires_at", 0, INT64_MAX / 2, &secret);
	if (secret && (!at || secret < at))
		at = secret;
	if (!at)
		doctor_report(d, DOCTOR_OK,
		    "none that is known to expire (client_secret_expires "
		    "in the account's file tells of one)");
	else {
		when_format(at, (int64_t)time(NULL), when);
		doctor_report(d, DOCTOR_OK, "the first one expires %s", when);
	}
}

/* One of the two kinds of problems, by the message about the account. */
static void
report_health(struct doctor *d, const struct msg *m,
    const struct doctor_account *a, int secrets)
{
	struct health_problem found[HEALTH_MAX];
	size_t i, n, count = 0;

	n = health_check(m, (int64_t)time(NULL), NULL, found);
	for (i = 0; i < n; i++) {
		if (is_secret(found[i].what) != secrets)
			continue;
		report_problem(d, &found[i], a);
		count++;
	}
	if (count == 0 && secrets)
		report_good_secrets(d, m);
	else if (count == 0)
		report_good_grant(d, m);
}

/* Ask for the message about the account. */
static void
examine(struct doctor *d, const struct doctor_account *a, int secrets)
{
	char why[DOCTOR_TEXT];
	struct call *c = NULL;
	const char *name;
	int r, found = 0;

	cli_catch(why, sizeof(why));
	r = call_new(d->cli, "list", &c);
	if (r == 0) {
		msg_put(&c->w, "user", a->is.account);
		r = call_run(c);
	}
	while (r == 0 && !found) {
		r = call_next(c);
		name = r == 0 ? msg_get(&c->reply, "account") : NULL;
		if (!name)
			break;
		found = strcmp(name, a->is.account) == 0;
	}
	cli_catch(NULL, 0);
	if (found)
		report_health(d, &c->reply, a, secrets);
	else
		doctor_report(d, DOCTOR_FAILED, "%s",
		    r != 0 ? why : "the account has gone meanwhile");
	call_free(c);
}

void
doctor_secrets(struct doctor *d, const struct doctor_account *a)
{
	examine(d, a, 1);
}

void
doctor_grant(struct doctor *d, const struct doctor_account *a)
{
	d->no_grant = 0;
	examine(d, a, 0);
}

static int
is_microsoft(const struct doctor_account *a)
{
	return strncmp(a->is.provider, "microsoft", strlen("microsoft")) == 0;
}

/* What Exchange Online would not like. Returns whether there was anything. */
static int
check_exchange(
    struct doctor *d, const struct doctor_account *a, const struct claims *c)
{
	const char *lacking;
	unsigned bit;
	int found = 0;

	if (!claims_for_exchange(c)) {
		doctor_remedy(d,
		    "take \"scope\" out of the account's file, so that the "
		    "provider's is used, then: sasl-bearer login %s",
		    a->is.account);
		doctor_report(d, DOCTOR_WARNING,
		    "the token is for \"%s\", and not for a mail service of "
		    "Microsoft's: Exchange Online will refuse it",
		    c->aud);
		found = 1;
	}
	for (bit = SERVICE_IMAP; bit <= SERVICE_SMTP; bit <<= 1) {
		if (a->is.services && !(a->is.services & bit))
			continue;
		lacking = claims_lacks(c, (enum service)bit);
		if (!lacking)
			continue;
		doctor_remedy(d,
		    "grant it to the application and sign in again; what it "
		    "takes: sasl-bearer setup exchange %s",
		    a->is.user);
		doctor_report(d, DOCTOR_WARNING,
		    "the token lacks the permission %s", lacking);
		found = 1;
	}
	return found;
}

/* Whose it is, and until when. Returns whether something is odd. */
static int
check_names(struct doctor *d, const struct doctor_account *a,
    const struct claims *c, int64_t expires_at)
{
	int64_t off =
	    c->exp > expires_at ? c->exp - expires_at : expires_at - c->exp;
	int found = 0;

	if (*c->upn && !util_case_equal(c->upn, a->is.user)) {
		doctor_remedy(d,
		    "fine for an alias or a shared mailbox (see sasl_user in "
		    "sasl-bearer.conf(5)); else: sasl-bearer login %s",
		    a->is.account);
		doctor_report(d, DOCTOR_WARNING,
		    "the token is of %s, and the account is for %s", c->upn,
		    a->is.user);
		found = 1;
	}
	if (c->exp && expires_at && off > EXP_SLACK_S) {
		doctor_remedy(d, "sasl-bearer refresh %s", a->is.account);
		doctor_report(d, DOCTOR_WARNING,
		    "the token says that it ends %" PRId64
		    " s %s than the provider said",
		    off, c->exp > expires_at ? "later" : "sooner");
		found = 1;
	}
	return found;
}

/* Nothing here is verified, or decides anything. */
static void
check_claims(struct doctor *d, const struct doctor_account *a,
    const char *token, int64_t expires_at)
{
	struct claims c;
	int found;

	d->check = "claims";
	if (claims_parse(token, &c) < 0) {
		doctor_report(d, DOCTOR_OK,
		    "the token is opaque: only the provider can read it, "
		    "which is fine");
		return;
	}
	found = check_names(d, a, &c, expires_at);
	if (is_microsoft(a))
		found |= check_exchange(d, a, &c);
	if (found)
		return;
	doctor_report(d, DOCTOR_OK, "aud %s; %s %s%s%s%s%s%s%s",
	    *c.aud ? c.aud : "-", *c.scp ? "scp" : "roles",
	    *c.scp	   ? c.scp
		: *c.roles ? c.roles
			   : "none, which is legal",
	    *c.upn ? "; upn " : "", c.upn, *c.app ? "; appid " : "", c.app,
	    *c.tid ? "; tid " : "", c.tid);
}

/* A token is there: say so, without it. */
static void
report_token(
    struct doctor *d, const struct doctor_account *a, const struct msg *m)
{
	const char *id = msg_get(m, "token_id"), *token = msg_get(m, "token");
	char when[WHEN_SIZE];
	int64_t at = 0;

	msg_get_number(m, "expires_at", 0, INT64_MAX / 2, &at);
	when_format(at, (int64_t)time(NULL), when);
	doctor_report(d, DOCTOR_OK, "there is one, it ends %s (token id %s)",
	    when, id ? id : "unknown");
	if (token)
		check_claims(d, a, token, at);
}

static void
put_remedy(struct doctor *d, const struct doctor_account *a, enum status s)
{
	if (s == STATUS_LOGIN_REQUIRED)
		doctor_remedy(d, "sasl-bearer login %s", a->is.account);
	else if (s == STATUS_TEMPORARY)
		doctor_remedy(
		    d, "when it passed: sasl-bearer refresh %s", a->is.user);
	else if (s == STATUS_CONFIG)
		doctor_remedy(d,
		    "mend that, then: %s && sasl-bearer refresh %s",
		    doctor_control(d, "reload"), a->is.user);
}

void
doctor_token(struct doctor *d, const struct doctor_account *a)
{
	char why[DOCTOR_TEXT];
	struct call *c = NULL;
	enum status s;
	int r;

	if (a->is.user[0] == '*') {
		doctor_remedy(
		    d, "sasl-bearer doctor MAILBOX%s", a->is.user + 1);
		doctor_report(d, DOCTOR_SKIPPED,
		    "the account is for all of %s: name a mailbox", a->is.user);
		return;
	}
	cli_catch(why, sizeof(why));
	r = call_new(d->cli, "token", &c);
	if (r == 0) {
		msg_put(&c->w, "account", a->is.account);
		msg_put(&c->w, "user", a->is.user);
		msg_put_number(&c->w, "deadline_ms", CALL_TIMEOUT_MS);
		r = call_run(c);
	}
	cli_catch(NULL, 0);
	if (r == 0) {
		report_token(d, a, &c->reply);
	} else if (d->no_grant) {
		doctor_report(
		    d, DOCTOR_SKIPPED, "none, as said under \"grant\"");
	} else {
		s = c ? status_parse(msg_get(&c->reply, "status"))
		      : STATUS_TEMPORARY;
		put_remedy(d, a, s);
		doctor_report_line(d, DOCTOR_FAILED, why);
	}
	call_free(c);
}
