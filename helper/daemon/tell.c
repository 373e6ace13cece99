/* SPDX-License-Identifier: MIT */
/* tell - run notify_command when an account needs somebody */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "helper/daemon/daemon.h"
#include "helper/daemon/describe.h"
#include "helper/daemon/log.h"
#include "helper/daemon/spawn.h"
#include "helper/daemon/tell.h"

static struct alert_times
times_of(const struct account *a)
{
	const struct settings *s = &a->daemon->settings;

	return (struct alert_times){
	    s->notify_delay_s * 1000, s->notify_repeat_s * 1000};
}

/* What is told, of which health_name() is the name. */
static const char *
what_is_told(const struct account *a)
{
	return a->telling_what == ALERT_RECOVERED ? "which is over"
						  : "a problem";
}

static void
not_told(struct account *a, const char *why, const char *errors)
{
	const struct alert_times times = times_of(a);

	account_log(a, LEVEL_WARNING, "not_told",
	    "notify_command %s%s%s; nobody was told of %s, %s", why,
	    *errors ? ": " : "", errors, health_name(a->telling),
	    what_is_told(a));
	alert_failed(&a->alerts[a->telling], &times, daemon_now_ms());
}

/* The command has ended, or was killed. */
static void
on_told(void *context, struct child_result *r)
{
	struct account *a = context;
	char status[40];

	snprintf(status, sizeof(status), "ended with status %d", r->exit);
	if (r->why || r->exit != 0)
		not_told(a, r->why ? r->why : status, r->errors);
	else
		account_log(a, LEVEL_INFO, "told",
		    "notify_command was told of %s, %s",
		    health_name(a->telling), what_is_told(a));
	a->telling = HEALTH_KINDS;
	a->daemon->tellings--;
	account_release(a);
}

/* What the command reads, see sasl-bearer-protocol(7). No secret is in it. */
static int
make_message(const struct account *a, const struct health_problem *p,
    struct msg_writer *w, char *buf, size_t size)
{
	msg_begin(w, buf, size);
	msg_put(w, "event",
	    a->telling_what == ALERT_RECOVERED ? "recovered" : "problem");
	msg_put(w, "problem", health_name(a->telling));
	msg_put(w, "account", a->name);
	msg_put(w, "user", a->conf->user);
	if (p) {
		msg_put(w, "severity", health_severity_name(p->severity));
		msg_put(w, "reason", p->text);
		msg_put(w, "remedy", p->remedy);
		if (p->at)
			msg_put_number(w, "at", p->at);
	}
	return msg_end(w);
}

/* Tell one thing; p is NULL when it is over. */
static void
run(struct account *a, enum health_what what, enum alert_event event,
    const struct health_problem *p)
{
	const struct alert_times times = times_of(a);
	struct msg_writer w;
	char buf[4096];
	const struct child_call call = {.program = SPAWN_NOTIFY,
	    .w = &w,
	    .fd = {-1, -1},
	    .timeout_ms = TELL_TIMEOUT_MS};

	a->telling = what;
	a->telling_what = event;
	alert_told(&a->alerts[what], p ? p->severity : HEALTH_OK, &times,
	    daemon_now_ms());
	if (make_message(a, p, &w, buf, sizeof(buf)) < 0 ||
	    child_start(a->daemon->children, &call, on_told, a) < 0) {
		not_told(a, "cannot be started", "");
		a->telling = HEALTH_KINDS;
		return;
	}
	a->daemon->tellings++;
	account_hold(a);
}

/* A provider that fails while tokens last is nothing to wake people for. */
static int
find_problems(const struct account *a, struct health_problem found[HEALTH_MAX],
    const struct health_problem *ret[HEALTH_KINDS])
{
	char buf[MSG_MAX];
	struct msg_writer w;
	struct msg m;
	size_t i, n;

	if (describe(a, &w, buf) < 0 || msg_parse(&m, buf, w.len) < 0)
		return -1;
	n = health_check(&m, daemon_wall_s(), NULL, found);
	for (i = 0; i < n; i++)
		if (found[i].what != HEALTH_BACKOFF)
			ret[found[i].what] = &found[i];
	return 0;
}

void
tell(struct account *a, void *context)
{
	struct health_problem found[HEALTH_MAX];
	const struct health_problem *p[HEALTH_KINDS] = {NULL};
	const struct alert_times times = times_of(a);
	enum alert_event event;
	int what;

	(void)context;
	if (a->mailbox || a->telling != HEALTH_KINDS ||
	    find_problems(a, found, p) < 0)
		return;
	for (what = 0; what < HEALTH_KINDS; what++) {
		event = alert_next(&a->alerts[what],
		    p[what] ? p[what]->severity : HEALTH_OK, &times,
		    daemon_now_ms());
		if (event != ALERT_NONE && a->telling == HEALTH_KINDS &&
		    a->daemon->tellings < TELL_MAX)
			run(a, (enum health_what)what, event, p[what]);
	}
}
