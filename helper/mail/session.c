/* SPDX-License-Identifier: MIT */
/* session - a mail server, from the connection to the end of the login */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "helper/mail/session.h"
#include "helper/mail/tls.h"

static void
keep(char *dst, size_t size, const char *text)
{
	util_sanitise(dst, size, text, strlen(text));
}

int
session_fail(struct session *s, int code, const char *fmt, ...)
{
	char text[sizeof(s->error)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	keep(s->error, sizeof(s->error), text);
	return code;
}

void
session_trace(struct session *s, const char *what, const char *fmt, ...)
{
	char text[sizeof(s->offer.all) + 64], clean[sizeof(text)];
	va_list ap;

	if (!s->trace)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	util_sanitise(clean, sizeof(clean), text, strlen(text));
	s->trace(s->context, what, clean);
}

/* The stream's own words, and where that was. */
static int
lost(struct session *s, const char *what, int code)
{
	return session_fail(
	    s, code, "%s, in %s: %s", s->host, what, s->stream.error);
}

/* At once: Dovecot 2.3 can overlook a CRLF in a TLS record of its own. */
int
session_send(struct session *s, const char *line, size_t len)
{
	char *whole = malloc(len + 2);
	int r;

	if (!whole)
		return session_fail(s, EX_OSERR, "out of memory");
	memcpy(whole, line, len);
	memcpy(whole + len, "\r\n", 2);
	r = stream_write(&s->stream, whole, len + 2);
	util_wipe(whole, len + 2);
	free(whole);
	return r == 0 ? 0 : lost(s, "sending a command", r);
}

const char *
session_tag(struct session *s)
{
	s->words[0] = '\0';
	if (!s->protocol->tagged)
		return "";
	snprintf(s->tag, sizeof(s->tag), "a%u ", ++s->commands % 10000);
	return s->tag;
}

int
session_command(struct session *s, const char *line)
{
	char text[1024];
	int len;

	len = snprintf(text, sizeof(text), "%s%s", session_tag(s), line);
	if (len < 0 || (size_t)len >= sizeof(text))
		return session_fail(s, EX_SOFTWARE, "a command is too long");
	return session_send(s, text, (size_t)len);
}

int
session_line(struct session *s, const char *what, char **ret)
{
	int r = stream_line(&s->stream, ret);

	return r == 0 ? 0 : lost(s, what, r);
}

/* Of a reply in several lines, SMTP's, all is kept: the code once, in front. */
static void
keep_words(struct session *s, const char *text)
{
	char whole[2 * sizeof(s->words)];
	int code = strspn(text, "0123456789") == 3 ? 4 : 0;

	snprintf(whole, sizeof(whole), "%.*s%s%s%s", code, text, s->words,
	    *s->words ? " " : "", text + code);
	keep(s->words, sizeof(s->words), whole);
}

int
session_reply(struct session *s, const char *what, enum reply *ret, char **text)
{
	char *line;
	int r;

	for (;;) {
		r = session_line(s, what, &line);
		if (r != 0)
			return r;
		*ret = s->protocol->classify(line, s->tag, text);
		if (*ret == REPLY_BAD || *ret == REPLY_GOOD)
			keep_words(s, *text);
		if (*ret != REPLY_INFO)
			return 0;
		s->protocol->take(&s->offer, *text);
		if (!s->protocol->tagged)
			keep_words(s, *text);
	}
}

/* POP3's lists end with a dot, RFC 1939 section 3. */
static int
take_list(struct session *s)
{
	char *line;
	int r;

	for (;;) {
		r = session_line(s, s->protocol->capability, &line);
		if (r != 0)
			return r;
		if (strcmp(line, ".") == 0)
			return 0;
		s->protocol->take(&s->offer, line);
	}
}

/* What SMTP wants to be told: RFC 5321 section 4.1.3. */
static void
own_name(char *buf, size_t size)
{
	if (gethostname(buf, size) < 0 || !memchr(buf, '\0', size) ||
	    !strchr(buf, '.'))
		snprintf(buf, size, "localhost.localdomain");
}

int
session_offers(struct session *s)
{
	const struct protocol *p = s->protocol;
	char line[300], name[256];
	enum reply reply = REPLY_BAD;
	char *text;
	int r;

	memset(&s->offer, 0, sizeof(s->offer));
	own_name(name, sizeof(name));
	snprintf(line, sizeof(line), "%s%s%s", p->capability,
	    p->names_itself ? " " : "", p->names_itself ? name : "");
	r = session_command(s, line);
	if (r == 0)
		r = session_reply(s, p->capability, &reply, &text);
	if (r != 0)
		return r;
	if (reply != REPLY_GOOD)
		return session_fail(s, EX_PROTOCOL, "%s refuses %s: \"%s\"",
		    s->host, p->capability, s->words);
	if (p->lists)
		return take_list(s);
	if (p->names_itself) /* SMTP's last line is one of the list */
		p->take(&s->offer, text);
	return 0;
}

/* The server's first words. */
static int
greet(struct session *s)
{
	enum reply reply = REPLY_BAD;
	char *line, *text;
	int r;

	do {
		r = session_line(s, "the greeting", &line);
		if (r != 0)
			return r;
		reply = s->protocol->greeting(line, &text);
	} while (reply == REPLY_INFO);
	keep(s->greeting, sizeof(s->greeting), text);
	session_trace(s, "greeting", "%s", s->greeting);
	if (reply == REPLY_GOOD)
		return 0;
	s->refused = 1;
	keep(s->words, sizeof(s->words), text);
	return session_fail(s, EX_TEMPFAIL, "%s refuses the connection: \"%s\"",
	    s->host, s->words);
}

static int
connect_to(struct session *s)
{
	int r = stream_open(&s->stream, s->host, s->port);

	return r == 0 ? 0 : session_fail(s, r, "%s", s->stream.error);
}

static int
begin_tls(struct session *s)
{
	char text[128];
	int r = stream_tls(&s->stream, s->host, s->ca_file);

	if (r == STREAM_NOT_TLS)
		return session_fail(s, r, "%s", s->stream.error);
	if (r != 0)
		return session_fail(
		    s, r, "%s; nothing was sent", s->stream.error);
	session_trace(
	    s, "TLS", "%s", tls_describe(s->stream.ssl, text, sizeof(text)));
	return 0;
}

/* RFC 3207, RFC 2595: what was heard before counts for nothing. */
static int
upgrade(struct session *s)
{
	const struct protocol *p = s->protocol;
	enum reply reply = REPLY_BAD;
	char *text;
	int r;

	r = greet(s);
	if (r == 0)
		r = session_offers(s);
	if (r != 0)
		return r;
	if (!s->offer.starttls)
		return session_fail(s, EX_PROTOCOL,
		    "%s, port %u, does not offer %s; nothing was sent in clear",
		    s->host, s->port, p->starttls);
	r = session_command(s, p->starttls);
	if (r == 0)
		r = session_reply(s, p->starttls, &reply, &text);
	if (r != 0)
		return r;
	if (reply != REPLY_GOOD)
		return session_fail(s, EX_TEMPFAIL, "%s refuses %s: \"%s\"",
		    s->host, p->starttls, s->words);
	return begin_tls(s);
}

/* TLS, whichever way; a port that nobody knows tells by what it says first. */
static int
secure(struct session *s)
{
	enum tls_mode mode = protocol_tls(s->protocol, s->port);
	int r;

	if (mode == TLS_STARTTLS)
		return upgrade(s);
	r = begin_tls(s);
	if (r != STREAM_NOT_TLS)
		return r == 0 ? greet(s) : r;
	if (mode == TLS_FROM_START)
		return EX_PROTOCOL;
	stream_close(&s->stream);
	r = connect_to(s);
	return r == 0 ? upgrade(s) : r;
}

int
session_open(struct session *s)
{
	int r;

	s->stream.deadline_ms = util_now_ms() + SESSION_MS;
	r = connect_to(s);
	if (r == 0)
		r = secure(s);
	if (r == 0)
		r = session_offers(s);
	if (r == 0)
		session_trace(s, "offers", "%s", s->offer.all);
	return r;
}

void
session_close(struct session *s)
{
	stream_close(&s->stream);
}
