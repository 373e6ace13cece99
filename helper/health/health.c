/* SPDX-License-Identifier: MIT */
/* health - what is wrong with an account, or soon will be */
#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/util.h"
#include "helper/health/health.h"

#define HOUR INT64_C(3600)
#define DAY (24 * HOUR)
#define NAME_MAX_SHOWN 200 /* bytes of an account's name in a remedy */

static const char *const names[] = {
    [HEALTH_LOGIN_REQUIRED] = "login_required",
    [HEALTH_CONFIG] = "config",
    [HEALTH_NO_TOKEN] = "no_token",
    [HEALTH_BACKOFF] = "backoff",
    [HEALTH_REJECTED] = "rejected",
    [HEALTH_UNSAVED] = "unsaved",
    [HEALTH_GRANT_EXPIRES] = "grant_expires",
    [HEALTH_CLIENT_SECRET_EXPIRES] = "client_secret_expires",
    [HEALTH_CERTIFICATE_EXPIRES] = "certificate_expires",
};

/* An examination under way. */
struct exam {
	const struct msg *m;
	int64_t now;
	struct health_limits limits;
	struct health_problem *found;
	size_t count;
};

const char *
health_name(enum health_what what)
{
	return names[what];
}

const char *
health_severity_name(enum health_severity severity)
{
	static const char *const words[] = {"ok", "warning", "critical"};

	return words[severity];
}

/* A number of the message, or 0. */
static int64_t
number(const struct msg *m, const char *name)
{
	int64_t n = 0;

	msg_get_number(m, name, 0, INT64_MAX / 2, &n);
	return n;
}

static const char *
account(const struct exam *e)
{
	const char *name = msg_get(e->m, "account");

	return name ? name : "";
}

/* What the helper says is wrong, without "; run ..." if that is the remedy. */
static void
put_reason(const struct exam *e, struct health_problem *p, const char *none)
{
	const char *error = msg_get(e->m, "last_error");
	size_t len, end;

	snprintf(p->text, sizeof(p->text), "%s", error ? error : none);
	len = strlen(p->text);
	end = strlen(p->remedy);
	if (len > end + 2 && strcmp(p->text + len - end, p->remedy) == 0 &&
	    memcmp(p->text + len - end - 2, "; ", 2) == 0)
		p->text[len - end - 2] = '\0';
}

/* One more problem; its remedy is a format for the account's name. */
__attribute__((format(printf, 4, 5))) static struct health_problem *
add(struct exam *e, enum health_what what, enum health_severity severity,
    const char *remedy, ...)
{
	struct health_problem *p = &e->found[e->count++];
	va_list ap;

	memset(p, 0, sizeof(*p));
	p->what = what;
	p->severity = severity;
	va_start(ap, remedy);
	vsnprintf(p->remedy, sizeof(p->remedy), remedy, ap);
	va_end(ap);
	return p;
}

/* "12 days", "5 h" or "3 min". */
static void
span_format(int64_t seconds, char *buf, size_t size)
{
	int64_t unit = seconds >= 2 * DAY ? DAY
	    : seconds >= 2 * HOUR	  ? HOUR
					  : 60;
	const char *name = unit == DAY ? "days" : unit == HOUR ? "h" : "min";

	snprintf(buf, size, "%" PRId64 " %s", seconds / unit, name);
}

static void
date_format(int64_t at, char *buf, size_t size)
{
	time_t t = (time_t)at;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(buf, size, "%Y-%m-%d", &tm) == 0)
		snprintf(buf, size, "%" PRId64, at);
}

/* The provider fails. While a token lasts that may go on for a moment. */
static void
check_backoff(struct exam *e)
{
	int64_t since = number(e->m, "error_since");
	int64_t left = number(e->m, "expires_at") - e->now;
	struct health_problem *p;

	if (left > 0 && since > e->now - HEALTH_GRACE_S)
		return;
	p = add(e, left > 0 ? HEALTH_BACKOFF : HEALTH_NO_TOKEN,
	    left > 0 ? HEALTH_WARNING : HEALTH_CRITICAL,
	    "run \"sasl-bearer doctor %.*s\"", NAME_MAX_SHOWN, account(e));
	p->at = since;
	put_reason(e, p, "the provider gives no token");
}

/* What the state of the account says. */
static void
check_state(struct exam *e)
{
	const char *state = msg_get(e->m, "state");
	struct health_problem *p = NULL;

	if (!state)
		return;
	if (strcmp(state, "login_required") == 0) {
		p = add(e, HEALTH_LOGIN_REQUIRED, HEALTH_CRITICAL,
		    "run \"sasl-bearer login %.*s\"", NAME_MAX_SHOWN,
		    account(e));
		put_reason(e, p, "nobody is signed in");
	} else if (strcmp(state, "config") == 0) {
		p = add(e, HEALTH_CONFIG, HEALTH_CRITICAL,
		    "mend that, then reload sasl-bearerd; \"sasl-bearerd "
		    "--check\" finds mistakes in files");
		put_reason(e, p, "the configuration is wrong");
	} else if (strcmp(state, "backoff") == 0) {
		check_backoff(e);
	}
	if (p)
		p->at = number(e->m, "error_since");
}

