/* SPDX-License-Identifier: MIT */
/* clock.h - the provider's clock, and ours */
#ifndef SASL_BEARER_CLOCK_H
#define SASL_BEARER_CLOCK_H

#include <stdint.h>

#include "helper/fetch/http.h"

#define CLOCK_SIZE 32 /* bytes of clock_text() */
#define CLOCK_DOUBT_SIZE (80 + HOST_MAX + 2 * CLOCK_SIZE)

/* When an answer was made by the provider's clock; by ours if it has no Date. */
int64_t clock_of(const struct http_answer *http);

/* A date and time of day, in UTC without saying so, for reasons. */
void clock_text(int64_t s, char text[CLOCK_SIZE]);

/*
 * A wrong clock makes good assertions bad: ask whether ours is, to follow
 * another reason, where the two differ by more than 5 minutes; else "".
 *
 *	host	the provider's name
 */
void clock_doubt(const struct http_answer *http, const char *host,
    char text[CLOCK_DOUBT_SIZE]);

#endif
