/* SPDX-License-Identifier: MIT */
/* test-hostport - the name of a mail server, perhaps with its port */
#include "config.h"

#include <stddef.h>
#include <stdlib.h>

#include "helper/config/hostport.h"
#include "helper/config/settings.h"
#include "tests/unit/tap.h"

static const struct {
	const char *text;
	const char *host; /* NULL: refused */
	unsigned port;
} rows[] = {
    {"imap.example.com", "imap.example.com", 0},
    {"imap.example.com:993", "imap.example.com", 993},
    {"IMAP.Example.com.:1", "IMAP.Example.com.", 1},
    {"127.0.0.1:65535", "127.0.0.1", 65535},
    {"[::1]", "::1", 0},
    {"[2001:db8::1]:993", "2001:db8::1", 993},
    {"under_score", "under_score", 0},
    {"", NULL, 0},
    {":993", NULL, 0},
    {"h:", NULL, 0},
    {"h:0", NULL, 0},
    {"h:65536", NULL, 0},
    {"h:99x", NULL, 0},
    {"h:993:993", NULL, 0},
    {"::1", NULL, 0},
    {"[::1", NULL, 0},
    {"[::1]993", NULL, 0},
    {"[h]:993", NULL, 0},
    {"[]:993", NULL, 0},
    {"-oProxy", NULL, 0},
    {".h", NULL, 0},
    {"*.example.com", NULL, 0},
    {"imaps://h", NULL, 0},
    {"h/x", NULL, 0},
    {"a b", NULL, 0},
    {"h\n", NULL, 0},
    {"\xc3\xa9.example", NULL, 0},
};

static void
test_length(void)
{
	char text[HOST_MAX + 2];
	struct hostport h;

	memset(text, 'a', sizeof(text) - 1);
	text[HOST_MAX + 1] = '\0';
	tap_ok(hostport_parse(text, &h) < 0, "a name of 256 bytes");
	tap_ok(hostport_parse(text + 1, &h) == 0, "a name of 255 bytes");
}

static void
test_listed(void)
{
	char **hosts = NULL;

	if (list_parse("*.example.com ::1 [::2] h", " ", &hosts) < 0)
		abort();
	tap_ok(hostport_listed("imap.example.com:993", hosts), "by a glob");
	tap_ok(hostport_listed("H", hosts), "by its name");
	tap_ok(hostport_listed("[::1]:993", hosts), "without brackets");
	tap_ok(hostport_listed("[::2]:993", hosts), "with brackets");
	tap_ok(!hostport_listed("[::3]:993", hosts), "another address");
	tap_ok(!hostport_listed("example.com", hosts), "another name");
	tap_ok(!hostport_listed("::1", hosts), "what is no server");
	list_free(hosts);
}

int
main(void)
{
	struct hostport h;
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(rows); i++) {
		h = (struct hostport){"unchanged", 7};
		r = hostport_parse(rows[i].text, &h);
		tap_ok((r == 0) == (rows[i].host != NULL), "\"%s\" is %s",
		    rows[i].text, rows[i].host ? "a server" : "none");
		tap_is(h.host, rows[i].host ? rows[i].host : "unchanged",
		    "  host");
		tap_ok(h.port == (rows[i].host ? rows[i].port : 7), "  port");
	}
	test_length();
	test_listed();
	return tap_done();
}
