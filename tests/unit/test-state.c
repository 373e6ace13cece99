/* SPDX-License-Identifier: MIT */
/* test-state - the life of a token: state, event, time -> state, actions */
#include "config.h"

#include "common/util.h"
#include "helper/daemon/state.h"
#include "tests/unit/tap.h"

#define S 1000LL
#define MIN (60 * S)
#define HOUR (60 * MIN)
#define DAY (24 * HOUR)
#define T0 (100 * DAY) /* "now" in every row */

enum {
	F = ACTION_FETCH,
	A = ACTION_ANSWER,
	W = ACTION_WAIT,
	R = ACTION_REFUSE
};

/*
 * Rows begin with a token of an hour, min_validity 5 min, that is to be
 * refreshed at 48 min; left is how long it still lives.
 */
static const struct row {
	const char *what;
	enum state from;
	int64_t left;  /* 0: no token */
	int64_t retry; /* until the next attempt is due */
	enum life_event event;
	struct life_info info;
	unsigned actions;
	enum state to;
	int flags;
} rows[] = {
#define FETCHING 1
#define NO_GRANT 2
#define USED 4
    {"fresh: answered", STATE_FRESH, 50 * MIN, 0, EVENT_ASK, {0}, A,
	STATE_FRESH, 0},
    {"aging: answered, and refreshed meanwhile", STATE_FRESH, 11 * MIN, 0,
	EVENT_ASK, {0}, A | F, STATE_AGING, 0},
    {"aging: only one fetch", STATE_AGING, 11 * MIN, 0, EVENT_ASK, {0}, A,
	STATE_AGING, FETCHING},
    {"below min_validity: wait", STATE_AGING, 4 * MIN, 0, EVENT_ASK, {0}, W | F,
	STATE_STALE, 0},
    {"expired: wait", STATE_FRESH, -MIN, 0, EVENT_ASK, {0}, W | F, STATE_STALE,
	0},
    {"no token: wait", STATE_STALE, 0, 0, EVENT_ASK, {0}, W | F, STATE_STALE,
	0},
    {"the second asker joins the fetch", STATE_STALE, 0, 0, EVENT_ASK, {0}, W,
	STATE_STALE, FETCHING},
    {"nobody has signed in: refused", STATE_LOGIN_REQUIRED, 0, 0, EVENT_ASK,
	{0}, R, STATE_LOGIN_REQUIRED, NO_GRANT},
    {"an asker wants more validity", STATE_FRESH, 20 * MIN, 0, EVENT_ASK,
	{.min_validity_ms = 25 * MIN}, W | F, STATE_STALE, 0},
    {"R7: more than half the lifetime is not asked for", STATE_FRESH, 31 * MIN,
	0, EVENT_ASK, {.min_validity_ms = 50 * MIN}, A, STATE_FRESH, 0},
    {"an asker is content with little", STATE_AGING, 2 * MIN, 0, EVENT_ASK,
	{.min_validity_ms = MIN}, A | F, STATE_STALE, 0},
    {"but not with less than 30 s", STATE_AGING, 20 * S, 0, EVENT_ASK,
	{.min_validity_ms = S}, W | F, STATE_STALE, 0},

    {"backoff: refused at once", STATE_BACKOFF, 0, MIN, EVENT_ASK, {0}, R,
	STATE_BACKOFF, 0},
    {"backoff: a valid token is served", STATE_BACKOFF, 40 * S, MIN, EVENT_ASK,
	{0}, A, STATE_BACKOFF, 0},
    {"backoff: not with less than 30 s", STATE_BACKOFF, 29 * S, MIN, EVENT_ASK,
	{0}, R, STATE_BACKOFF, 0},
    {"backoff is over: tried again", STATE_BACKOFF, 0, -S, EVENT_ASK, {0},
	W | F, STATE_BACKOFF, 0},
    {"login_required: a valid token is served", STATE_LOGIN_REQUIRED, MIN, HOUR,
	EVENT_ASK, {0}, A, STATE_LOGIN_REQUIRED, 0},
    {"config: a valid token is served", STATE_CONFIG, MIN, HOUR, EVENT_ASK, {0},
	A, STATE_CONFIG, 0},
    {"login_required: refused", STATE_LOGIN_REQUIRED, 0, HOUR, EVENT_ASK, {0},
	R, STATE_LOGIN_REQUIRED, 0},
    {"login_required is tried again by itself", STATE_LOGIN_REQUIRED, 0, -S,
	EVENT_TIMER, {0}, F, STATE_LOGIN_REQUIRED, 0},
    {"config is tried again by itself", STATE_CONFIG, 0, -S, EVENT_TIMER, {0},
	F, STATE_CONFIG, 0},
    {"but not before its time", STATE_CONFIG, 0, S, EVENT_TIMER, {0}, 0,
	STATE_CONFIG, 0},

    {"mended: tried at once", STATE_LOGIN_REQUIRED, 0, HOUR, EVENT_MENDED, {0},
	F, STATE_STALE, 0},
    {"mended: tried at once after config", STATE_CONFIG, 20 * MIN, HOUR,
	EVENT_MENDED, {0}, F, STATE_FRESH, 0},
    {"mended: without a grant nothing is", STATE_LOGIN_REQUIRED, 0, HOUR,
	EVENT_MENDED, {0}, 0, STATE_LOGIN_REQUIRED, NO_GRANT},

    {"used account: refreshed ahead of time", STATE_FRESH, 11 * MIN, 0,
	EVENT_TIMER, {0}, F, STATE_AGING, USED},
    {"unused account: not refreshed", STATE_FRESH, 11 * MIN, 0, EVENT_TIMER,
	{0}, 0, STATE_AGING, 0},
    {"used account: not before its time", STATE_FRESH, 20 * MIN, 0, EVENT_TIMER,
	{0}, 0, STATE_FRESH, USED},

    {"W3: a rejected token is replaced", STATE_FRESH, 50 * MIN, 0, EVENT_REJECT,
	{0}, F, STATE_FRESH, 0},
    {"not while the provider fails", STATE_BACKOFF, 50 * MIN, MIN, EVENT_REJECT,
	{0}, 0, STATE_BACKOFF, 0},
    {"not twice at a time", STATE_FRESH, 50 * MIN, 0, EVENT_REJECT, {0}, 0,
	STATE_FRESH, FETCHING},
};

