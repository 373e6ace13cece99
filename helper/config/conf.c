/* SPDX-License-Identifier: MIT */
/* conf - read name = value files by a table */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/config/conf.h"
#include "helper/config/file.h"
#include "helper/config/value.h"

#define NAME_MAX_BYTES 63 /* longer names are not compared with ours */
#define NAME_SHOWN 31	  /* ours are shorter, and secrets longer */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* One file being read. */
struct reader {
	const char *path;
	const struct conf_key *keys;
	void *into;
	unsigned *lines;
	struct conf_errors *e;
	int error; /* -ENOMEM, or 0: what is wrong is the text's fault */
};

/* Send a line that begins with prefix to where errors go. */
__attribute__((format(printf, 4, 0))) static void
report(struct conf_errors *e, int counts, const char *prefix, const char *fmt,
    va_list ap)
{
	char text[CONF_TEXT_MAX], clean[CONF_TEXT_MAX];
	size_t len;

	snprintf(text, sizeof(text), "%s", prefix);
	len = strlen(text);
	vsnprintf(text + len, sizeof(text) - len, fmt, ap);
	util_sanitise(clean, sizeof(clean), text, strlen(text));
	if (counts && e->count++ == 0)
		memcpy(e->first, clean, sizeof(clean));
	if (e->report)
		e->report(e->context, clean);
}

void
conf_error(struct conf_errors *e, const char *file, unsigned line,
    const char *fmt, ...)
{
	char prefix[CONF_TEXT_MAX / 2];
	va_list ap;

	if (line > 0)
		snprintf(prefix, sizeof(prefix), "%.480s:%u: ", file, line);
	else
		snprintf(prefix, sizeof(prefix), "%.480s: ", file);
	va_start(ap, fmt);
	report(e, 1, prefix, fmt, ap);
	va_end(ap);
}

void
conf_warning(struct conf_errors *e, const char *file, const char *fmt, ...)
{
	char prefix[CONF_TEXT_MAX / 2];
	va_list ap;

	snprintf(prefix, sizeof(prefix), "%.480s: warning: ", file);
	va_start(ap, fmt);
	report(e, 0, prefix, fmt, ap);
	va_end(ap);
}

int
conf_find(const struct conf_key *keys, const char *name)
{
	int i;

	for (i = 0; keys[i].name; i++)
		if (strcmp(keys[i].name, name) == 0)
			return i;
	return -1;
}

static size_t
min_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * How many letters must be changed, added, dropped or swapped with their
 * neighbour to turn a into b (optimal string alignment).
 */
