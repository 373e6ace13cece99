/* SPDX-License-Identifier: MIT */
/* doctor-report - the lines of the checklist */
#include "config.h"

#include <ctype.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper/cli/colour.h"
#include "helper/cli/doctor.h"
#include "helper/cli/screen.h"

#define INDENT 11 /* of a text, behind the status */

static const char *const words[] = {"ok", "warning", "failed", "skipped"};

/* The one that is to be seen. */
static const char *
shown_word(enum doctor_status status)
{
	return status == DOCTOR_FAILED ? "FAILED" : words[status];
}

/* What the part of an address before the '@' may have. */
static int
is_local(char c)
{
	return isalnum((unsigned char)c) || (c & 0x80) ||
	    (c && strchr("._+-%'=~/", c));
}

/* Write "***" for the first part of each address. */
static void
hide_addresses(char *dst, size_t size, const char *src)
{
	size_t n = 0, begin;

	for (; *src && n + 4 < size; src++) {
		if (*src == '@') {
			begin = n;
			while (begin > 0 && is_local(dst[begin - 1]))
				begin--;
			if (begin < n) {
				memcpy(dst + begin, "***", 3);
				n = begin + 3;
			}
		}
		dst[n++] = *src;
	}
	dst[n] = '\0';
}

/* Write "~" for the home directory, which has a name in it. */
static void
hide_home(char *text)
{
	const char *home = getenv("HOME");
	size_t len = home ? strlen(home) : 0;
	char *at = text;

	while (len > 1 && (at = strstr(at, home))) {
		if ((at == text || !is_local(at[-1])) &&
		    (at[len] == '/' || !is_local(at[len]))) {
			*at = '~';
			memmove(at + 1, at + len, strlen(at + len) + 1);
		}
		at++;
	}
}

/* One line that may be shown. */
static void
clean(const struct doctor *d, char dst[DOCTOR_TEXT], const char *src)
{
	char text[DOCTOR_TEXT];

	if (!d->redact) {
		util_sanitise(dst, DOCTOR_TEXT, src, strlen(src));
		return;
	}
	util_sanitise(text, sizeof(text), src, strlen(src));
	hide_home(text);
	hide_addresses(dst, DOCTOR_TEXT, text);
}

void
doctor_remedy(struct doctor *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(d->remedy, sizeof(d->remedy), fmt, ap);
	va_end(ap);
}

static void
add_json(struct doctor *d, enum doctor_status status, const char *subject,
    const char *text, const char *remedy)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "check", json_object_new_string(d->check));
	json_object_object_add(o, "subject", json_object_new_string(subject));
	json_object_object_add(
	    o, "status", json_object_new_string(words[status]));
	json_object_object_add(o, "text", json_object_new_string(text));
	json_object_object_add(
	    o, "remedy", *remedy ? json_object_new_string(remedy) : NULL);
	json_object_array_add(d->array, o);
}

static void
print_line(struct doctor *d, enum doctor_status status, const char *subject,
    const char *text, const char *remedy)
{
	static const enum colour colours[] = {
	    COLOUR_GOOD, COLOUR_WARN, COLOUR_BAD, COLOUR_END};

	if (d->printed != d->section)
		printf("%s%s%s%s\n", d->printed ? "\n" : "",
		    colour(stdout, COLOUR_HEADING), subject,
		    colour(stdout, COLOUR_END));
	d->printed = d->section;
	printf("  %s%-8s%s %s: ", colour(stdout, colours[status]),
	    shown_word(status), colour(stdout, COLOUR_END), d->check);
	/* without a terminal a line stays a line */
	screen_fill(INDENT + strlen(d->check) + 2, INDENT,
	    isatty(STDOUT_FILENO) ? screen_width() : SIZE_MAX, text);
	if (*remedy) /* not broken: there is a command in it */
		printf("%*s-> %s\n", INDENT, "", remedy);
	fflush(stdout);
}

void
doctor_report(struct doctor *d, enum doctor_status status, const char *fmt, ...)
{
	char text[DOCTOR_TEXT], shown[DOCTOR_TEXT], remedy[DOCTOR_TEXT];
	char subject[DOCTOR_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	clean(d, shown, text);
	clean(d, remedy, d->remedy);
	clean(d, subject, d->section);
	d->remedy[0] = '\0';
	d->count[status]++;
	if (d->array)
		add_json(d, status, subject, shown, remedy);
	else
		print_line(d, status, subject, shown, remedy);
}

void
doctor_report_line(
    struct doctor *d, enum doctor_status status, const char *line)
{
	const char *end = strstr(line, "; run: "), *next;
	size_t skip = strlen("; run: ");

	if (!end) {
		skip = strlen("; ");
		for (next = line; (next = strstr(next, "; ")); next += skip)
			end = next;
	}
	if (!end || *d->remedy) {
		doctor_report(d, status, "%s", line);
		return;
	}
	doctor_remedy(d, "%s", end + skip);
	doctor_report(d, status, "%.*s", (int)(end - line), line);
}

void
doctor_summary(const struct doctor *d)
{
	const unsigned *n = d->count;

	if (d->array)
		printf("%s\n",
		    json_object_to_json_string_ext(d->array,
			JSON_C_TO_STRING_PRETTY |
			    JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		printf("\n%u ok, %u warning%s, %u failed, %u skipped\n",
		    n[DOCTOR_OK], n[DOCTOR_WARNING],
		    n[DOCTOR_WARNING] == 1 ? "" : "s", n[DOCTOR_FAILED],
		    n[DOCTOR_SKIPPED]);
}