static struct life
make_life(const struct row *r)
{
	struct life l = {
	    .state = r->from,
	    .can_fetch = !(r->flags & NO_GRANT),
	    .fetching = !!(r->flags & FETCHING),
	    .min_validity_ms = 5 * MIN,
	    .used_ms = r->flags & USED ? T0 - HOUR : 0,
	    .retry_ms = r->retry ? T0 + r->retry : 0,
	};

	if (r->left) {
		l.expires_ms = T0 + r->left;
		l.obtained_ms = l.expires_ms - HOUR;
		l.refresh_ms = l.obtained_ms + 48 * MIN;
	}
	return l;
}

static void
test_rows(void)
{
	struct life l;
	unsigned actions;
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		l = make_life(&rows[i]);
		actions = state_event(&l, rows[i].event, &rows[i].info, T0);
		tap_ok(actions == rows[i].actions && l.state == rows[i].to,
		    "%s: %s, %u", rows[i].what, state_name(l.state), actions);
	}
}

/* The delays of failures in a row. */
static void
test_delays(void)
{
	static const int64_t temporary[] = {
	    5 * S, 10 * S, 20 * S, 40 * S, 80 * S, 160 * S, 300 * S, 300 * S};
	static const int64_t slow[] = {
	    15 * MIN, 30 * MIN, HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR, 6 * HOUR};
	struct life l = {.can_fetch = 1};
	struct life_info info = {.retry_after_ms = 0};
	size_t i;

	for (i = 0; i < COUNT_OF(temporary); i++) {
		state_event(&l, EVENT_TEMPORARY, &info, T0);
		tap_ok(
		    l.retry_ms - T0 == temporary[i] && l.state == STATE_BACKOFF,
		    "backoff %zu: %lld s", i, (long long)(l.retry_ms - T0) / S);
	}
	for (i = 0; i < COUNT_OF(slow); i++) {
		state_event(&l, EVENT_LOGIN_REQUIRED, &info, T0);
		tap_ok(l.retry_ms - T0 == slow[i], "login_required %zu", i);
	}
	state_event(&l, EVENT_MENDED, &info, T0);
	tap_ok(l.failures == 0, "mended: counted anew");
	info.retry_after_ms = 20 * MIN;
	state_event(&l, EVENT_TEMPORARY, &info, T0);
	tap_ok(l.retry_ms == T0 + 20 * MIN, "R8: Retry-After is obeyed");
	info.retry_after_ms = 1;
	state_event(&l, EVENT_TEMPORARY, &info, T0);
	tap_ok(l.retry_ms == T0 + 10 * S, "but not to be faster");
	info.jitter = 50;
	state_event(&l, EVENT_TEMPORARY, &info, T0);
	tap_ok(l.retry_ms == T0 + 21 * S, "5 %% jitter");
}