static void
check_rejected(struct exam *e)
{
	struct health_problem *p;

	if (number(e->m, "rejected") == 0)
		return;
	p = add(e, HEALTH_REJECTED, HEALTH_CRITICAL,
	    "run \"sasl-bearer doctor %.*s\"", NAME_MAX_SHOWN, account(e));
	put_reason(e, p, "the mail server rejects fresh tokens too");
}

static void
check_unsaved(struct exam *e)
{
	const char *unsaved = msg_get(e->m, "unsaved");
	struct health_problem *p;

	if (!unsaved || strcmp(unsaved, "yes") != 0)
		return;
	p = add(e, HEALTH_UNSAVED, HEALTH_CRITICAL,
	    "make room on the disk, or mend the state directory, before "
	    "sasl-bearerd is stopped");
	snprintf(p->text, sizeof(p->text),
	    "the disk refuses the tokens: they are in memory only, and a "
	    "sign-in may be lost with it; the log says why");
}

/* How bad it is that something ends at a time. */
static enum health_severity
judge(int64_t left, int64_t warning, int64_t critical)
{
	return left <= critical ? HEALTH_CRITICAL
	    : left <= warning	? HEALTH_WARNING
				: HEALTH_OK;
}

/* "WHAT expires in 12 days (2026-12-24)" */
static void
put_expiry(const struct exam *e, struct health_problem *p, const char *what,
    int64_t at)
{
	char span[32], date[32];

	p->at = at;
	span_format(
	    at > e->now ? at - e->now : e->now - at, span, sizeof(span));
	date_format(at, date, sizeof(date));
	snprintf(p->text, sizeof(p->text),
	    at > e->now ? "%s expires in %s (%s)" : "%s expired %s ago (%s)",
	    what, span, date);
}

/*
 * A sign-in that is not renewed in time dies. Of one that never lives long the
 * limits are a part of its life, since it is renewed in the course of it.
 */
static void
check_grant(struct exam *e)
{
	int64_t at = number(e->m, "grant_expires_at");
	int64_t age = number(e->m, "refresh_token_age"), life;
	int64_t warning = e->limits.warning_s, critical = e->limits.critical_s;
	enum health_severity severity;
	const char *state = msg_get(e->m, "state");
	struct health_problem *p;
	char span[32];
	size_t len;

	if (at == 0 || (state && strcmp(state, "login_required") == 0))
		return;
	life = at - e->now + age;
	warning = warning < life / 4 ? warning : life / 4;
	critical = critical < life / 8 ? critical : life / 8;
	severity = judge(at - e->now, warning, critical);
	if (severity == HEALTH_OK)
		return;
	p = add(e, HEALTH_GRANT_EXPIRES, severity,
	    "run \"sasl-bearer login %.*s\"", NAME_MAX_SHOWN, account(e));
	put_expiry(e, p, "the sign-in", at);
	span_format(age, span, sizeof(span));
	len = strlen(p->text);
	snprintf(p->text + len, sizeof(p->text) - len,
	    ": the provider has not renewed it for %s", span);
}

static void
check_client(struct exam *e)
{
	int64_t secret = number(e->m, "client_secret_expires_at");
	int64_t certificate = number(e->m, "certificate_expires_at");
	enum health_severity severity;

	severity =
	    judge(secret - e->now, e->limits.warning_s, e->limits.critical_s);
	if (secret && severity != HEALTH_OK)
		put_expiry(e,
		    add(e, HEALTH_CLIENT_SECRET_EXPIRES, severity,
			"make a new secret at the provider, put it in the "
			"place of the old one, and its date into "
			"client_secret_expires"),
		    "the secret of the application", secret);
	severity = judge(
	    certificate - e->now, e->limits.warning_s, e->limits.critical_s);
	if (certificate && severity != HEALTH_OK)
		put_expiry(e,
		    add(e, HEALTH_CERTIFICATE_EXPIRES, severity,
			"give the provider a new certificate, then put it in "
			"the place of the old one"),
		    "the certificate of the application", certificate);
}

size_t
health_check(const struct msg *m, int64_t now,
    const struct health_limits *limits, struct health_problem ret[HEALTH_MAX])
{
	static const struct health_limits usual = {
	    HEALTH_WARNING_S, HEALTH_CRITICAL_S};
	struct exam e = {.m = m,
	    .now = now,
	    .limits = limits ? *limits : usual,
	    .found = ret};

	check_state(&e);
	check_rejected(&e);
	check_unsaved(&e);
	check_grant(&e);
	check_client(&e);
	return e.count;
}

int64_t
health_next_expiry(const struct msg *m)
{
	static const char *const what[] = {"certificate_expires_at",
	    "client_secret_expires_at", "grant_expires_at"};
	int64_t at, next = 0;
	size_t i;

	for (i = 0; i < COUNT_OF(what); i++) {
		at = number(m, what[i]);
		if (at && (next == 0 || at < next))
			next = at;
	}
	return next;
}
