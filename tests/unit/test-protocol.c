/* SPDX-License-Identifier: MIT */
/* test-protocol - what lines of mail servers mean, and their words */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "helper/mail/protocol.h"
#include "tests/unit/tap.h"

/* A line behind a command, whose tag is "a1 " with IMAP. */
static const struct {
	const char *protocol, *line;
	enum reply reply;
	const char *text;
} lines[] = {
    {"imap", "a1 OK done", REPLY_GOOD, "done"},
    {"imap", "a1 ok", REPLY_GOOD, ""},
    {"imap", "a1 NO [AUTHENTICATIONFAILED] no", REPLY_BAD,
	"[AUTHENTICATIONFAILED] no"},
    {"imap", "a1 BAD what?", REPLY_BAD, "what?"},
    {"imap", "a1 OKAY", REPLY_BAD, ""},
    {"imap", "a1 ", REPLY_BAD, ""},
    {"imap", "a12 OK done", REPLY_INFO, "a12 OK done"},
    {"imap", "* BYE gone", REPLY_BAD, "gone"},
    {"imap", "* BYEBYE", REPLY_INFO, "BYEBYE"},
    {"imap", "* OK still here", REPLY_INFO, "OK still here"},
    {"imap", "+ e30=", REPLY_MORE, "e30="},
    {"imap", "+", REPLY_MORE, ""},
    {"imap", "", REPLY_INFO, ""},
    {"pop", "+OK", REPLY_GOOD, ""},
    {"pop", "+OK welcome", REPLY_GOOD, "welcome"},
    {"pop", "+OKAY", REPLY_INFO, "+OKAY"},
    {"pop", "-ERR [AUTH] no", REPLY_BAD, "[AUTH] no"},
    {"pop", "+ e30=", REPLY_MORE, "e30="},
    {"pop", "SASL PLAIN", REPLY_INFO, "SASL PLAIN"},
    {"smtp", "250 ok", REPLY_GOOD, "ok"},
    {"smtp", "250", REPLY_GOOD, ""},
    {"smtp", "250-SIZE", REPLY_INFO, "SIZE"},
    {"smtp", "235 2.7.0 welcome", REPLY_GOOD, "2.7.0 welcome"},
    {"smtp", "334 e30=", REPLY_MORE, "e30="},
    {"smtp", "535-5.7.8 no", REPLY_INFO, "5.7.8 no"},
    {"smtp", "535 5.7.8 no", REPLY_BAD, "535 5.7.8 no"},
    {"smtp", "2500 ok", REPLY_BAD, "2500 ok"},
    {"smtp", "25 ok", REPLY_BAD, "25 ok"},
    {"smtp", "ok", REPLY_BAD, "ok"},
    {"smtp", "", REPLY_BAD, ""},
};

/* A server's first line. */
static const struct {
	const char *protocol, *line;
	enum reply reply;
} greetings[] = {
    {"imap", "* OK hello", REPLY_GOOD},
    {"imap", "* PREAUTH hello", REPLY_BAD},
    {"imap", "* BYE no", REPLY_BAD},
    {"imap", "220 smtp", REPLY_BAD},
    {"pop", "+OK hello <1@x>", REPLY_GOOD},
    {"pop", "-ERR no", REPLY_BAD},
    {"pop", "+ what", REPLY_BAD},
    {"smtp", "220 hello", REPLY_GOOD},
    {"smtp", "220-hello", REPLY_INFO},
    {"smtp", "554 no", REPLY_BAD},
};

/* What a list tells. */
static const struct {
	const char *protocol, *line, *mechanisms;
	int starttls, initial;
} offers[] = {
    {"imap", "CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR",
	"PLAIN XOAUTH2", 0, 1},
    {"imap", "CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED", "", 1, 0},
    {"imap", "FLAGS (AUTH=PLAIN)", "", 0, 0},
    {"pop", "SASL PLAIN  OAUTHBEARER", "PLAIN OAUTHBEARER", 0, 0},
    {"pop", "STLS", "", 1, 0},
    {"smtp", "AUTH LOGIN XOAUTH2", "LOGIN XOAUTH2", 0, 0},
    {"smtp", "auth login", "login", 0, 0},
    {"smtp", "STARTTLS", "", 1, 0},
    {"smtp", "AUTHORS", "", 0, 0},
};

static const struct {
	const char *protocol;
	unsigned port;
	enum tls_mode mode;
} ports[] = {
    {"imap", 993, TLS_FROM_START},
    {"imap", 143, TLS_STARTTLS},
    {"imap", 1143, TLS_UNKNOWN},
    {"pop", 995, TLS_FROM_START},
    {"pop", 110, TLS_STARTTLS},
    {"smtp", 465, TLS_FROM_START},
    {"smtp", 587, TLS_STARTTLS},
    {"smtp", 25, TLS_STARTTLS},
    {"smtp", 993, TLS_UNKNOWN},
};

static void
test_lines(void)
{
	char line[128], *text;
	size_t i;

	for (i = 0; i < COUNT_OF(lines); i++) {
		const struct protocol *p = protocol_find(lines[i].protocol);

		snprintf(line, sizeof(line), "%s", lines[i].line);
		tap_ok(p->classify(line, "a1 ", &text) == lines[i].reply &&
			strcmp(text, lines[i].text) == 0,
		    "%s: \"%s\"", lines[i].protocol, lines[i].line);
	}
	snprintf(line, sizeof(line), "a1 OK");
	tap_ok(protocol_find("imap")->classify(line, "", &text) == REPLY_INFO,
	    "before a command nothing is its answer");
}

static void
test_greetings(void)
{
	char line[128], *text;
	size_t i;

	for (i = 0; i < COUNT_OF(greetings); i++) {
		const struct protocol *p = protocol_find(greetings[i].protocol);

		snprintf(line, sizeof(line), "%s", greetings[i].line);
		tap_ok(p->greeting(line, &text) == greetings[i].reply,
		    "%s begins: \"%s\"", greetings[i].protocol,
		    greetings[i].line);
	}
}

static void
test_offers(void)
{
	struct offer o;
	size_t i;

	for (i = 0; i < COUNT_OF(offers); i++) {
		memset(&o, 0, sizeof(o));
		protocol_find(offers[i].protocol)->take(&o, offers[i].line);
		tap_ok(strcmp(o.mechanisms, offers[i].mechanisms) == 0 &&
			o.starttls == offers[i].starttls &&
			o.initial == offers[i].initial,
		    "%s offers: \"%s\"", offers[i].protocol, offers[i].line);
	}
}

/* A list without end does not overflow: what does not fit is left out. */
static void
test_long_offer(void)
{
	struct offer o = {0};
	char line[2048] = "AUTH";
	size_t i;

	for (i = 4; i + 8 < sizeof(line); i += 8)
		memcpy(line + i, " ABCDEFG", 9);
	for (i = 0; i < 10; i++)
		protocol_find("smtp")->take(&o, line);
	tap_ok(strlen(o.mechanisms) < sizeof(o.mechanisms) &&
		strlen(o.all) < sizeof(o.all) && strlen(o.all) > 2000,
	    "a list without end is cut");
}

static void
test_ports(void)
{
	size_t i;

	for (i = 0; i < COUNT_OF(ports); i++)
		tap_ok(protocol_tls(protocol_find(ports[i].protocol),
			   ports[i].port) == ports[i].mode,
		    "TLS of %s, port %u", ports[i].protocol, ports[i].port);
	tap_ok(!protocol_find("nntp"), "there is no other protocol");
}

int
main(void)
{
	test_lines();
	test_greetings();
	test_offers();
	test_long_offer();
	test_ports();
	return tap_done();
}
