/* SPDX-License-Identifier: MIT */
/* alert - when a problem is told, told again and taken back: pure */
#include "config.h"

#include "helper/daemon/alert.h"

static enum alert_event
look(struct alert *a, enum health_severity severity,
    const struct alert_times *times, int64_t now_ms)
{
	if (a->told != HEALTH_OK && severity > a->told)
		return ALERT_PROBLEM;
	if ((a->told == HEALTH_OK) == (severity == HEALTH_OK)) {
		a->since_ms = 0;
		return severity != HEALTH_OK && now_ms >= a->due_ms
		    ? ALERT_PROBLEM
		    : ALERT_NONE;
	}
	if (a->since_ms == 0)
		a->since_ms = now_ms;
	if (now_ms - a->since_ms < times->delay_ms)
		return ALERT_NONE;
	return severity == HEALTH_OK ? ALERT_RECOVERED : ALERT_PROBLEM;
}

enum alert_event
alert_next(struct alert *a, enum health_severity severity,
    const struct alert_times *times, int64_t now_ms)
{
	enum alert_event event = look(a, severity, times, now_ms);

	return now_ms < a->retry_ms ? ALERT_NONE : event;
}

void
alert_told(struct alert *a, enum health_severity severity,
    const struct alert_times *times, int64_t now_ms)
{
	a->before = a->told;
	a->told = severity;
	a->since_ms = a->retry_ms = 0;
	a->due_ms = times->repeat_ms ? now_ms + times->repeat_ms : INT64_MAX;
}

void
alert_failed(struct alert *a, const struct alert_times *times, int64_t now_ms)
{
	a->told = a->before;
	a->since_ms = now_ms - times->delay_ms;
	a->due_ms = a->retry_ms = now_ms + ALERT_RETRY_MS;
}
