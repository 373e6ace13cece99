/* SPDX-License-Identifier: MIT */
/* front - be the mail server that wants no password */
#include "config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "helper/mail/front.h"

#define REPLY_SIZE (SESSION_ERROR_SIZE + 64)
#define LIST_SIZE 8192 /* of what a server can do */

/* What a command leads to. */
enum step { STEP_ON, STEP_READY, STEP_OVER };

struct talk {
	struct session *s;
	struct stream *local;
	int code; /* why there is no login, or 0 */
	const struct dialect *dialect;
};

struct verb {
	const char *name;
	enum step (*run)(struct talk *t, char *line);
};

/* How POP3 and SMTP differ here. */
struct dialect {
	const char *more; /* before a challenge */
	const char *good; /* the answer to a login */
	const char *cancelled;
	const char *unknown; /* mechanism */
	const char *bye;
	const struct verb *verbs;
};

__attribute__((format(printf, 2, 3))) static enum step
say(struct talk *t, const char *fmt, ...)
{
	char text[REPLY_SIZE + LIST_SIZE];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text) - 2, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text) - 2)
		return STEP_OVER;
	memcpy(text + n, "\r\n", 2);
	return stream_write(t->local, text, (size_t)n + 2) == 0 ? STEP_ON
								: STEP_OVER;
}

/*
 * Why there is no login, in the words of the protocol: the server's, else ours
 * with a code of RFC 5530 or RFC 3206 in front.
 */
static void
explain(const struct talk *t, char *buf, size_t size)
{
	const struct session *s = t->s;
	const char *text = s->refused ? s->words : s->error, *code = "";
	int passes = t->code == EX_TEMPFAIL;

	if (strcmp(s->protocol->name, "imap") == 0) {
		if (!s->refused)
			code = passes ? "[UNAVAILABLE] " : "[ALERT] ";
		snprintf(buf, size, "* BYE %s%s", code, text);
	} else if (strcmp(s->protocol->name, "pop") == 0) {
		if (!s->refused)
			code = passes ? "[SYS/TEMP] " : "[AUTH] ";
		snprintf(buf, size, "-ERR %s%s", code, text);
	} else {
		if (!s->refused || !isdigit((unsigned char)text[0]))
			code = "454 4.7.0 ";
		snprintf(buf, size, "%s%s", code, text);
	}
}

static enum step
login_done(struct talk *t)
{
	char text[REPLY_SIZE];

	if (t->code == 0)
		return say(t, "%s", t->dialect->good) == STEP_ON ? STEP_READY
								 : STEP_OVER;
	explain(t, text, sizeof(text));
	return say(t, "%s", text);
}

/* Ask for a part of a login, which is not looked at. Returns 1 if it came. */
static int
ask(struct talk *t, const char *challenge)
{
	char *line;

	if (say(t, "%s%s", t->dialect->more, challenge) != STEP_ON ||
	    stream_line(t->local, &line) != 0)
		return 0;
	if (strcmp(line, "*") != 0)
		return 1;
	say(t, "%s", t->dialect->cancelled);
	return -1;
}

/* AUTH mechanism [response]: RFC 4954, RFC 5034. */
static enum step
run_auth(struct talk *t, char *line)
{
	char *saved, *mechanism, *response;
	int r = 1;

	strtok_r(line, " ", &saved);
	mechanism = strtok_r(NULL, " ", &saved);
	response = strtok_r(NULL, " ", &saved);
	if (!mechanism && strcmp(t->s->protocol->name, "pop") == 0)
		return say(t, "+OK\r\nPLAIN\r\nLOGIN\r\n.");
	if (mechanism && strcasecmp(mechanism, "PLAIN") == 0) {
		if (!response)
			r = ask(t, "");
	} else if (mechanism && strcasecmp(mechanism, "LOGIN") == 0) {
		if (!response)
			r = ask(t, "VXNlcm5hbWU6"); /* Username: */
		if (r == 1)
			r = ask(t, "UGFzc3dvcmQ6"); /* Password: */
	} else {
		return say(t, "%s", t->dialect->unknown);
	}
	return r == 1 ? login_done(t) : r < 0 ? STEP_ON : STEP_OVER;
}

static enum step
run_quit(struct talk *t, char *line)
{
	say(t, "%s", t->dialect->bye);
	if (t->code == 0)
		session_send(t->s, line, strlen(line));
	return STEP_OVER;
}

static enum step
run_login(struct talk *t, char *line)
{
	(void)line;
	return login_done(t);
}

/* Whether a capability is about what has been done already. */
static int
is_done(const char *line)
{
	static const char *const words[] = {
	    "AUTH", "STARTTLS", "SASL", "STLS", "USER"};
	size_t i, len = strcspn(line, " =");

	for (i = 0; i < COUNT_OF(words); i++)
		if (len == strlen(words[i]) &&
		    strncasecmp(line, words[i], len) == 0)
			return 1;
	return 0;
}

static void
add(char *list, const char *head, const char *line)
{
	size_t used = strlen(list);

	if (used + strlen(head) + strlen(line) + 3 < LIST_SIZE)
		snprintf(list + used, LIST_SIZE - used, "%s%s\r\n", head, line);
}

/* Hand a command on; the server has its time for the answer. */
static int
command(struct talk *t, const char *line)
{
	t->s->stream.deadline_ms = util_now_ms() + SESSION_MS;
	return session_command(t->s, line);
}

