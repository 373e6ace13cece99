/* SPDX-License-Identifier: MIT */
/* test-conf - read name = value files by a table */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/config/conf.h"
#include "tests/unit/tap.h"

struct sample {
	char *text;
	char *path;
	char *url;
	char **list;
	int64_t wait;
	int level;
	unsigned set;
};

static const char *const levels[] = {"low", "middle", "high", NULL};

#define KEY(n, t, m) \
	.name = (n), .type = (t), .offset = offsetof(struct sample, m)

static const struct conf_key keys[] = {
    {KEY("client_id", CONF_STRING, text), .flags = CONF_EXPAND},
    {KEY("path", CONF_PATH, path)},
    {KEY("url", CONF_URL, url), .flags = CONF_METADATA},
    {KEY("hosts", CONF_LIST, list), .def = "a b"},
    {KEY("wait", CONF_DURATION, wait), .min = 30, .max = 86400, .def = "5m"},
    {KEY("level", CONF_CHOICE, level), .choices = levels, .def = "middle"},
    {KEY("set", CONF_SET, set), .choices = levels},
    {0},
};

static char dir[] = "/tmp/test-conf.XXXXXX";
static char file[sizeof(dir) + 8];

static void
write_file(const char *text, size_t len, mode_t mode)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || util_write_all(fd, text, len) < 0 || fchmod(fd, mode) < 0)
		perror(file);
	close(fd);
}

/* Load a text. Returns the code; the first error is in e. */
static int
load(const char *text, size_t len, struct sample *s, struct conf_errors *e)
{
	*e = (struct conf_errors){0};
	*s = (struct sample){0};
	write_file(text, len, 0600);
	return conf_load(file, keys, s, NULL, e);
}

/* Whether a line begins with the file's name and ends with text. */
static int
says(const struct conf_errors *e, const char *text)
{
	return strncmp(e->first, file, strlen(file)) == 0 &&
	    strcmp(e->first + strlen(file), text) == 0;
}

static void
test_values(void)
{
	static const char text[] =
	    "# comment\n"
	    "   # another\n"
	    "\n"
	    " client_id =  a = b # c  \n"
	    "path=/etc/x y\n"
	    "\turl\t=\thttps://h.example/a?b=c\n"
	    "hosts = one  two three\n"
	    "wait = 2h\n"
	    "level = high\n"
	    "set = low high"; /* no line feed at the end */
	struct conf_errors e;
	struct sample s;

	tap_ok(load(text, strlen(text), &s, &e) == 0, "a whole file");
	tap_is(s.text, "a = b # c", "a value is the rest of the line, trimmed");
	tap_is(s.path, "/etc/x y", "path");
	tap_is(s.url, "https://h.example/a?b=c", "URL");
	tap_ok(s.list && strcmp(s.list[0], "one") == 0 &&
		strcmp(s.list[1], "two") == 0 &&
		strcmp(s.list[2], "three") == 0 && !s.list[3],
	    "list");
	tap_ok(s.wait == 7200, "duration");
	tap_ok(s.level == 2, "choice");
	tap_ok(s.set == 5, "set");
	conf_clear(keys, &s);
	tap_ok(!s.text && !s.list && s.wait == 0, "cleared");
}

/* Only keys that say so are expanded. */
static void
test_expansion(void)
{
	static const char text[] = "client_id = a-${TEST_CONF}-${TEST_CONF}\n"
				   "path = /x/${TEST_CONF}\n"
				   "url = http://169.254.169.254/m\n"
				   "hosts = one two\n";
	static const char cut[] = "client_id = ${TEST_CONF\n";
	struct sample s;
	struct conf_errors e;

	setenv("TEST_CONF", "b c", 1);
	tap_ok(load(text, strlen(text), &s, &e) == 0, "a file with variables");
	tap_is(s.text, "a-b c-b c", "a variable is expanded, twice");
	tap_is(s.path, "/x/${TEST_CONF}", "not where the key is no such key");
	tap_is(s.url, "http://169.254.169.254/m", "the metadata address");
	conf_clear(keys, &s);
	tap_ok(load(cut, strlen(cut), &s, &e) < 0 &&
		says(&e, ":1: client_id has a \"${\" without \"NAME}\""),
	    "a variable without an end");
	conf_clear(keys, &s);
	setenv("TEST_CONF", "a\nb", 1);
	tap_ok(load(text, strlen(text), &s, &e) < 0,
	    "a variable with a control byte");
	conf_clear(keys, &s);
	unsetenv("TEST_CONF");
	tap_ok(load(text, strlen(text), &s, &e) < 0, "a variable is not set");
	conf_clear(keys, &s);
}

