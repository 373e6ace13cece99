/* SPDX-License-Identifier: MIT */
/* test-alert - when a problem is told, told again and taken back */
#include "config.h"

#include "common/util.h"
#include "helper/daemon/alert.h"
#include "tests/unit/tap.h"

#define S INT64_C(1000)
#define DELAY (120 * S)
#define DAY (86400 * S)
#define RETRY ALERT_RETRY_MS
#define OK HEALTH_OK
#define WARN HEALTH_WARNING
#define CRIT HEALTH_CRITICAL
#define NONE ALERT_NONE
#define TELL ALERT_PROBLEM
#define OVER ALERT_RECOVERED

/* What is done with an event. */
enum how { TOLD, FAILS, BUSY };

/* One look after another; what = NULL: a new story of an alert begins. */
static const struct {
	const char *what;
	int64_t at;
	enum health_severity severity;
	enum alert_event event;
	enum how how;
} steps[] = {
    {.what = NULL},
    {"nothing is wrong", S, OK, NONE, TOLD},
    {"nothing is wrong for long", DAY, OK, NONE, TOLD},
    {"a problem begins", 2 * DAY, CRIT, NONE, TOLD},
    {"it lasts, but not long", 2 * DAY + DELAY - 1, CRIT, NONE, TOLD},
    {"it is told", 2 * DAY + DELAY, CRIT, TELL, TOLD},
    {"once", 2 * DAY + DELAY + 5 * S, CRIT, NONE, TOLD},
    {"not before a day", 3 * DAY + DELAY - 1, CRIT, NONE, TOLD},
    {"again after a day", 3 * DAY + DELAY, CRIT, TELL, TOLD},
    {"and not at once again", 3 * DAY + DELAY + S, CRIT, NONE, TOLD},
    {"it is gone", 3 * DAY + 200 * S, OK, NONE, TOLD},
    {"for a while", 3 * DAY + 200 * S + DELAY - 1, OK, NONE, TOLD},
    {"it is taken back", 3 * DAY + 200 * S + DELAY, OK, OVER, TOLD},
    {"once", 3 * DAY + 200 * S + DELAY + S, OK, NONE, TOLD},
    {"and comes back", 4 * DAY, CRIT, NONE, TOLD},
    {"told as the first time", 4 * DAY + DELAY, CRIT, TELL, TOLD},

    {.what = NULL},
    {"flapping: there", DAY, CRIT, NONE, TOLD},
    {"flapping: gone", DAY + 60 * S, OK, NONE, TOLD},
    {"flapping: there", DAY + 110 * S, CRIT, NONE, TOLD},
    {"flapping: gone", DAY + 170 * S, OK, NONE, TOLD},
    {"flapping: there, counted anew", DAY + 180 * S, CRIT, NONE, TOLD},
    {"flapping: it stays", DAY + 299 * S, CRIT, NONE, TOLD},
    {"it is told once", DAY + 300 * S, CRIT, TELL, TOLD},
    {"flapping after that: gone", DAY + 310 * S, OK, NONE, TOLD},
    {"flapping after that: there", DAY + 420 * S, CRIT, NONE, TOLD},
    {"flapping after that: gone", DAY + 430 * S, OK, NONE, TOLD},
    {"flapping after that: nothing is said", DAY + 549 * S, OK, NONE, TOLD},
    {"until it is over", DAY + 550 * S, OK, OVER, TOLD},

    {.what = NULL},
    {"14 days are left", DAY, WARN, NONE, TOLD},
    {"that is told", DAY + DELAY, WARN, TELL, TOLD},
    {"3 days are left: at once", DAY + DELAY + S, CRIT, TELL, TOLD},
    {"and once", DAY + DELAY + 2 * S, CRIT, NONE, TOLD},
    {"it gets better: nothing new", DAY + DELAY + 3 * S, WARN, NONE, TOLD},
    {"and worse again: neither", DAY + DELAY + 4 * S, CRIT, NONE, TOLD},

    {.what = NULL},
    {"a problem", DAY, CRIT, NONE, TOLD},
    {"the command fails", DAY + DELAY, CRIT, TELL, FAILS},
    {"it is not tried at once", DAY + DELAY + RETRY - 1, CRIT, NONE, TOLD},
    {"but soon", DAY + DELAY + RETRY, CRIT, TELL, FAILS},
    {"and again", DAY + DELAY + 2 * RETRY, CRIT, TELL, TOLD},
    {"then it is told", DAY + DELAY + 3 * RETRY, CRIT, NONE, TOLD},
    {"a day later the command fails", 2 * DAY + DELAY + 2 * RETRY, CRIT, TELL,
	FAILS},
    {"that is retried, too", 2 * DAY + DELAY + 3 * RETRY, CRIT, TELL, TOLD},
    {"it is over", 3 * DAY, OK, NONE, TOLD},
    {"but that the command fails to tell", 3 * DAY + DELAY, OK, OVER, FAILS},
    {"which is not tried at once", 3 * DAY + DELAY + RETRY - 1, OK, NONE, TOLD},
    {"but soon", 3 * DAY + DELAY + RETRY, OK, OVER, TOLD},
    {"then that is told", 4 * DAY, OK, NONE, TOLD},

    {.what = NULL},
    {"a warning", DAY, WARN, NONE, TOLD},
    {"is told", DAY + DELAY, WARN, TELL, TOLD},
    {"that it gets worse fails", DAY + DELAY + S, CRIT, TELL, FAILS},
    {"which is not tried at once", DAY + DELAY + 2 * S, CRIT, NONE, TOLD},
    {"but soon", DAY + DELAY + S + RETRY, CRIT, TELL, TOLD},

    {.what = NULL},
    {"a problem", DAY, CRIT, NONE, TOLD},
    {"the command fails", DAY + DELAY, CRIT, TELL, FAILS},
    {"before the next it is over", DAY + DELAY + S, OK, NONE, TOLD},
    {"nobody knew of it, nobody hears that", 2 * DAY, OK, NONE, TOLD},

    {.what = NULL},
    {"a problem", DAY, CRIT, NONE, TOLD},
    {"no room for a command", DAY + DELAY, CRIT, TELL, BUSY},
    {"it is due until there is", DAY + DELAY + 5 * S, CRIT, TELL, BUSY},
    {"and does not last", DAY + DELAY + 10 * S, OK, NONE, TOLD},
    {"so nothing is said of it", 2 * DAY, OK, NONE, TOLD},
};

