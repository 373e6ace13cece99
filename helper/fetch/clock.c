/* SPDX-License-Identifier: MIT */
/* clock - the provider's clock, and ours */
#include "config.h"

#include <stdio.h>
#include <time.h>

#include <curl/curl.h>

#include "helper/fetch/clock.h"

#define SAME_S 300 /* clocks that differ by no more are the same */

int64_t
clock_of(const struct http_answer *http)
{
	time_t theirs = curl_getdate(http->date, NULL);

	return theirs == -1 ? http->now_s : (int64_t)theirs;
}

void
clock_text(int64_t s, char text[CLOCK_SIZE])
{
	time_t t = (time_t)s;
	struct tm tm;

	if (!gmtime_r(&t, &tm) ||
	    strftime(text, CLOCK_SIZE, "%Y-%m-%d %H:%M", &tm) == 0)
		snprintf(text, CLOCK_SIZE, "nonsense");
}

void
clock_doubt(const struct http_answer *http, const char *host,
    char text[CLOCK_DOUBT_SIZE])
{
	int64_t ahead_s = http->now_s - clock_of(http);
	char ours[CLOCK_SIZE], theirs[CLOCK_SIZE];

	text[0] = '\0';
	if (ahead_s >= -SAME_S && ahead_s <= SAME_S)
		return;
	clock_text(http->now_s, ours);
	clock_text(clock_of(http), theirs);
	snprintf(text, CLOCK_DOUBT_SIZE,
	    "; is this machine's clock right? it says %s UTC, and %s says %s",
	    ours, host, theirs);
}
