/* SPDX-License-Identifier: MIT */
/* test-msg - the one message format */
#include "config.h"

#include <stdlib.h>

#include "common/err.h"
#include "common/msg.h"
#include "common/util.h"
#include "tests/unit/tap.h"

#define P "protocol=1\n"

static const struct {
	const char *what, *text;
	int result;
} parse_rows[] = {
    {"the smallest message", P "\n", 0},
    {"some lines", P "request=token\nuser=a@b\n\n", 0},
    {"an empty value", P "user=\n\n", 0},
    {"'=' in a value", P "token=ab==\n\n", 0},
    {"UTF-8 in a value", P "user=\xea\xb4\x80@x\n\n", 0},
    {"nothing", "", -ERR_FORMAT},
    {"only the empty line", "\n", -ERR_VERSION},
    {"no end", P, -ERR_FORMAT},
    {"bytes after the end", P "\nx", -ERR_FORMAT},
    {"a second message", P "\n" P "\n", -ERR_FORMAT},
    {"no '='", P "user\n\n", -ERR_FORMAT},
    {"no name", P "=x\n\n", -ERR_FORMAT},
    {"an upper-case name", P "User=x\n\n", -ERR_FORMAT},
    {"a name that begins with a digit", P "1a=x\n\n", -ERR_FORMAT},
    {"a name of 31 bytes", P "abcdefghijklmnopqrstuvwxyzabcde=x\n\n", 0},
    {"a name of 32 bytes", P "abcdefghijklmnopqrstuvwxyzabcdef=x\n\n",
	-ERR_FORMAT},
    {"a name twice", P "user=a\nuser=b\n\n", -ERR_TWICE},
    {"another version", "protocol=2\n\n", -ERR_VERSION},
    {"the version not first", "user=a\n" P "\n", -ERR_VERSION},
    {"CR in a value", P "user=a\r\n\n", -ERR_CONTROL},
    {"0x01 in a value", P "user=a\001b\n\n", -ERR_CONTROL},
    {"DEL in a value", P "user=a\177\n\n", -ERR_CONTROL},
    {"TAB in a value", P "user=a\tb\n\n", -ERR_CONTROL},
    {"a lone continuation byte", P "user=\x80\n\n", -ERR_CONTROL},
    {"an overlong character", P "user=\xc0\xaf\n\n", -ERR_CONTROL},
    {"a surrogate", P "user=\xed\xa0\x80\n\n", -ERR_CONTROL},
    {"a character above U+10FFFF", P "user=\xf4\x90\x80\x80\n\n",
	-ERR_CONTROL},
    {"a cut character", P "user=\xe2\x82\n\n", -ERR_CONTROL},
};

static void
test_parse(void)
{
	struct msg m;
	size_t i;
	char buf[256];
	int r;

	for (i = 0; i < COUNT_OF(parse_rows); i++) {
		memcpy(buf, parse_rows[i].text, strlen(parse_rows[i].text));
		r = msg_parse(&m, buf, strlen(parse_rows[i].text));
		tap_ok(r == parse_rows[i].result, "parse: %s: %d",
		    parse_rows[i].what, r);
	}
	memcpy(buf, P "user=a\0b\n\n", 21);
	tap_ok(msg_parse(&m, buf, 21) == -ERR_CONTROL, "parse: NUL in a value");
}

static void
test_limits(void)
{
	char *buf = malloc(MSG_MAX + 1);
	struct msg_writer w;
	struct msg m;
	char name[16];
	int i, r;

	msg_begin(&w, buf, MSG_MAX + 1);
	for (i = 1; i < MSG_LINES; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		msg_put(&w, name, "x");
	}
	r = msg_end(&w);
	tap_ok(r == 0 && msg_parse(&m, buf, w.len) == 0 && m.count == MSG_LINES,
	    "64 lines are written and read");

	msg_begin(&w, buf, MSG_MAX + 1);
	for (i = 0; i < MSG_LINES; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		msg_put(&w, name, "x");
	}
	tap_ok(msg_end(&w) == -ERR_TOOBIG, "65 lines are not written");

	memset(buf, 'x', MSG_MAX);
	tap_ok(msg_length(buf, MSG_MAX - 1) == 0, "more may come: 64 KiB - 1");
	tap_ok(msg_length(buf, MSG_MAX) == -ERR_TOOBIG,
	    "D3: no end within 64 KiB is refused");
	memcpy(buf, P "a=", 13);
	memcpy(buf + MSG_MAX - 2, "\n\n", 2);
	tap_ok(msg_length(buf, MSG_MAX) == MSG_MAX &&
		msg_parse(&m, buf, MSG_MAX) == 0,
	    "a message of 64 KiB is read");
	free(buf);
}

static void
test_write(void)
{
	char buf[64], small[16];
	struct msg_writer w;
	struct msg m = {0};
	int64_t n = 7;

	msg_begin(&w, buf, sizeof(buf));
	msg_put(&w, "user", "a@b");
	msg_put(&w, "empty", "");
	msg_put(&w, "absent", NULL);
	msg_put_number(&w, "n", -5);
	tap_ok(msg_end(&w) == 0 && w.len == 26 &&
		memcmp(buf, P "user=a@b\nn=-5\n\n", w.len) == 0,
	    "empty and absent values are not written");
	tap_ok(msg_parse(&m, buf, w.len) == 0, "what is written is read");
	tap_is(msg_get(&m, "user"), "a@b", "a value is found");
	tap_is(msg_get(&m, "absent"), NULL, "an absent one is not");
	tap_ok(msg_get_number(&m, "n", 0, 9, &n) == -ERR_NUMBER && n == 7,
	    "a sign is no number");
	tap_ok(msg_get_number(&m, "x", 0, 9, &n) == 0 && n == 7,
	    "an absent number keeps the default");

	msg_begin(&w, buf, sizeof(buf));
	msg_put(&w, "user", "a\nb=c");
	tap_ok(msg_end(&w) == -ERR_CONTROL, "the writer refuses a line feed");
	msg_begin(&w, buf, sizeof(buf));
	msg_put(&w, "bad name", "x");
	tap_ok(msg_end(&w) == -ERR_FORMAT, "the writer refuses a bad name");
	msg_begin(&w, small, sizeof(small));
	msg_put(&w, "user", "abcdef");
	tap_ok(msg_end(&w) == -ERR_TOOBIG, "the writer keeps to its buffer");
}

int
main(void)
{
	test_parse();
	test_limits();
	test_write();
	return tap_done();
}
