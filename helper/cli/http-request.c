/* SPDX-License-Identifier: MIT */
/* http-request - read the head of an HTTP request (RFC 9112) */
#include "config.h"

#include <string.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/http-request.h"

/* The length of the head with its empty line; 0 when that is not there yet. */
static size_t
head_length(const char *buf, size_t len)
{
	const char *end = buf + len, *line = buf, *feed;

	while ((feed = memchr(line, '\n', (size_t)(end - line)))) {
		if (line > buf &&
		    (feed == line || (feed == line + 1 && *line == '\r')))
			return (size_t)(feed + 1 - buf);
		line = feed + 1;
	}
	return 0;
}

/* End the line at *at with a NUL and go to the next one; returns the line. */
static char *
take_line(char **at)
{
	char *line = *at, *feed = line + strcspn(line, "\n");

	*at = feed + (*feed == '\n');
	if (feed > line && feed[-1] == '\r')
		feed--;
	*feed = '\0';
	return line;
}

/* End the word at *at with a NUL and go behind it. Returns it, or NULL. */
static char *
take_word(char **at)
{
	char *word = *at, *blank = strchr(word, ' ');

	if (!blank || blank == word)
		return NULL;
	*blank = '\0';
	*at = blank + 1;
	return word;
}

static int
is_printable(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return 0;
	return 1;
}

/* METHOD TARGET VERSION */
static int
parse_start(struct http_request *r, char *line)
{
	static char none[] = "";
	char *rest = line, *method = take_word(&rest), *target, *mark;

	if (!method ||
	    strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(method))
		return -ERR_FORMAT;
	target = take_word(&rest);
	if (!target || *target != '/' || !is_printable(target))
		return -ERR_FORMAT;
	if (strcmp(rest, "HTTP/1.1") != 0 && strcmp(rest, "HTTP/1.0") != 0)
		return -ERR_FORMAT;
	mark = strchr(target, '?');
	if (mark)
		*mark++ = '\0';
	r->method = method;
	r->path = target;
	r->query = mark ? mark : none;
	return 0;
}

/* NAME: VALUE, of which only Host matters. */
static int
parse_field(struct http_request *r, char *line)
{
	char *colon = strchr(line, ':'), *value;
	size_t len;

	if (!colon || colon == line)
		return -ERR_FORMAT;
	*colon = '\0';
	if (!is_printable(line))
		return -ERR_FORMAT;
	if (!util_case_equal(line, "host"))
		return 0;
	if (r->host)
		return -ERR_TWICE;
	value = colon + 1 + strspn(colon + 1, " \t");
	len = strlen(value);
	while (len > 0 && strchr(" \t", value[len - 1]))
		value[--len] = '\0';
	r->host = value;
	return 0;
}

/* Whether bytes have none of what ends a text, or a line in odd ways. */
static int
is_clean(const char *buf, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!buf[i] || (buf[i] == '\r' && buf[i + 1] != '\n'))
			return 0;
	return 1;
}

ssize_t
http_request_parse(struct http_request *ret, char *buf, size_t len)
{
	struct http_request r = {0};
	char *at = buf, *line;
	size_t head;
	int code;

	if (len > HTTP_REQUEST_MAX)
		len = HTTP_REQUEST_MAX;
	head = head_length(buf, len);
	if (head == 0)
		return len == HTTP_REQUEST_MAX ? -ERR_TOOBIG : 0;
	if (!is_clean(buf, head)) /* its last byte is a line feed */
		return -ERR_CONTROL;
	code = parse_start(&r, take_line(&at));
	while (code == 0 && *(line = take_line(&at)))
		code = parse_field(&r, line);
	if (code < 0)
		return code;
	if (!r.host)
		r.host = "";
	*ret = r;
	return (ssize_t)head;
}
