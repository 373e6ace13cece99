/* SPDX-License-Identifier: MIT */
/* state - the life of an account's token, as a pure function */
#include "config.h"

#include <stddef.h>

#include "helper/daemon/state.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

#define BACKOFF_MIN (5 * SECOND)
#define BACKOFF_MAX (300 * SECOND)
#define SLOW_MIN (15 * MINUTE)
#define SLOW_MAX (6 * HOUR)
#define REJECT_MIN MINUTE
#define REJECT_MAX HOUR
#define AHEAD_MIN (4 * SECOND) /* between two refreshes ahead of time */
#define ADVISED_MIN MINUTE     /* of a provider's advice when to refresh */
#define IN_USE DAY	  /* asked for within this: refreshed ahead of time */
#define HEAD_START MINUTE /* of a refresh before askers would have to wait */

static int64_t
min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* first, doubled with each failure after the first, at most limit. */
static int64_t
doubled(int64_t first, int64_t limit, unsigned failures)
{
	while (failures-- > 1 && first < limit)
		first *= 2;
	return min64(first, limit);
}

static int64_t
with_jitter(int64_t delay, int jitter)
{
	return delay + delay / 1000 * jitter;
}

static int64_t
lifetime(const struct life *l)
{
	return l->expires_ms ? l->expires_ms - l->obtained_ms : 0;
}

/*
 * How long a token must still live to be given out without a fetch. Never more
 * than half of what the provider grants, so that a new token always satisfies
 * and there is one request per expiry.
 */
static int64_t
wanted_validity(const struct life *l, int64_t asked)
{
	int64_t wanted = asked ? asked : l->min_validity_ms;

	return min64(max64(wanted, STATE_FLOOR_MS), lifetime(l) / 2);
}

static int
is_valid_for(const struct life *l, int64_t validity, int64_t now)
{
	return l->expires_ms && l->expires_ms - now >= max64(validity, 1);
}

int
state_servable(const struct life *l, int64_t now_ms)
{
	return is_valid_for(l, wanted_validity(l, STATE_FLOOR_MS), now_ms);
}

static int
is_failed(const struct life *l)
{
	return l->state == STATE_BACKOFF || l->state == STATE_LOGIN_REQUIRED ||
	    l->state == STATE_CONFIG;
}

/*
 * When to refresh ahead of time; never for an account nobody asks for, nor a
 * token that lives for moments only: that would never end.
 */
static int64_t
refresh_due(const struct life *l)
{
	return l->expires_ms && l->used_ms &&
		l->refresh_ms - l->used_ms < IN_USE &&
		l->refresh_ms - l->obtained_ms >= AHEAD_MIN
	    ? l->refresh_ms
	    : INT64_MAX;
}

/* When an unused grant must be used so that it does not die; or never. */
static int64_t
keepalive_due(const struct life *l)
{
	return l->keeps_alive && l->keepalive_ms
	    ? l->obtained_ms + l->keepalive_ms
	    : INT64_MAX;
}

static unsigned
start_fetch(struct life *l)
{
	if (l->fetching || !l->can_fetch)
		return 0;
	l->fetching = 1;
	return ACTION_FETCH;
}

/* The state of an account that has not failed. */
static enum state
healthy_state(const struct life *l, int64_t now)
{
	if (!is_valid_for(l, wanted_validity(l, 0), now))
		return STATE_STALE;
	return now >= l->refresh_ms ? STATE_AGING : STATE_FRESH;
}

enum state
state_shown(const struct life *l, int64_t now_ms)
{
	return is_failed(l) ? l->state : healthy_state(l, now_ms);
}

static unsigned
on_ask(struct life *l, const struct life_info *info, int64_t now)
{
	int64_t wanted = wanted_validity(l, info->min_validity_ms);

	l->used_ms = now;
	if (is_failed(l) && now < l->retry_ms && !l->fetching)
		return state_servable(l, now) ? ACTION_ANSWER : ACTION_REFUSE;
	if (is_valid_for(l, wanted, now)) {
		if (!is_failed(l))
			l->state = healthy_state(l, now);
		return ACTION_ANSWER |
		    (now >= l->refresh_ms ? start_fetch(l) : 0);
	}
	if (!l->can_fetch && !l->fetching)
		return state_servable(l, now) ? ACTION_ANSWER : ACTION_REFUSE;
	if (!is_failed(l))
		l->state = STATE_STALE;
	return ACTION_WAIT | start_fetch(l);
}