static size_t
distance(const char *a, const char *b)
{
	size_t row[3][NAME_MAX_BYTES + 1];
	size_t *above = row[0], *last = row[1], *this = row[2], *spare;
	size_t i, j, len = strlen(b);

	for (j = 0; j <= len; j++)
		last[j] = j;
	for (i = 1; a[i - 1]; i++) {
		this[0] = i;
		for (j = 1; j <= len; j++) {
			this[j] = last[j - 1] + (a[i - 1] != b[j - 1]);
			this[j] = min_of(this[j], last[j] + 1);
			this[j] = min_of(this[j], this[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				this[j] = min_of(this[j], above[j - 2] + 1);
		}
		spare = above;
		above = last;
		last = this;
		this = spare;
	}
	return last[len];
}

const char *
conf_near_miss(const struct conf_key *keys, const char *name)
{
	const char *best = NULL;
	size_t d, limit = strlen(name) < 6 ? 2 : 3;

	if (strlen(name) > NAME_MAX_BYTES)
		return NULL;
	for (; keys->name; keys++) {
		if (strlen(keys->name) > NAME_MAX_BYTES)
			continue;
		d = distance(name, keys->name);
		if (d < limit) {
			limit = d;
			best = keys->name;
		}
	}
	return best;
}

static void
report_unknown(const struct reader *r, unsigned line, const char *name)
{
	const char *meant = conf_near_miss(r->keys, name);

	if (strlen(name) > NAME_SHOWN)
		conf_error(r->e, r->path, line,
		    "unknown name, of %zu bytes; is it a part of a value?",
		    strlen(name));
	else if (meant)
		conf_error(r->e, r->path, line,
		    "unknown name \"%s\": did you mean \"%s\"?", name, meant);
	else
		conf_error(r->e, r->path, line, "unknown name \"%s\"", name);
}

/* Cut blanks off both ends, in place. */
static char *
trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len > 0 && strchr(" \t", text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* Store a value. An empty one equals an absent line. */
static void
set_value(struct reader *r, unsigned line, int key, const char *value)
{
	char why[CONF_TEXT_MAX], expanded[VALUE_EXPANDED_MAX];
	int code;

	if (r->lines[key]) {
		conf_error(r->e, r->path, line, "%s stands in line %u already",
		    r->keys[key].name, r->lines[key]);
		return;
	}
	if (!*value)
		return;
	r->lines[key] = line;
	if (r->keys[key].flags & CONF_EXPAND) {
		if (value_expand(&r->keys[key], value, expanded, why) < 0) {
			conf_error(r->e, r->path, line, "%s", why);
			return;
		}
		value = expanded;
	}
	code = value_parse(&r->keys[key], value, r->into, why);
	if (code < 0)
		conf_error(r->e, r->path, line, "%s", why);
	if (code == -ENOMEM)
		r->error = code;
}

static void
parse_line(struct reader *r, unsigned line, char *text)
{
	char *value, *name;
	int key;

	text = trim(text);
	if (!*text || *text == '#')
		return;
	value = strchr(text, '=');
	if (!value) {
		conf_error(
		    r->e, r->path, line, "not a line of the form name = value");
		return;
	}
	*value++ = '\0';
	name = trim(text);
	value = trim(value);
	if (!util_text_valid(name, strlen(name)) ||
	    !util_text_valid(value, strlen(value))) {
		conf_error(
		    r->e, r->path, line, "control byte, or not UTF-8 text");
		return;
	}
	key = conf_find(r->keys, name);
	if (key < 0)
		report_unknown(r, line, name);
	else
		set_value(r, line, key, value);
}

/* Parse the bytes of a file; buf[len] is there to be overwritten. */
static void
parse_text(struct reader *r, char *buf, size_t len)
{
	char *pos = buf, *end = buf + len, *eol;
	unsigned line;

	if (memchr(buf, '\r', len)) {
		conf_error(r->e, r->path, 0,
		    "has DOS line ends; run: sed -i 's/\\r$//' %s", r->path);
		return;
	}
	if (len >= 3 && memcmp(buf, BYTE_ORDER_MARK, 3) == 0)
		pos += 3;
	for (line = 1; pos < end; line++) {
		eol = memchr(pos, '\n', (size_t)(end - pos));
		if (!eol)
			eol = end;
		*eol = '\0';
		if (memchr(pos, '\0', (size_t)(eol - pos)))
			conf_error(r->e, r->path, line, "control byte");
		else
			parse_line(r, line, pos);
		pos = eol + 1;
	}
}

/* Give a default to every member that the file did not set. */
static int
fill_defaults(const struct conf_key *keys, void *into, const unsigned *lines)
{
	char why[CONF_TEXT_MAX];
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && keys[i].name; i++)
		if (keys[i].def && !(lines && lines[i]))
			r = value_parse(&keys[i], keys[i].def, into, why);
	return r;
}

int
conf_defaults(const struct conf_key *keys, void *into)
{
	return fill_defaults(keys, into, NULL);
}

static size_t
count_keys(const struct conf_key *keys)
{
	size_t n = 0;

	while (keys[n].name)
		n++;
	return n;
}

int
conf_parse(const struct conf_text *text, const struct conf_key *keys,
    void *into, unsigned *lines, struct conf_errors *e)
{
	unsigned *own = calloc(count_keys(keys) + 1, sizeof(*own));
	struct reader r = {text->path, keys, into, lines ? lines : own, e, 0};
	unsigned before = e->count;
	int result = -ENOMEM;

	if (own) {
		parse_text(&r, text->buf, text->len);
		result = fill_defaults(keys, into, r.lines);
	}
	if (result == -ENOMEM)
		conf_error(e, text->path, 0, "out of memory");
	else if (e->count > before)
		result = r.error ? r.error : -EINVAL;
	free(own);
	return result;
}

int
conf_load(const char *path, const struct conf_key *keys, void *into,
    unsigned *lines, struct conf_errors *e)
{
	struct conf_text text = {path, malloc(CONF_FILE_MAX + 1), 0};
	char why[FILE_WHY] = "out of memory";
	int r = -ENOMEM;

	if (text.buf)
		r = file_read(path, &text, CONF_FILE_MAX, why);
	if (r < 0)
		conf_error(e, path, 0, "%s", why);
	else
		r = conf_parse(&text, keys, into, lines, e);
	util_wipe(text.buf, text.len);
	free(text.buf);
	return r;
}

void
conf_clear(const struct conf_key *keys, void *into)
{
	for (; keys->name; keys++)
		value_clear(keys, into);
}