static void
test_token(void)
{
	struct life l = {
	    .can_fetch = 1, .min_validity_ms = 5 * MIN, .fetching = 1};
	struct life_info info = {.lifetime_ms = HOUR};

	state_event(&l, EVENT_TOKEN, &info, T0);
	tap_ok(!l.fetching && l.state == STATE_FRESH &&
		l.refresh_ms == T0 + 48 * MIN,
	    "refresh at 80 %% of the lifetime");
	info.refresh_in_ms = 10 * MIN;
	state_event(&l, EVENT_TOKEN, &info, T0);
	tap_ok(l.refresh_ms == T0 + 10 * MIN, "or when the provider advises");
	info.refresh_in_ms = S;
	state_event(&l, EVENT_TOKEN, &info, T0);
	tap_ok(l.refresh_ms == T0 + MIN, "but not each second");
	info.refresh_in_ms = 0;
	info.jitter = -50;
	state_event(&l, EVENT_TOKEN, &info, T0);
	tap_ok(l.refresh_ms == T0 + 48 * MIN - 48 * MIN / 20, "5 %% jitter");
	info.jitter = 0;
	l.min_validity_ms = 20 * MIN;
	state_event(&l, EVENT_TOKEN, &info, T0);
	tap_ok(l.refresh_ms == T0 + 39 * MIN,
	    "a large min_validity: before askers would have to wait");
	l.min_validity_ms = 5 * HOUR;
	state_event(&l, EVENT_TOKEN, &info, T0);
	tap_ok(l.refresh_ms == T0 + 29 * MIN && l.state == STATE_FRESH,
	    "R7: min_validity above the lifetime is clamped");
	info.lifetime_ms = 20 * S;
	state_event(&l, EVENT_TOKEN, &info, T0);
	tap_ok(state_event(&l, EVENT_ASK, &info, T0) == A,
	    "a token of 20 s is of use");
	info.lifetime_ms = 0;
	state_event(&l, EVENT_TOKEN, &info, T0);
	tap_ok(state_event(&l, EVENT_ASK, &info, T0 + S) == (W | F),
	    "a token of no time at all is not");
}

/* One refusal is of a token; more are of something else, for a while. */
static void
test_rejected(void)
{
	struct life l = {.can_fetch = 1, .min_validity_ms = 5 * MIN};
	struct life_info info = {.lifetime_ms = HOUR};

	state_event(&l, EVENT_TOKEN, &info, T0);
	state_event(&l, EVENT_REJECT, &info, T0);
	tap_ok(!state_rejected(&l, T0), "a token is refused");
	state_event(&l, EVENT_TOKEN, &info, T0 + S);
	state_event(&l, EVENT_REJECT, &info, T0 + MIN);
	tap_ok(state_rejected(&l, T0 + MIN), "the one after it as well");
	tap_ok(state_rejected(&l, T0 + 62 * MIN) &&
		!state_rejected(&l, T0 + 63 * MIN),
	    "not for ever");
}

