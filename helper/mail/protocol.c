/* SPDX-License-Identifier: MIT */
/* protocol - what IMAP, POP3 and SMTP say before and during a login */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/util.h"
#include "helper/mail/protocol.h"

/* Whether text begins with a word, which a blank or nothing ends. */
static int
begins(const char *text, const char *word)
{
	size_t len = strlen(word);

	return strncasecmp(text, word, len) == 0 &&
	    (text[len] == '\0' || text[len] == ' ');
}

static char *
after(char *text, const char *word)
{
	text += strlen(word);
	return text + strspn(text, " ");
}

/* Add a word to a list; what does not fit is left out. */
static void
add(char *list, size_t size, const char *word, size_t len)
{
	size_t used = strlen(list);

	if (len > 0 && used + len + 2 <= size)
		snprintf(list + used, size - used, "%s%.*s", used ? " " : "",
		    (int)len, word);
}

static void
add_mechanisms(struct offer *o, const char *text)
{
	size_t len;

	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		len = strcspn(text, " ");
		add(o->mechanisms, sizeof(o->mechanisms), text, len);
		text += len;
	}
}

static void
add_line(struct offer *o, const char *text)
{
	add(o->all, sizeof(o->all), text, strlen(text));
}

/* RFC 3501 section 7: "tag OK", "* OK", "+ text". */
static enum reply
imap_classify(char *line, const char *tag, char **text)
{
	*text = line;
	if (line[0] == '+') {
		*text = after(line, "+");
		return REPLY_MORE;
	}
	if (begins(line, "* BYE")) {
		*text = after(line, "* BYE");
		return REPLY_BAD;
	}
	if (begins(line, "*")) {
		*text = after(line, "*");
		return REPLY_INFO;
	}
	if (!*tag || strncmp(line, tag, strlen(tag)) != 0)
		return REPLY_INFO; /* nothing that was asked for */
	line += strlen(tag);
	*text = line + strcspn(line, " ");
	*text += strspn(*text, " ");
	return begins(line, "OK") ? REPLY_GOOD : REPLY_BAD;
}

/* A server that takes us for logged in already is not what it should be. */
static enum reply
imap_greeting(char *line, char **text)
{
	*text = line[0] == '*' ? after(line, "*") : line;
	return begins(*text, "OK") ? REPLY_GOOD : REPLY_BAD;
}

static void
imap_take(struct offer *o, const char *text)
{
	size_t len;

	if (!begins(text, "CAPABILITY"))
		return;
	text += sizeof("CAPABILITY") - 1;
	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		len = strcspn(text, " ");
		add(o->all, sizeof(o->all), text, len);
		if (strncasecmp(text, "AUTH=", 5) == 0)
			add(o->mechanisms, sizeof(o->mechanisms), text + 5,
			    len - 5);
		else if (begins(text, "STARTTLS"))
			o->starttls = 1;
		else if (begins(text, "SASL-IR"))
			o->initial = 1;
		text += len;
	}
}

/* RFC 1939 section 3, RFC 5034 section 4. */
static enum reply
pop_classify(char *line, const char *tag, char **text)
{
	(void)tag;
	*text = line;
	if (begins(line, "+OK")) {
		*text = after(line, "+OK");
		return REPLY_GOOD;
	}
	if (begins(line, "-ERR")) {
		*text = after(line, "-ERR");
		return REPLY_BAD;
	}
	if (!begins(line, "+"))
		return REPLY_INFO;
	*text = after(line, "+");
	return REPLY_MORE;
}

static enum reply
pop_greeting(char *line, char **text)
{
	return pop_classify(line, "", text) == REPLY_GOOD ? REPLY_GOOD
							  : REPLY_BAD;
}

/* RFC 2449 section 6, RFC 2595 section 4. */
static void
pop_take(struct offer *o, const char *text)
{
	add_line(o, text);
	if (begins(text, "SASL"))
		add_mechanisms(o, text + 4);
	else if (begins(text, "STLS"))
		o->starttls = 1;
}

/* RFC 5321 section 4.2: a hyphen after the code tells that more follows. */
static enum reply
smtp_classify(char *line, const char *tag, char **text)
{
	(void)tag;
	*text = line;
	if (strspn(line, "0123456789") != 3 || !strchr(" -", line[3]))
		return REPLY_BAD;
	*text = line[3] ? line + 4 : line + 3;
	if (line[3] == '-')
		return REPLY_INFO;
	if (strncmp(line, "334", 3) == 0)
		return REPLY_MORE;
	if (line[0] == '2')
		return REPLY_GOOD;
	*text = line; /* the code is half of what it says */
	return REPLY_BAD;
}

static enum reply
smtp_greeting(char *line, char **text)
{
	return smtp_classify(line, "", text);
}

/* RFC 4954 section 3; some old servers write "AUTH=". */
static void
smtp_take(struct offer *o, const char *text)
{
	add_line(o, text);
	if (begins(text, "AUTH"))
		add_mechanisms(o, text + 4);
	else if (begins(text, "STARTTLS"))
		o->starttls = 1;
}

/*
 * A response goes along with the command where that is allowed and the line
 * fits: SMTP's has 512 bytes, RFC 4954 section 4; POP3's 255, RFC 5034 section
 * 4, which no token fits.
 */
static const struct protocol protocols[] = {
    {
	.name = "imap",
	.tagged = 1,
	.port = 993,
	.capability = "CAPABILITY",
	.starttls = "STARTTLS",
	.authenticate = "AUTHENTICATE",
	.initial_max = 65536,
	.tls_port = 993,
	.text_ports = {143},
	.classify = imap_classify,
	.greeting = imap_greeting,
	.take = imap_take,
    },
    {
	.name = "pop",
	.lists = 1,
	.port = 995,
	.capability = "CAPA",
	.starttls = "STLS",
	.authenticate = "AUTH",
	.initial_max = 0,
	.tls_port = 995,
	.text_ports = {110},
	.classify = pop_classify,
	.greeting = pop_greeting,
	.take = pop_take,
    },
    {
	.name = "smtp",
	.names_itself = 1,
	.port = 587,
	.capability = "EHLO",
	.starttls = "STARTTLS",
	.authenticate = "AUTH",
	.initial_max = 512,
	.tls_port = 465,
	.text_ports = {587, 25},
	.classify = smtp_classify,
	.greeting = smtp_greeting,
	.take = smtp_take,
    },
};

const struct protocol *
protocol_find(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT_OF(protocols); i++)
		if (strcmp(protocols[i].name, name) == 0)
			return &protocols[i];
	return NULL;
}

enum tls_mode
protocol_tls(const struct protocol *p, unsigned port)
{
	if (port == p->tls_port)
		return TLS_FROM_START;
	return port == p->text_ports[0] || port == p->text_ports[1]
	    ? TLS_STARTTLS
	    : TLS_UNKNOWN;
}
