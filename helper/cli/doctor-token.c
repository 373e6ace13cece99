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
report_good_grant(struct doctor *d, const struct doctor_health *h)
{
	char since[WHEN_SIZE] = "";
	int64_t now = time(NULL);

	if (h->age > 0)
		when_format(now - h->age, now, since);
	doctor_report(d, DOCTOR_OK, "%s, state %s%s%s",
	    *h->grant ? h->grant : "unknown", *h->state ? h->state : "unknown",
	    *since ? ", refresh token renewed " : "", since);
}

/* What the application proves itself with: nothing of it, or not soon. */
static void
report_good_secrets(struct doctor *d, const struct doctor_health *h)
{
	char when[WHEN_SIZE];

	if (!h->expires_at) {
		doctor_report(d, DOCTOR_OK,
		    "none that is known to expire (client_secret_expires "
		    "in the account's file tells of one)");
		return;
	}
	when_format(h->expires_at, time(NULL), when);
	doctor_report(d, DOCTOR_OK, "the first one expires %s", when);
}

/* One of the two kinds of problems. */
static void
report_health(struct doctor *d, const struct doctor_account *a, int secrets)
{
	const struct doctor_health *h = &d->health;
	size_t i, count = 0;

	for (i = 0; i < h->count; i++) {
		if (is_secret(h->found[i].what) != secrets)
			continue;
		report_problem(d, &h->found[i], a);
		count++;
	}
	if (count == 0 && secrets)
		report_good_secrets(d, h);
	else if (count == 0)
		report_good_grant(d, h);
}

/* A question about one account. */
struct question {
	const struct doctor_account *a;
	struct doctor_health *h;
	int found;
};

/* Keep what is said of the account: for call_list(). */
static int
take(void *context, const struct msg *m)
{
	struct question *q = context;
	struct doctor_health *h = q->h;
	const char *state = msg_get(m, "state"), *grant = msg_get(m, "grant");
	int64_t certificate = 0, secret = 0;

	/* another may have this name as its user */
	if (strcmp(msg_get(m, "account"), q->a->is.account) != 0)
		return 0;
	q->found = 1;
	h->count = health_check(m, time(NULL), NULL, h->found);
	snprintf(h->state, sizeof(h->state), "%s", state ? state : "");
	snprintf(h->grant, sizeof(h->grant), "%s", grant ? grant : "");
	msg_get_number(m, "refresh_token_age", 0, INT64_MAX / 2, &h->age);
	msg_get_number(
	    m, "certificate_expires_at", 0, INT64_MAX / 2, &certificate);
	msg_get_number(
	    m, "client_secret_expires_at", 0, INT64_MAX / 2, &secret);
	h->expires_at = secret && (!certificate || secret < certificate)
	    ? secret
	    : certificate;
	return 0;
}

/* The first check of an account: it asks for what the next ones look at. */
void
doctor_secrets(struct doctor *d, const struct doctor_account *a)
{
	struct question q = {.a = a, .h = &d->health};
	char why[DOCTOR_TEXT];
	int r;

	d->health = (struct doctor_health){.count = 0};
	cli_catch(why, sizeof(why));
	r = call_list(d->cli, a->is.account, take, &q);
	cli_catch(NULL, 0);
	d->known = r == 0 && q.found;
	if (d->known)
		report_health(d, a, 1);
	else
		doctor_report(d, DOCTOR_FAILED, "%s",
		    r != 0 ? why : "the account has gone meanwhile");
}

void
doctor_grant(struct doctor *d, const struct doctor_account *a)
{
	d->no_grant = 0;
	if (d->known)
		report_health(d, a, 0);
	else
		doctor_report(d, DOCTOR_SKIPPED, "nothing is known of it");
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
		    doctor_control(d, DOCTOR_RELOAD), a->is.user);
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
