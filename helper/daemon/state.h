/* SPDX-License-Identifier: MIT */
/* state.h - the life of an account's token, as a pure function */
#ifndef SASL_BEARER_STATE_H
#define SASL_BEARER_STATE_H

#include <stdint.h>

/*
 * FRESH: answer. AGING: answer, and refresh meanwhile. STALE: askers wait for
 * one fetch. BACKOFF: the last fetch failed and may work later. LOGIN_REQUIRED
 * and CONFIG: a human must act, but since the cause may be mended elsewhere
 * these retry as well, slowly.
 */
enum state {
	STATE_FRESH,
	STATE_AGING,
	STATE_STALE,
	STATE_BACKOFF,
	STATE_LOGIN_REQUIRED,
	STATE_CONFIG,
};

enum life_event {
	EVENT_ASK,	      /* somebody wants a token */
	EVENT_TIMER,	      /* state_next() has come, or may have */
	EVENT_TOKEN,	      /* a new token is there */
	EVENT_TEMPORARY,      /* a fetch failed; it may work later */
	EVENT_LOGIN_REQUIRED, /* a fetch failed; the grant is dead */
	EVENT_CONFIG,	      /* a fetch failed; the registration is wrong */
	EVENT_REJECT,	      /* a mail server refuses the current token */
	EVENT_MENDED,	      /* refresh, reload, or a secret has changed */
};

/* What to do; bits. Of ANSWER, WAIT and REFUSE an ASK gets exactly one. */
enum action {
	ACTION_FETCH = 1,  /* start a fetch; life.fetching is set already */
	ACTION_ANSWER = 2, /* give out the current token */
	ACTION_WAIT = 4,   /* queue until the fetch ends */
	ACTION_REFUSE = 8, /* answer with the last error */
};

/* All times are milliseconds of CLOCK_BOOTTIME; 0 is "never". */
struct life {
	enum state state;
	int fetching;	 /* a fetch is under way; at most one */
	int can_fetch;	 /* there is a grant to fetch with */
	int keeps_alive; /* the grant dies unless it is used now and then */
	int64_t min_validity_ms;
	int64_t keepalive_ms;
	int64_t obtained_ms; /* when the token came */
	int64_t expires_ms;  /* 0: no token */
	int64_t refresh_ms;  /* when to refresh in the background */
	int64_t retry_ms;    /* no fetch before, in the last three states */
	int64_t used_ms;     /* last ASK */
	unsigned failures;   /* in a row */
	int64_t reject_ms;   /* no refresh for a REJECT before */
	unsigned rejects;    /* in a row */
};

struct life_info {
	int64_t min_validity_ms; /* ASK: wanted, or 0 for the account's */
	int64_t lifetime_ms;	 /* TOKEN: granted */
	int64_t refresh_in_ms;	 /* TOKEN: advised by the provider, or 0 */
	int64_t retry_after_ms;	 /* TEMPORARY: asked by the provider, or 0 */
	int jitter;		 /* -50..50, per mille of a delay, random */
};

/* Least validity of a token that is given out while no fetch succeeds. */
#define STATE_FLOOR_MS 30000

/*
 * Let an event happen to an account.
 *
 * Returns the actions. A fetch that was asked for ends with one of EVENT_TOKEN,
 * _TEMPORARY, _LOGIN_REQUIRED, _CONFIG. Whoever waits is asked about again
 * then.
 */
unsigned state_event(struct life *l, enum life_event e,
    const struct life_info *info, int64_t now_ms);

/* When EVENT_TIMER is due; INT64_MAX for never. */
int64_t state_next(const struct life *l);

/* The state a screen should show at a time: FRESH ages without an event. */
enum state state_shown(const struct life *l, int64_t now_ms);

/* Whether the token may be given out while no fetch succeeds. */
int state_servable(const struct life *l, int64_t now_ms);

/* Whether a server has refused new tokens as well, as far as one knows now. */
int state_rejected(const struct life *l, int64_t now_ms);

/* The word for a state, for example "login_required". */
const char *state_name(enum state s);

#endif
