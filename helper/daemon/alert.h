/* SPDX-License-Identifier: MIT */
/* alert.h - when a problem is told, told again and taken back: pure */
#ifndef SASL_BEARER_ALERT_H
#define SASL_BEARER_ALERT_H

#include <stdint.h>

#include "helper/health/health.h"

#define ALERT_RETRY_MS 600000 /* after a telling that failed */

/* What somebody has been told of one kind of problem. Start with { 0 }. */
struct alert {
	enum health_severity told;   /* HEALTH_OK: nobody knows of it */
	enum health_severity before; /* what had been told before that */
	int64_t since_ms; /* it differs from what was told; 0: it does not */
	int64_t due_ms;	  /* it is told again then */
	int64_t retry_ms; /* not before, since nobody has heard it; 0: it was */
};

struct alert_times {
	int64_t delay_ms;  /* what comes and goes within it is not told */
	int64_t repeat_ms; /* what stays is told again after it; 0: never */
};

enum alert_event { ALERT_NONE, ALERT_PROBLEM, ALERT_RECOVERED };

/*
 * Look at a problem again.
 *
 *	severity	of what there is now; HEALTH_OK: nothing
 *	now_ms		of a clock that goes on; above 0
 *
 * Returns what is to be told now. That it has been, or could not be, is said by
 * alert_told() and alert_failed(); until then it is returned again.
 */
enum alert_event alert_next(struct alert *a, enum health_severity severity,
    const struct alert_times *times, int64_t now_ms);

/* It is being told. */
void alert_told(struct alert *a, enum health_severity severity,
    const struct alert_times *times, int64_t now_ms);

/* Nobody has heard it: it is told again soon, if it is still so. */
void
alert_failed(struct alert *a, const struct alert_times *times, int64_t now_ms);

#endif
