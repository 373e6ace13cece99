/* SPDX-License-Identifier: MIT */
/* log - one line to syslog, or to standard error */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/daemon/log.h"

#define LINE_MAX_BYTES 2048
#define RECENT 32 /* lines that are compared with */
#define WINDOW_MS 60000

struct line {
	char text[LINE_MAX_BYTES];
	int priority;
	int64_t time_ms;
	unsigned repeated;
};

static struct {
	int to_stderr;
	enum log_level level;
	struct line recent[RECENT];
	size_t oldest;
} logger = {.to_stderr = 1, .level = LEVEL_INFO};

static const int priorities[] = {
    [LEVEL_ERROR] = LOG_ERR,
    [LEVEL_WARNING] = LOG_WARNING,
    [LEVEL_INFO] = LOG_INFO,
    [LEVEL_DEBUG] = LOG_DEBUG,
};

void
log_open(int to_stderr)
{
	logger.to_stderr = to_stderr;
	if (to_stderr)
		journal_open();
	if (!to_stderr)
		openlog("sasl-bearerd", LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void
log_set_level(enum log_level level)
{
	logger.level = level;
}

static void
emit(int priority, const char *text, const struct journal_field *fields)
{
	char out[LINE_MAX_BYTES + 16];
	int n;

	if (!logger.to_stderr) {
		syslog(priority, "%s", text);
		return;
	}
	if (journal_send(priority, text, fields) == 0)
		return;
	n = snprintf(out, sizeof(out), "<%d>%s\n", priority, text);
	if (n > 0)
		(void)!write(STDERR_FILENO, out, (size_t)n);
}

static void
emit_repeated(struct line *l)
{
	char text[LINE_MAX_BYTES + 40];

	if (l->repeated > 0) {
		snprintf(text, sizeof(text), "%.1900s (repeated %u times)",
		    l->text, l->repeated);
		emit(l->priority, text, NULL);
	}
	l->repeated = 0;
	l->text[0] = '\0';
}

/* The same line within the last minute, or NULL. */
static struct line *
find_recent(const char *text, int64_t now)
{
	size_t i;

	for (i = 0; i < RECENT; i++)
		if (now - logger.recent[i].time_ms < WINDOW_MS &&
		    strcmp(logger.recent[i].text, text) == 0)
			return &logger.recent[i];
	return NULL;
}

__attribute__((format(printf, 3, 0))) static void
take_line(enum log_level level, const struct journal_field *fields,
    const char *fmt, va_list ap)
{
	char raw[LINE_MAX_BYTES], text[LINE_MAX_BYTES];
	struct line *l;

	if (level > logger.level || vsnprintf(raw, sizeof(raw), fmt, ap) < 0)
		return;
	util_sanitise(text, sizeof(text), raw, strlen(raw));
	l = find_recent(text, util_now_ms());
	if (l) {
		l->repeated++;
		return;
	}
	l = &logger.recent[logger.oldest];
	logger.oldest = (logger.oldest + 1) % RECENT;
	emit_repeated(l);
	memcpy(l->text, text, sizeof(text));
	l->priority = priorities[level];
	l->time_ms = util_now_ms();
	emit(l->priority, text, fields);
}

void
log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	take_line(level, NULL, fmt, ap);
	va_end(ap);
}

void
log_fields(enum log_level level, const struct journal_field *fields,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	take_line(level, fields, fmt, ap);
	va_end(ap);
}

void
log_flush(void)
{
	size_t i;

	for (i = 0; i < RECENT; i++)
		emit_repeated(&logger.recent[i]);
}