static unsigned
on_timer(struct life *l, int64_t now)
{
	if (!is_failed(l))
		l->state = healthy_state(l, now);
	return now >= state_next(l) ? start_fetch(l) : 0;
}

static void
on_token(struct life *l, const struct life_info *info, int64_t now)
{
	int64_t delay, latest;

	l->fetching = 0;
	l->failures = 0;
	l->retry_ms = 0;
	l->obtained_ms = now;
	l->expires_ms = now + max64(info->lifetime_ms, 1);
	delay = info->refresh_in_ms > 0
	    ? max64(info->refresh_in_ms, ADVISED_MIN)
	    : info->lifetime_ms / 5 * 4;
	/* with a large min_validity askers would wait earlier than that */
	latest = info->lifetime_ms - wanted_validity(l, 0);
	latest -= min64(HEAD_START, latest / 5);
	delay = min64(delay, latest);
	l->refresh_ms = now + with_jitter(delay, info->jitter);
	l->state = healthy_state(l, now);
}

static void
on_failure(struct life *l, enum life_event e, const struct life_info *info,
    int64_t now)
{
	int64_t delay;

	l->fetching = 0;
	l->failures++;
	if (e == EVENT_TEMPORARY) {
		l->state = STATE_BACKOFF;
		delay = doubled(BACKOFF_MIN, BACKOFF_MAX, l->failures);
	} else {
		/* a failure of another kind before this one does not count */
		if (l->state == STATE_BACKOFF)
			l->failures = 1;
		l->state =
		    e == EVENT_CONFIG ? STATE_CONFIG : STATE_LOGIN_REQUIRED;
		delay = doubled(SLOW_MIN, SLOW_MAX, l->failures);
	}
	delay = with_jitter(delay, info->jitter);
	l->retry_ms = now + max64(delay, info->retry_after_ms);
}

/*
 * A refused token is replaced, but not more often than helps: when new tokens
 * are refused as well the token is not what is wrong.
 */
static unsigned
on_reject(struct life *l, int64_t now)
{
	unsigned action;

	if (now < l->reject_ms || (is_failed(l) && now < l->retry_ms))
		return 0;
	if (now >= l->reject_ms + REJECT_MAX)
		l->rejects = 0;
	action = start_fetch(l);
	if (action) {
		l->rejects++;
		l->reject_ms =
		    now + doubled(REJECT_MIN, REJECT_MAX, l->rejects);
	}
	return action;
}

int
state_rejected(const struct life *l, int64_t now_ms)
{
	return l->rejects > 1 && now_ms < l->reject_ms + REJECT_MAX;
}

static unsigned
on_mended(struct life *l, int64_t now)
{
	if (!l->can_fetch)
		return 0;
	l->failures = 0;
	l->retry_ms = 0;
	l->state = healthy_state(l, now);
	return start_fetch(l);
}

unsigned
state_event(struct life *l, enum life_event e, const struct life_info *info,
    int64_t now_ms)
{
	switch (e) {
	case EVENT_ASK:
		return on_ask(l, info, now_ms);
	case EVENT_TIMER:
		return on_timer(l, now_ms);
	case EVENT_TOKEN:
		on_token(l, info, now_ms);
		return 0;
	case EVENT_TEMPORARY:
	case EVENT_LOGIN_REQUIRED:
	case EVENT_CONFIG:
		on_failure(l, e, info, now_ms);
		return 0;
	case EVENT_REJECT:
		return on_reject(l, now_ms);
	case EVENT_MENDED:
		return on_mended(l, now_ms);
	}
	return 0;
}

int64_t
state_next(const struct life *l)
{
	if (l->fetching || !l->can_fetch)
		return INT64_MAX;
	if (is_failed(l))
		return l->retry_ms;
	return min64(refresh_due(l), keepalive_due(l));
}

const char *
state_name(enum state s)
{
	static const char *const names[] = {
	    [STATE_FRESH] = "fresh",
	    [STATE_AGING] = "aging",
	    [STATE_STALE] = "stale",
	    [STATE_BACKOFF] = "backoff",
	    [STATE_LOGIN_REQUIRED] = "login_required",
	    [STATE_CONFIG] = "config",
	};

	return names[s];
}
