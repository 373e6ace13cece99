/* SPDX-License-Identifier: MIT */
/* doctor-report - the lines of the checklist */
#include "config.h"

#include <ctype.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper/cli/colour.h"
#include "helper/cli/doctor.h"
#include "helper/cli/json.h"
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

/* Write something else for a word, wherever it stands alone. */
static void
hide_word(char text[DOCTOR_TEXT], const char *word, const char *instead)
{
	size_t len = strlen(word), n = strlen(instead);
	char *at = text;

	while (len > 0 && (at = strcasestr(at, word))) {
		if ((at > text && isalnum((unsigned char)at[-1])) ||
		    isalnum((unsigned char)at[len]) ||
		    strlen(text) - len + n >= DOCTOR_TEXT) {
			at += len;
			continue;
		}
		memmove(at + n, at + len, strlen(at + len) + 1);
		memcpy(at, instead, n);
		at += n;
	}
}

/* Write "~" for a home directory, which has a name in it. */
static void
hide_home(char text[DOCTOR_TEXT], const char *home)
{
	char dir[DOCTOR_TEXT];
	size_t len = home ? strlen(home) : 0;

	while (len > 0 && home[len - 1] == '/')
		len--;
	if (len > 1 && len < sizeof(dir)) {
		snprintf(dir, sizeof(dir), "%.*s", (int)len, home);
		hide_word(text, dir, "~");
	}
}

/* Of an account that is not named by an address, and of who has called. */
static void
hide_names(const struct doctor *d, char text[DOCTOR_TEXT])
{
	const char *user = getenv("SUDO_USER");
	const struct passwd *pw = user ? getpwnam(user) : getpwuid(getuid());
	char instead[32], local[USER_MAX + 1];
	size_t i;

	hide_home(text, getenv("HOME"));
	hide_home(text, pw ? pw->pw_dir : NULL);
	for (i = 0; i < d->count_accounts; i++) {
		snprintf(instead, sizeof(instead), "account%zu", i + 1);
		if (!strchr(d->accounts[i].is.account, '@'))
			hide_word(text, d->accounts[i].is.account, instead);
		snprintf(local, sizeof(local), "%.*s",
		    (int)strcspn(d->accounts[i].is.user, "@"),
		    d->accounts[i].is.user);
		if (strcmp(local, "*") != 0)
			hide_word(text, local, "***");
	}
	if (d->operand && !strchr(d->operand, '@') && d->count_accounts == 0)
		hide_word(text, d->operand, "***");
	if (user)
		hide_word(text, user, "***");
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
	hide_names(d, text);
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

	json_put(o, "check", d->check);
	json_put(o, "subject", subject);
	json_put(o, "status", words[status]);
	json_put(o, "text", text);
	json_put(o, "remedy", remedy);
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

int
doctor_summary(struct doctor *d)
{
	const unsigned *n = d->count;
	struct json_object *array = d->array;

	if (array) {
		d->array = NULL;
		return json_print(array);
	}
	printf("\n%u ok, %u warning%s, %u failed, %u skipped\n", n[DOCTOR_OK],
	    n[DOCTOR_WARNING], n[DOCTOR_WARNING] == 1 ? "" : "s",
	    n[DOCTOR_FAILED], n[DOCTOR_SKIPPED]);
	return 0;
}
