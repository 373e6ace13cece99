/* SPDX-License-Identifier: MIT */
/* when - points in time, for people */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/util.h"
#include "helper/cli/when.h"

/* Each unit is used below the limit: 90 min, but 2 h. */
static const struct {
	int64_t below, seconds;
	const char *name;
} units[] = {
    {90, 1, "s"},
    {5400, 60, "min"},
    {129600, 3600, "h"},
    {INT64_MAX, 86400, "days"},
};

void
when_format(int64_t at, int64_t now, char buf[WHEN_SIZE])
{
	int64_t away = at > now ? at - now : now - at;
	size_t i = 0;

	if (at == 0) {
		snprintf(buf, WHEN_SIZE, "-");
		return;
	}
	while (i + 1 < COUNT_OF(units) && away >= units[i].below)
		i++;
	snprintf(buf, WHEN_SIZE, "%s%" PRId64 " %s%s", at > now ? "in " : "",
	    away / units[i].seconds, units[i].name, at > now ? "" : " ago");
}
