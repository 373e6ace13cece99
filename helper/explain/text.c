/* SPDX-License-Identifier: MIT */
/* text - a row of the table as lines for people */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "helper/explain/explain.h"

#define WAIT "wait; what failed is tried again"

const char *
explain_who_text(enum explain_who who)
{
	switch (who) {
	case EXPLAIN_NOBODY:
		return "nobody, it passes";
	case EXPLAIN_TENANT:
		return "an administrator of the tenant (Entra)";
	case EXPLAIN_EXCHANGE:
		return "an Exchange administrator";
	case EXPLAIN_SERVER:
		return "an administrator of the mail server or domain";
	default:
		return "you";
	}
}

const char *
explain_who_name(enum explain_who who)
{
	switch (who) {
	case EXPLAIN_NOBODY:
		return "nobody";
	case EXPLAIN_SIGN_IN:
		return "sign-in";
	case EXPLAIN_TENANT:
		return "tenant-administrator";
	case EXPLAIN_EXCHANGE:
		return "exchange-administrator";
	case EXPLAIN_SERVER:
		return "server-administrator";
	default:
		return "configuration";
	}
}

/* A buffer that is filled from its beginning; what does not fit is lost. */
struct line {
	char *at, *end;
};

static struct line
begin(char *buf, size_t size)
{
	*buf = '\0';
	return (struct line){buf, buf + size - 1};
}

static void
put(struct line *l, const char *text, size_t len)
{
	size_t room = (size_t)(l->end - l->at);

	if (len > room)
		len = room;
	memcpy(l->at, text, len);
	l->at += len;
	*l->at = '\0';
}

static void
puts_to(struct line *l, const char *text)
{
	put(l, text, strlen(text));
}

static const char *
given(const char *name, const char *otherwise)
{
	return name && *name ? name : otherwise;
}

/* The name for a place "{...}", or NULL: it is none. */
static const char *
name_of(const char *place, const struct explain_names *names)
{
	if (strncmp(place, "{user}", 6) == 0)
		return given(names ? names->user : NULL, "USER");
	if (strncmp(place, "{account}", 9) == 0)
		return given(names ? names->account : NULL, "ACCOUNT");
	if (strncmp(place, "{client_id}", 11) == 0)
		return given(names ? names->client_id : NULL, "CLIENT_ID");
	return NULL;
}

static void
fill(struct line *l, const char *text, const struct explain_names *names)
{
	const char *name;
	size_t len;

	while (*text) {
		len = strcspn(text + (*text == '{'), "{") + (*text == '{');
		name = name_of(text, names);
		if (name) {
			puts_to(l, name);
			len = strcspn(text, "}") + 1;
		} else {
			put(l, text, len);
		}
		text += len;
	}
}

void
explain_title(const struct explain_found *found, char title[EXPLAIN_TITLE_SIZE])
{
	struct line l = begin(title, EXPLAIN_TITLE_SIZE);
	const char *at = found->row->match;
	size_t len;

	if (found->number) {
		snprintf(title, EXPLAIN_TITLE_SIZE, "AADSTS%ld", found->number);
		return;
	}
	if (at[strspn(at, "0123456789|-")] == '\0')
		puts_to(&l, "AADSTS");
	for (;; at++) {
		len = strcspn(at, "&|");
		put(&l, at, len);
		at += len;
		if (!*at)
			break;
		puts_to(&l, *at == '&' ? " ... " : ", ");
	}
}

void
explain_means(char *buf, size_t size, const struct explanation *e,
    const struct explain_names *names)
{
	struct line l = begin(buf, size);

	fill(&l, e->means, names);
}

void
explain_remedy(char *buf, size_t size, const struct explanation *e,
    const struct explain_names *names)
{
	struct line l = begin(buf, size);

	if (e->remedy)
		fill(&l, e->remedy, names);
	else if (e->who == EXPLAIN_NOBODY)
		puts_to(&l, WAIT);
	if (e->who == EXPLAIN_SIGN_IN) {
		puts_to(&l, e->remedy ? "; run " : "run ");
		puts_to(&l, "\"sasl-bearer login ");
		puts_to(&l, given(names ? names->account : NULL, "ACCOUNT"));
		puts_to(&l, "\"");
	}
}

void
explain_advice(char *buf, size_t size, const struct explanation *e,
    const struct explain_names *names)
{
	struct line l = begin(buf, size);

	fill(&l, e->means, names);
	if (!e->remedy)
		return;
	if (e->who >= EXPLAIN_TENANT) {
		puts_to(&l, "; ask ");
		puts_to(&l, explain_who_text(e->who));
	}
	puts_to(&l, ": ");
	fill(&l, e->remedy, names);
}