static void
test_timer(void)
{
	struct life l = {.can_fetch = 1,
	    .keeps_alive = 1,
	    .keepalive_ms = 7 * DAY,
	    .min_validity_ms = 5 * MIN};
	struct life idle;
	struct life_info info = {.lifetime_ms = HOUR};
	int64_t now, next;
	unsigned fetches = 0;

	state_event(&l, EVENT_TOKEN, &info, T0);
	tap_ok(state_next(&l) == T0 + 7 * DAY,
	    "L8: an unused account is kept alive");
	tap_ok(state_event(&l, EVENT_TIMER, &info, T0 + 7 * DAY) == F,
	    "L8: by a refresh");
	tap_ok(state_next(&l) == INT64_MAX, "no timer during a fetch");
	state_event(&l, EVENT_TOKEN, &info, T0);
	state_event(&l, EVENT_ASK, &info, T0 + MIN);
	tap_ok(state_next(&l) == T0 + 48 * MIN, "a used one at its time");
	tap_ok(state_shown(&l, T0 + 50 * MIN) == STATE_AGING &&
		state_shown(&l, T0 + 2 * HOUR) == STATE_STALE,
	    "D9: what is shown goes with the time");
	info.lifetime_ms = S;
	state_event(&l, EVENT_TOKEN, &info, T0);
	tap_ok(state_next(&l) == T0 + 7 * DAY,
	    "a token of a second is not refreshed each second for ever");
	info.lifetime_ms = HOUR;
	state_event(&l, EVENT_TOKEN, &info, T0);
	idle = l;
	idle.used_ms = 0;
	for (now = T0; now < T0 + 90 * DAY; fetches++) {
		next = state_next(&idle);
		if (next <= now || next > now + 7 * DAY)
			break;
		now = next;
		if (state_event(&idle, EVENT_TIMER, &info, now) != F)
			break;
		state_event(&idle, EVENT_TOKEN, &info, now);
	}
	tap_ok(fetches == 13, "L8: 90 idle days: %u refreshes", fetches);
	l.keeps_alive = 0;
	l.used_ms = 0;
	tap_ok(state_next(&l) == INT64_MAX,
	    "client credentials nobody uses cost nothing");
}

/* New tokens that are rejected as well: it is not the token. */
static void
test_rejects(void)
{
	struct life l = {.can_fetch = 1, .min_validity_ms = 5 * MIN};
	struct life_info info = {.lifetime_ms = HOUR};
	int64_t now = T0, spent = 0;
	unsigned fetches = 0;

	state_event(&l, EVENT_TOKEN, &info, now);
	for (; now < T0 + 10 * HOUR; now += S)
		if (state_event(&l, EVENT_REJECT, &info, now) & F) {
			state_event(&l, EVENT_TOKEN, &info, now);
			fetches++;
			spent = now - T0;
		}
	tap_ok(fetches >= 13 && fetches <= 17 && spent > 9 * HOUR,
	    "rejected for 10 hours: %u fetches", fetches);
	tap_ok(state_event(&l, EVENT_REJECT, &info, now + 3 * HOUR) == F &&
		l.rejects == 1,
	    "after a while without, counted anew");
}

/* Whatever happens, a due timer leads somewhere: no loop of timers. */
static void
test_no_storm(void)
{
	unsigned seed = 20261120, i, stuck = 0;
	struct life l = {.can_fetch = 1,
	    .keeps_alive = 1,
	    .keepalive_ms = 7 * DAY,
	    .min_validity_ms = 5 * MIN};
	struct life_info info = {.lifetime_ms = HOUR};
	int64_t now = T0, next;

	printf("# seed %u\n", seed);
	for (i = 0; i < 200000; i++) {
		seed = seed * 1103515245 + 12345;
		now += (seed >> 8) % (3 * HOUR);
		info.lifetime_ms = (seed >> 4) % (2 * HOUR);
		info.min_validity_ms = (seed >> 6) % (2 * HOUR);
		state_event(
		    &l, (enum life_event)((seed >> 16) % 8), &info, now);
		next = state_next(&l);
		if (next <= now) {
			state_event(&l, EVENT_TIMER, &info, now);
			if (state_next(&l) <= now)
				stuck++;
		}
	}
	tap_ok(stuck == 0, "200,000 random events: no timer storm (%u)", stuck);
}

int
main(void)
{
	test_rows();
	test_delays();
	test_token();
	test_timer();
	test_rejected();
	test_rejects();
	test_no_storm();
	return tap_done();
}
