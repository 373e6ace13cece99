/* SPDX-License-Identifier: MIT */
/* challenge - what a server says when it refuses a token */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "plugin/challenge.h"

#define WORD_MAX 160 /* bytes of a status or scope that are shown */

struct span {
	const char *at;
	const char *end;
};

static void
skip_blank(struct span *s)
{
	while (s->at < s->end && strchr(" \t\r\n", *s->at) && *s->at)
		s->at++;
}

/* Take a string or a bare word off the front. Returns 0 at the end. */
static int
take_value(struct span *s, struct span *ret)
{
	skip_blank(s);
	if (s->at == s->end)
		return 0;
	if (*s->at != '"') {
		ret->at = s->at;
		while (s->at < s->end && *s->at && !strchr(",:}", *s->at))
			s->at++;
		ret->end = s->at;
		return 1;
	}
	ret->at = ++s->at;
	while (s->at < s->end && *s->at != '"')
		s->at += *s->at == '\\' && s->end - s->at > 1 ? 2 : 1;
	ret->end = s->at;
	if (s->at < s->end)
		s->at++;
	return 1;
}

/* The value of a member of a flat object, as one clean line, "" if none. */
static void
find_member(struct span s, const char *name, char *buf, size_t size)
{
	struct span key, value;

	buf[0] = '\0';
	s.at++; /* the brace */
	while (take_value(&s, &key)) {
		skip_blank(&s);
		if (s.at < s.end && *s.at == ':') {
			s.at++;
			if (!take_value(&s, &value))
				return;
			if ((size_t)(key.end - key.at) == strlen(name) &&
			    memcmp(key.at, name, strlen(name)) == 0) {
				util_sanitise(buf, size, value.at,
				    (size_t)(value.end - value.at));
				return;
			}
		}
		skip_blank(&s);
		if (s.at < s.end)
			s.at++; /* the comma, or what stands in its place */
	}
}

void
challenge_describe(const char *json, size_t len, char *buf, size_t size)
{
	struct span s = {json, json + len};
	char status[WORD_MAX] = "", scope[WORD_MAX] = "";
	int n;

	if (len > 0) {
		find_member(s, "status", status, sizeof(status));
		find_member(s, "scope", scope, sizeof(scope));
	}
	if (!*status) {
		util_sanitise(buf, size, json, len);
		return;
	}
	n = snprintf(buf, size, "status %s", status);
	if (*scope && n > 0 && (size_t)n < size)
		snprintf(buf + n, size - (size_t)n, ", scope \"%s\"", scope);
}

int
challenge_is_outage(const char *json, size_t len)
{
	char status[WORD_MAX] = "";

	if (len > 0)
		find_member((struct span){json, json + len}, "status", status,
		    sizeof(status));
	return (status[0] == '5' && strlen(status) == 3) ||
	    strcmp(status, "internal_failure") == 0 ||
	    strcmp(status, "server_error") == 0 ||
	    strcmp(status, "temporarily_unavailable") == 0;
}