/* The server's own answer to EHLO, but with AUTH for any password. */
static enum step
run_ehlo(struct talk *t, char *line)
{
	char list[LIST_SIZE] = "", *text = NULL;
	enum reply reply = REPLY_INFO;

	if (t->code != 0)
		return say(t, "250-localhost\r\n250 AUTH PLAIN LOGIN");
	if (command(t, line) != 0)
		return STEP_OVER;
	while (reply == REPLY_INFO) {
		if (session_line(t->s, "EHLO", &line) != 0)
			return STEP_OVER;
		reply = t->s->protocol->classify(line, "", &text);
		if (reply == REPLY_BAD)
			return say(t, "%s", line);
		if (!is_done(text))
			add(list, "250-", text);
	}
	return say(t, "%s250 AUTH PLAIN LOGIN", list);
}

static enum step
run_capa(struct talk *t, char *line)
{
	char list[LIST_SIZE] = "", *text = NULL;

	if (t->code == 0) {
		if (command(t, line) != 0 ||
		    session_line(t->s, "CAPA", &line) != 0)
			return STEP_OVER;
		if (t->s->protocol->classify(line, "", &text) != REPLY_GOOD)
			return say(t, "%s", line);
		while (strcmp(line, ".") != 0) {
			if (session_line(t->s, "CAPA", &line) != 0)
				return STEP_OVER;
			if (strcmp(line, ".") != 0 && !is_done(line))
				add(list, "", line);
		}
	}
	return say(t, "+OK\r\n%sUSER\r\nSASL PLAIN LOGIN\r\n.", list);
}

static enum step
run_user(struct talk *t, char *line)
{
	(void)line;
	return say(t, "+OK");
}

static enum step
run_noop(struct talk *t, char *line)
{
	(void)line;
	return say(t, "250 2.0.0 Ok");
}

static enum step
run_stls(struct talk *t, char *line)
{
	(void)line;
	return say(t, "-ERR no TLS on this side of the tunnel");
}

static enum step
run_starttls(struct talk *t, char *line)
{
	(void)line;
	return say(t, "502 5.5.1 no TLS on this side of the tunnel");
}

static const struct verb pop_verbs[] = {
    {"CAPA", run_capa},
    {"USER", run_user},
    {"PASS", run_login},
    {"APOP", run_login},
    {"AUTH", run_auth},
    {"STLS", run_stls},
    {"QUIT", run_quit},
    {0},
};

static const struct verb smtp_verbs[] = {
    {"EHLO", run_ehlo},
    {"AUTH", run_auth},
    {"STARTTLS", run_starttls},
    {"NOOP", run_noop},
    {"RSET", run_noop},
    {"QUIT", run_quit},
    {0},
};

static const struct dialect pop = {
    .more = "+ ",
    .good = "+OK logged in",
    .cancelled = "-ERR cancelled",
    .unknown = "-ERR PLAIN and LOGIN are known here",
    .bye = "+OK bye",
    .verbs = pop_verbs,
};

static const struct dialect smtp = {
    .more = "334 ",
    .good = "235 2.7.0 logged in",
    .cancelled = "501 5.7.0 cancelled",
    .unknown = "504 5.5.4 PLAIN and LOGIN are known here",
    .bye = "221 2.0.0 bye",
    .verbs = smtp_verbs,
};

/*
 * Any other command is for the server itself: a program that wants no login has
 * one all the same.
 */
static enum step
run_other(struct talk *t, char *line)
{
	if (t->code != 0)
		return login_done(t);
	return session_send(t->s, line, strlen(line)) == 0 ? STEP_READY
							   : STEP_OVER;
}

static enum step
run(struct talk *t, char *line)
{
	const struct verb *v = t->dialect->verbs;
	size_t len = strcspn(line, " ");

	for (; v->name; v++)
		if (len == strlen(v->name) &&
		    strncasecmp(line, v->name, len) == 0)
			return v->run(t, line);
	return run_other(t, line);
}

static enum front
converse(struct talk *t)
{
	enum step step = STEP_ON;
	char *line;

	while (step == STEP_ON) {
		if (stream_line(t->local, &line) != 0)
			return FRONT_OVER;
		step = run(t, line);
	}
	return step == STEP_READY ? FRONT_READY : FRONT_OVER;
}

static enum front
run_imap(struct talk *t)
{
	char text[REPLY_SIZE];

	if (t->code == 0 && session_offers(t->s) != 0)
		t->code = EX_TEMPFAIL;
	if (t->code == 0)
		return say(t, "* PREAUTH [CAPABILITY %s] logged in as %s",
			   t->s->offer.all, t->s->user) == STEP_ON
		    ? FRONT_READY
		    : FRONT_OVER;
	explain(t, text, sizeof(text));
	say(t, "%s", text);
	return FRONT_OVER;
}

enum front
front_run(struct session *s, struct stream *local, int code)
{
	struct talk t = {.s = s, .local = local, .code = code};
	const char *greeting = code == 0 ? s->greeting : "localhost ready";

	if (strcmp(s->protocol->name, "imap") == 0)
		return run_imap(&t);
	if (strcmp(s->protocol->name, "smtp") == 0) {
		t.dialect = &smtp;
		if (say(&t, "220 %s", greeting) != STEP_ON)
			return FRONT_OVER;
	} else {
		t.dialect = &pop; /* without the text that APOP needs */
		if (say(&t, "+OK %.*s", (int)strcspn(greeting, "<"),
			greeting) != STEP_ON)
			return FRONT_OVER;
	}
	return converse(&t);
}

void
front_refuse(const struct protocol *p, int fd, int code, const char *why)
{
	const char *head;

	if (strcmp(p->name, "imap") == 0)
		head = "* BYE";
	else if (strcmp(p->name, "pop") == 0)
		head = "-ERR";
	else
		head = code == EX_NOPERM ? "554 5.7.0" : "421 4.3.0";
	dprintf(fd, "%s %s\r\n", head, why);
}
