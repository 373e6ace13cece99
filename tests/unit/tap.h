/* SPDX-License-Identifier: MIT */
/* tap.h - report checks in the Test Anything Protocol */
#ifndef SASL_BEARER_TAP_H
#define SASL_BEARER_TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

/* Report one check. A failed one does not end the program. */
__attribute__((format(printf, 2, 3))) static inline void
tap_ok(int cond, const char *fmt, ...)
{
	va_list ap;

	tap_count++;
	if (!cond)
		tap_failed++;
	printf("%sok %d - ", cond ? "" : "not ", tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

/* Check that two strings, of which each may be NULL, are equal. */
static inline void
tap_is(const char *got, const char *want, const char *what)
{
	int same = got && want ? strcmp(got, want) == 0 : got == want;

	tap_ok(same, "%s", what);
	if (!same)
		printf("# got  %s\n# want %s\n", got ? got : "(null)",
		    want ? want : "(null)");
}

/* Print the plan. Returns what main() should. */
static inline int
tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0 || tap_count == 0;
}

#endif