static void
test_defaults(void)
{
	struct conf_errors e;
	struct sample s;

	tap_ok(load("hosts =\n", 8, &s, &e) == 0, "an empty value is absent");
	tap_ok(s.list && strcmp(s.list[1], "b") == 0, "default of a list");
	tap_ok(s.wait == 300, "default of a duration");
	tap_ok(s.level == 1, "default of a choice");
	tap_ok(!s.text && s.set == 0, "no default");
	conf_clear(keys, &s);
	s = (struct sample){0};
	tap_ok(conf_defaults(keys, &s) == 0 && s.wait == 300,
	    "defaults without a file");
	conf_clear(keys, &s);
}

/* Each is one wrong line, and what is said about it. */
static const struct {
	const char *text;
	const char *error;
} wrong[] = {
    {"cleint_id = x",
	":1: unknown name \"cleint_id\": did you mean \"client_id\"?"},
    {"clientid = x",
	":1: unknown name \"clientid\": did you mean \"client_id\"?"},
    {"uri = x", ":1: unknown name \"uri\": did you mean \"url\"?"},
    {"Jx8Q~0123456789-abcdefghijk.mnop= ",
	":1: unknown name, of 32 bytes; is it a part of a value?"},
    {"zebra = x", ":1: unknown name \"zebra\""},
    {"\n\nwiat = x", ":3: unknown name \"wiat\": did you mean \"wait\"?"},
    {"client_id", ":1: not a line of the form name = value"},
    {"client_id = a\r", NULL},
    {"client_id = a\001b", ":1: control byte, or not UTF-8 text"},
    {"client_id = a\tb", ":1: control byte, or not UTF-8 text"},
    {"hosts = a\tb", ":1: control byte, or not UTF-8 text"},
    {"client_id = a\xff", ":1: control byte, or not UTF-8 text"},
    {"client_id = a\nclient_id = b", ":2: client_id stands in line 1 already"},
    {"client_id = CLIENT_ID_HERE", ":1: client_id is still a placeholder"},
    {"client_id = <client id>", ":1: client_id is still a placeholder"},
    {"client_id = YOUR_CLIENT", ":1: client_id is still a placeholder"},
    {"hosts = a <host>", ":1: hosts is still a placeholder"},
    {"path = etc", ":1: path is not an absolute path"},
    {"wait = 5", ":1: wait 5 is not within 30s..1d"},
    {"wait = 2d", ":1: wait 2d is not within 30s..1d"},
    {"wait = 5x",
	":1: wait \"5x\" is not a duration such as 90s, 15m, 12h or 7d"},
    {"wait = -5",
	":1: wait \"-5\" is not a duration such as 90s, 15m, 12h or 7d"},
    {"wait = 5 m",
	":1: wait \"5 m\" is not a duration such as 90s, 15m, 12h or 7d"},
    {"wait = 99999999999999999999",
	":1: wait \"99999999999999999999\" is not a duration such as 90s, "
	"15m, 12h or 7d"},
    {"level = hihg", ":1: level \"hihg\" is not one of: low, middle, high"},
    {"set = low hgih", ":1: set \"hgih\" is not one of: low, middle, high"},
};

static void
test_wrong(void)
{
	struct conf_errors e;
	struct sample s;
	size_t i;

	for (i = 0; i < COUNT_OF(wrong); i++) {
		tap_ok(load(wrong[i].text, strlen(wrong[i].text), &s, &e) ==
			    -EINVAL &&
			e.count == 1,
		    "one error in wrong text %zu", i);
		if (wrong[i].error && !says(&e, wrong[i].error))
			tap_is(e.first, wrong[i].error, "its words");
		conf_clear(keys, &s);
	}
	load("url = x\r\nwait = 2d\r\n", 20, &s, &e);
	tap_ok(e.count == 1 && strstr(e.first, "DOS line ends"),
	    "DOS line ends are said once");
	conf_clear(keys, &s);
	tap_ok(load("a\0b = c", 7, &s, &e) == -EINVAL, "a NUL");
	conf_clear(keys, &s);
	load("nothing = 1\nwait = x\n\nlevel = x\n", 32, &s, &e);
	tap_ok(e.count == 3, "all errors are counted");
	conf_clear(keys, &s);
}

