/* SPDX-License-Identifier: MIT */
/* log.h - one line to syslog, or to standard error */
#ifndef SASL_BEARER_LOG_H
#define SASL_BEARER_LOG_H

#include "helper/config/settings.h"
#include "helper/daemon/journal.h"

/*
 * Choose where lines go.
 *
 *	to_stderr	1: systemd's journal, if standard error goes there; else
 *			standard error with <N> before each line; 0: syslog(3),
 *			facility mail
 */
void log_open(int to_stderr);
void log_set_level(enum log_level level);

/*
 * Log one line. No line feed in it; control bytes become blanks. A line equal
 * to one of the last minute is only counted, see log_flush().
 */
__attribute__((format(printf, 2, 3))) void
log_line(enum log_level level, const char *fmt, ...);

/* The same with fields of the journal, which nobody else sees. */
__attribute__((format(printf, 3, 4))) void log_fields(enum log_level level,
    const struct journal_field *fields, const char *fmt, ...);

/* Once a minute, and at the end: say how often lines were repeated. */
void log_flush(void);

#endif
