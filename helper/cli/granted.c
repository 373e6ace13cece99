/* SPDX-License-Identifier: MIT */
/* granted - the scope that was granted and the one that was asked for */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/util.h"
#include "helper/cli/granted.h"

#define GOOGLE_PREFIX "https://www.googleapis.com/auth/userinfo."
#define DEFAULT_SUFFIX "/.default"

struct word {
	const char *text;
	size_t len;
};

/* The next word of a scope. Returns 0 at the end. */
static int
next(const char **scope, struct word *ret)
{
	*scope += strspn(*scope, " ");
	ret->text = *scope;
	ret->len = strcspn(*scope, " ");
	*scope += ret->len;
	return ret->len > 0;
}

/* ASCII is all there is in a scope; no locale is set, so this is ASCII. */
static int
same(const struct word *w, const char *text, size_t len)
{
	return w->len == len && strncasecmp(w->text, text, len) == 0;
}

/* Whether a word has to do with mail. */
static int
is_mail(const struct word *w)
{
	static const char *const identity[] = {
	    "openid", "profile", "email", "offline_access", "userinfo"};
	const size_t prefix = strlen(GOOGLE_PREFIX);
	const size_t suffix = strlen(DEFAULT_SUFFIX);
	size_t i;

	for (i = 0; i < COUNT_OF(identity); i++)
		if (same(w, identity[i], strlen(identity[i])))
			return 0;
	if (w->len > prefix && strncasecmp(w->text, GOOGLE_PREFIX, prefix) == 0)
		return 0;
	return w->len < suffix ||
	    strncasecmp(w->text + w->len - suffix, DEFAULT_SUFFIX, suffix) != 0;
}

static int
contains(const char *scope, const struct word *w)
{
	struct word other;

	while (next(&scope, &other))
		if (same(w, other.text, other.len))
			return 1;
	return 0;
}

static int
has_mail(const char *scope)
{
	struct word w;

	while (next(&scope, &w))
		if (is_mail(&w))
			return 1;
	return 0;
}

/* Append a word to a list that is cut when it is full. */
static void
append(char list[GRANTED_TEXT_MAX], const struct word *w)
{
	size_t len = strlen(list);

	if (len + w->len + 2 <= GRANTED_TEXT_MAX)
		snprintf(list + len, GRANTED_TEXT_MAX - len, "%s%.*s",
		    len > 0 ? " " : "", (int)w->len, w->text);
}

enum granted
granted_compare(
    const char *asked, const char *granted, char missing[GRANTED_TEXT_MAX])
{
	char list[GRANTED_TEXT_MAX] = "";
	size_t found = 0, lacking = 0;
	struct word w;

	if (!asked || !granted)
		return GRANTED_ALL;
	while (next(&asked, &w)) {
		if (!is_mail(&w))
			continue;
		if (contains(granted, &w)) {
			found++;
			continue;
		}
		lacking++;
		append(list, &w);
	}
	if (lacking == 0)
		return GRANTED_ALL;
	if (found == 0 && has_mail(granted))
		return GRANTED_UNKNOWN;
	memcpy(missing, list, sizeof(list));
	return GRANTED_LESS;
}
