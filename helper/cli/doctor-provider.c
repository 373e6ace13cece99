/* SPDX-License-Identifier: MIT */
/* doctor-provider - whether there is a way to the provider */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "helper/cli/doctor.h"
#include "helper/config/program.h"

#define GRACE_MS 10000	/* on top of the time the child gives itself */
#define CLOCK_GOOD_S 60 /* of difference */
#define CLOCK_BAD_S 300 /* what Microsoft and Google take no assertion beyond */

/* Why there is nothing to ask, or NULL. */
static const char *
nobody_to_ask(const struct doctor *d, const struct doctor_account *a)
{
	if (!a->conf)
		return d->owner ? "the account's file has a mistake"
				: "not checked: the account's file needs root";
	switch (a->conf->grant) {
	case GRANT_MANAGED_IDENTITY:
		return "the machine itself is asked; see \"token\"";
	case GRANT_COMMAND:
		return "another program gives the tokens; see \"token\"";
	case GRANT_FILE:
		return "the tokens come from a file; see \"token\"";
	default:
		return a->conf->token_endpoint || a->conf->issuer
		    ? NULL
		    : "neither token_endpoint nor issuer is known";
	}
}

/* Nothing of the account but the place, and the way there. */
static void
put_request(struct msg_writer *w, const struct settings *s,
    const struct account_conf *a)
{
	msg_put(w, "operation", "reach");
	msg_put(w, "token_endpoint", a->token_endpoint);
	msg_put(w, "issuer", a->issuer);
	msg_put(w, "ca_file", a->ca_file ? a->ca_file : s->ca_file);
	msg_put(w, "proxy", a->proxy ? a->proxy : s->proxy);
	msg_put_number(w, "timeout_ms", s->fetch_timeout_s * 1000);
}

/* The clock decides which tokens and certificates are good. */
static void
report_clock(struct doctor *d, const struct msg *reply)
{
	int64_t theirs = 0, ours = 0, off;

	d->check = "clock";
	msg_get_number(reply, "date", 1, INT64_MAX / 2, &theirs);
	msg_get_number(reply, "now", 1, INT64_MAX / 2, &ours);
	if (theirs == 0 || ours == 0) {
		doctor_report(d, DOCTOR_SKIPPED, "the provider tells no time");
		return;
	}
	off = ours > theirs ? ours - theirs : theirs - ours;
	if (off > CLOCK_GOOD_S)
		doctor_remedy(d, "timedatectl set-ntp true");
	doctor_report(d,
	    off > CLOCK_BAD_S	     ? DOCTOR_FAILED
		: off > CLOCK_GOOD_S ? DOCTOR_WARNING
				     : DOCTOR_OK,
	    "this machine is %" PRId64 " s %s of the provider", off,
	    ours >= theirs ? "ahead" : "behind");
}

/* What mends a way that is closed, by the words of what was found. */
static void
put_remedy(struct doctor *d, const struct account_conf *a, const char *reason)
{
	const char *url = a->token_endpoint ? a->token_endpoint : a->issuer;
	const char *host = strstr(url, "//") ? strstr(url, "//") + 2 : url;

	if (strstr(reason, "clock"))
		doctor_remedy(d, "timedatectl set-ntp true");
	else if (strstr(reason, "certificate"))
		doctor_remedy(d,
		    "where a proxy or a private CA is in between, set ca_file "
		    "in sasl-bearer.conf; then: %s",
		    doctor_control(d, DOCTOR_RELOAD));
	else if (strstr(reason, "proxy"))
		doctor_remedy(d, "mend proxy in sasl-bearer.conf, then: %s",
		    doctor_control(d, DOCTOR_RELOAD));
	else if (strstr(reason, "resolve"))
		doctor_remedy(d,
		    "see to the DNS of this machine, or to proxy in "
		    "sasl-bearer.conf; try: getent hosts %.*s",
		    (int)strcspn(host, ":/"), host);
	else
		doctor_remedy(d,
		    "let this machine go there, or set proxy in "
		    "sasl-bearer.conf; try: curl -sSI %s",
		    url);
}

static void
report_failure(
    struct doctor *d, const struct doctor_account *a, const struct msg *reply)
{
	const char *reason = msg_get(reply, "reason");

	if (!reason)
		reason = PROGRAM_FETCH " gave no reason";
	put_remedy(d, a->conf, reason);
	doctor_report(d, DOCTOR_FAILED, "%s", reason);
}

/* Whether the same place was asked for another account already. */
static int
is_known(struct doctor *d, const struct doctor_account *a)
{
	const struct account_conf *c = a->conf;
	char place[DOCTOR_TEXT];

	snprintf(place, sizeof(place), "%s %s %s %s",
	    c->token_endpoint ? c->token_endpoint : "",
	    c->issuer ? c->issuer : "", c->ca_file ? c->ca_file : "",
	    c->proxy ? c->proxy : "");
	if (strcmp(place, d->reached) == 0)
		return 1;
	memcpy(d->reached, place, sizeof(place));
	memcpy(d->reached_by, a->is.account, sizeof(d->reached_by));
	return 0;
}

void
doctor_provider(struct doctor *d, const struct doctor_account *a)
{
	const struct settings *s = &d->cli->settings;
	const char *why_not = nobody_to_ask(d, a);
	char why[CONF_TEXT_MAX];
	struct program *p;
	int64_t status = 0;

	if (why_not || is_known(d, a)) {
		doctor_report(d, why_not ? DOCTOR_SKIPPED : d->reached_status,
		    "%s%s", why_not ? why_not : "the same as of account ",
		    why_not ? "" : d->reached_by);
		return;
	}
	p = program_new();
	if (!p)
		return;
	d->reached_status = DOCTOR_SKIPPED;
	put_request(&p->w, s, a->conf);
	if (program_run(p, s->libexec_dir, PROGRAM_FETCH,
		s->fetch_timeout_s * 1000 + GRACE_MS, why) < 0) {
		doctor_remedy(d, "install the package completely");
		doctor_report(d, DOCTOR_FAILED, "%s", why);
	} else if (status_parse(msg_get(&p->reply, "status")) != STATUS_OK) {
		report_failure(d, a, &p->reply);
	} else {
		d->reached_status = DOCTOR_OK;
		msg_get_number(&p->reply, "http_status", 0, 999, &status);
		doctor_report(d, DOCTOR_OK,
		    "%s answers over the network (HTTP %d to an empty "
		    "question, which is fine)",
		    msg_get(&p->reply, "host"), (int)status);
		report_clock(d, &p->reply);
	}
	program_free(p);
}