static const struct {
	const char *url;
	int good;
} urls[] = {
    {"https://login.example.com/{tenant}/token", 1},
    {"https://h", 1},
    {"https://h:8443/x", 1},
    {"https://[2001:db8::1]:8443/x", 1},
    {"http://127.0.0.1:80/x", 1},
    {"http://127.3.2.1", 1},
    {"http://[::1]/", 1},
    {"http://localhost:8080", 1},
    {"http://example.com/", 0},
    {"http://127.0.0.1.example.com/", 0},
    {"http://127.0.0.1@example.com/", 0},
    {"http://localhost.example.com/", 0},
    {"http://[::2]/", 0},
    {"https://user@h/", 0},
    {"https://", 0},
    {"https:///x", 0},
    {"https://[::1", 0},
    {"https://h/a b", 0},
    {"HTTPS://h/", 0},
    {"ftp://h/", 0},
    {"h.example", 0},
};

static void
test_urls(void)
{
	struct conf_errors e;
	struct sample s;
	char text[128];
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(urls); i++) {
		snprintf(text, sizeof(text), "url = %s\n", urls[i].url);
		r = load(text, strlen(text), &s, &e);
		tap_ok((r == 0) == urls[i].good, "%s is %s", urls[i].url,
		    urls[i].good ? "fine" : "refused");
		conf_clear(keys, &s);
	}
}

static void
test_size(void)
{
	static char text[CONF_FILE_MAX + 1];
	struct conf_errors e;
	struct sample s;

	memset(text, '#', sizeof(text));
	tap_ok(load(text, CONF_FILE_MAX, &s, &e) == 0, "the longest file");
	conf_clear(keys, &s);
	tap_ok(load(text, CONF_FILE_MAX + 1, &s, &e) < 0 &&
		strstr(e.first, "longer than 65536 bytes"),
	    "a file that is too long");
	conf_clear(keys, &s);
}

/* Load a file as it is. */
static int
load_file(const char *path, struct conf_errors *e)
{
	struct sample s = {0};
	int r;

	*e = (struct conf_errors){0};
	r = conf_load(path, keys, &s, NULL, e);
	conf_clear(keys, &s);
	return r;
}

/* Whether a file is refused with these words. */
static int
refused(const char *path, const char *words)
{
	struct conf_errors e;
	int r = load_file(path, &e);

	if (r >= 0 || e.count != 1 || !strstr(e.first, words)) {
		printf("# %d %s\n", r, e.first);
		return 0;
	}
	return 1;
}

static void
test_owner(void)
{
	char other[sizeof(dir) + 8];
	struct conf_errors e;

	write_file("", 0, 0660);
	tap_ok(refused(file, "writable by others; run: chmod go-w "),
	    "a file its group may write");
	write_file("", 0, 0602);
	tap_ok(refused(file, "chmod go-w"), "a file all may write");
	write_file("", 0, 0644);
	chmod(dir, 0777);
	tap_ok(refused(file, "directory"), "a directory all may write");
	chmod(dir, 01777);
	tap_ok(load_file(file, &e) == 0, "a sticky directory all may write");
	chmod(dir, 0700);
	if (geteuid() == 0 && chown(file, 65534, 0) == 0)
		tap_ok(refused(file, "belongs to uid 65534"), "another's file");
	unlink(file);
	tap_ok(refused(file, "No such file"), "no file");
	snprintf(other, sizeof(other), "%s/fifo", dir);
	mkfifo(other, 0600);
	tap_ok(refused(other, "not a regular file"), "a FIFO, without waiting");
	tap_ok(symlink("fifo", file) == 0 && refused(file, "symbolic link"),
	    "a symbolic link");
	unlink(other);
	unlink(file);
}

static unsigned reported;

static void
count_line(void *context, const char *line)
{
	if (context == dir && !strchr(line, '\n'))
		reported++;
}

static void
test_report(void)
{
	struct conf_errors e = {.report = count_line, .context = dir};
	char longest[3000];

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	conf_error(&e, "f", 7, "a\nb");
	tap_is(e.first, "f:7: a b", "an error is one line");
	conf_error(&e, longest, 0, "%s", longest);
	tap_ok(e.count == 2 && reported == 2, "errors are counted, reported");
	tap_is(e.first, "f:7: a b", "the first is kept");
}

int
main(void)
{
	if (!mkdtemp(dir))
		return 99;
	snprintf(file, sizeof(file), "%s/f.conf", dir);
	test_values();
	test_expansion();
	test_defaults();
	test_wrong();
	test_urls();
	test_size();
	test_owner();
	test_report();
	rmdir(dir);
	return tap_done();
}