/* With other times than usual: at once, and never again. */
static void
test_times(void)
{
	static const struct alert_times now = {0, 0};
	struct alert a = {0};

	tap_ok(alert_next(&a, CRIT, &now, S) == TELL, "no delay");
	alert_told(&a, CRIT, &now, S);
	tap_ok(
	    alert_next(&a, CRIT, &now, 10000 * DAY) == NONE, "no repetition");
	alert_told(&a, CRIT, &now, 10000 * DAY);
	alert_failed(&a, &now, 10000 * DAY);
	tap_ok(alert_next(&a, CRIT, &now, 10001 * DAY) == TELL,
	    "but after a failure");
	tap_ok(alert_next(&a, OK, &now, 10001 * DAY) == OVER, "over at once");
}

int
main(void)
{
	static const struct alert_times times = {DELAY, DAY};
	struct alert a = {0};
	enum alert_event event;
	size_t i;

	for (i = 0; i < COUNT_OF(steps); i++) {
		if (!steps[i].what) {
			a = (struct alert){0};
			continue;
		}
		event = alert_next(&a, steps[i].severity, &times, steps[i].at);
		tap_ok(event == steps[i].event, "%s", steps[i].what);
		if (event == ALERT_NONE || steps[i].how == BUSY)
			continue;
		alert_told(&a, steps[i].severity, &times, steps[i].at);
		if (steps[i].how == FAILS)
			alert_failed(&a, &times, steps[i].at);
	}
	test_times();
	return tap_done();
}
