/* SPDX-License-Identifier: MIT */
/* msg - the one message format: name=value lines and an empty line */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/msg.h"
#include "common/util.h"

#define PROTOCOL "protocol"
#define VERSION_1 "1"

static int
name_valid(const char *name, size_t len)
{
	size_t i;

	if (len == 0 || len > MSG_NAME || name[0] < 'a' || name[0] > 'z')
		return 0;
	for (i = 1; i < len; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') &&
		    !(name[i] >= '0' && name[i] <= '9') && name[i] != '_')
			return 0;
	return 1;
}

ssize_t
msg_length(const char *buf, size_t len)
{
	const char *end;
	size_t n = len < MSG_MAX ? len : MSG_MAX;

	if (n > 0 && buf[0] == '\n')
		return 1;
	end = memmem(buf, n, "\n\n", 2);
	if (end)
		return end - buf + 2;
	return len >= MSG_MAX ? -ERR_TOOBIG : 0;
}

/* Parse the line [start, end) into the next slot of m. */
static int
parse_line(struct msg *m, char *start, char *end)
{
	char *eq = memchr(start, '=', (size_t)(end - start));
	size_t i;

	if (!eq || !name_valid(start, (size_t)(eq - start)))
		return -ERR_FORMAT;
	if (!util_text_valid(eq + 1, (size_t)(end - eq - 1)))
		return -ERR_CONTROL;
	if (m->count == MSG_LINES)
		return -ERR_TOOBIG;
	*eq = '\0';
	*end = '\0';
	for (i = 0; i < m->count; i++)
		if (strcmp(m->line[i].name, start) == 0)
			return -ERR_TWICE;
	m->line[m->count].name = start;
	m->line[m->count].value = eq + 1;
	m->count++;
	return 0;
}

int
msg_parse(struct msg *m, char *buf, size_t len)
{
	struct msg new = {0};
	char *pos = buf, *end = buf + len, *eol;
	int r;

	if (len > MSG_MAX)
		return -ERR_TOOBIG;
	if (msg_length(buf, len) != (ssize_t)len || len == 0)
		return -ERR_FORMAT;
	while (*pos != '\n') {
		eol = memchr(pos, '\n', (size_t)(end - pos));
		if (!eol)
			return -ERR_FORMAT;
		r = parse_line(&new, pos, eol);
		if (r < 0)
			return r;
		pos = eol + 1;
	}
	if (new.count == 0 || strcmp(new.line[0].name, PROTOCOL) != 0 ||
	    strcmp(new.line[0].value, VERSION_1) != 0)
		return -ERR_VERSION;
	*m = new;
	return 0;
}

const char *
msg_get(const struct msg *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->count; i++)
		if (strcmp(m->line[i].name, name) == 0)
			return *m->line[i].value ? m->line[i].value : NULL;
	return NULL;
}

int
msg_get_number(const struct msg *m, const char *name, int64_t min, int64_t max,
    int64_t *ret)
{
	const char *value = msg_get(m, name);

	return value ? util_number_parse(value, min, max, ret) : 0;
}

void
msg_begin(struct msg_writer *w, char *buf, size_t size)
{
	*w = (struct msg_writer){.buf = buf, .size = size};
	msg_put(w, PROTOCOL, VERSION_1);
}

void
msg_put(struct msg_writer *w, const char *name, const char *value)
{
	size_t name_len, value_len, room;

	if (w->error || !value || !*value)
		return;
	name_len = strlen(name);
	value_len = strlen(value);
	room = (w->size < MSG_MAX ? w->size : MSG_MAX) - w->len;
	if (!name_valid(name, name_len))
		w->error = -ERR_FORMAT;
	else if (!util_text_valid(value, value_len))
		w->error = -ERR_CONTROL;
	else if (w->count == MSG_LINES || room < 3 || value_len > room ||
	    name_len + value_len > room - 3) /* '=', LF, the last LF */
		w->error = -ERR_TOOBIG;
	if (w->error)
		return;
	memcpy(w->buf + w->len, name, name_len);
	w->len += name_len;
	w->buf[w->len++] = '=';
	memcpy(w->buf + w->len, value, value_len);
	w->len += value_len;
	w->buf[w->len++] = '\n';
	w->count++;
}

void
msg_put_number(struct msg_writer *w, const char *name, int64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, value);
	msg_put(w, name, digits);
}

int
msg_end(struct msg_writer *w)
{
	if (!w->error)
		w->buf[w->len++] = '\n';
	return w->error;
}
