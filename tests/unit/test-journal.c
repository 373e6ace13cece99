/* SPDX-License-Identifier: MIT */
/* test-journal - lines with fields, for systemd's journal */
#include "config.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "helper/daemon/log.h"
#include "tests/unit/tap.h"

/* It is built with JOURNAL_SOCKET "journal", in the working directory. */
static char dir[] = "/tmp/sb-journal-XXXXXX";

static int
listen_here(void)
{
	const struct sockaddr_un addr = {
	    .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (const void *)&addr, sizeof(addr)) < 0)
		exit(99);
	return fd;
}

/* Say that standard error, which becomes the file, goes to the journal. */
static void
connect_stderr(ino_t more)
{
	char text[64];
	struct stat st;
	int fd = open("stderr", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || fstat(fd, &st) < 0)
		exit(99);
	close(fd);
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)(st.st_ino + more));
	setenv("JOURNAL_STREAM", text, 1);
}

/* What was written to standard error so far. */
static const char *
written(void)
{
	static char buf[4096];
	ssize_t n = pread(STDERR_FILENO, buf, sizeof(buf) - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

/* The next entry; "" when there is none. */
static const char *
entry(int fd)
{
	static char buf[16384];
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

int
main(void)
{
	static char big[9000];
	const struct journal_field fields[] = {{"SASL_BEARER_ACCOUNT", "a"},
	    {"SASL_BEARER_STATE", ""}, {"SASL_BEARER_USER", NULL},
	    {"SASL_BEARER_EVENT", "token"}, {NULL, NULL}};
	const struct journal_field too_long[] = {{"X", big}, {NULL, NULL}};
	int fd;

	memset(big, 'x', sizeof(big) - 1);
	if (!mkdtemp(dir) || chdir(dir) < 0)
		return 99;
	connect_stderr(0);
	log_open(1);
	log_line(LEVEL_INFO, "nobody listens");
	tap_is(written(), "<6>nobody listens\n", "no journal: as ever");

	fd = listen_here();
	connect_stderr(1);
	log_open(1);
	log_line(LEVEL_INFO, "elsewhere");
	tap_is(written(), "<6>elsewhere\n",
	    "standard error that goes elsewhere is used");
	tap_is(entry(fd), "", "and the journal is not");

	connect_stderr(0);
	log_open(1);
	log_fields(LEVEL_WARNING, fields, "one %s", "l\nine");
	tap_is(entry(fd),
	    "MESSAGE=one l ine\nPRIORITY=4\nSYSLOG_FACILITY=2\n"
	    "SYSLOG_IDENTIFIER=sasl-bearerd\n"
	    "SASL_BEARER_ACCOUNT=a\nSASL_BEARER_EVENT=token\n",
	    "a line with its fields; no line feed makes a field");
	log_line(LEVEL_ERROR, "two");
	tap_is(entry(fd),
	    "MESSAGE=two\nPRIORITY=3\nSYSLOG_FACILITY=2\n"
	    "SYSLOG_IDENTIFIER=sasl-bearerd\n",
	    "a line without");
	tap_is(written(), "", "nothing is written twice");
	log_fields(LEVEL_INFO, too_long, "three");
	tap_is(written(), "<6>three\n", "what does not fit is not lost");
	close(fd);
	log_line(LEVEL_INFO, "four");
	tap_is(written(), "<6>three\n<6>four\n",
	    "nor is anything when the journal goes");
	unlink("journal");
	unlink("stderr");
	if (chdir("/") < 0 || rmdir(dir) < 0)
		return 99;
	return tap_done();
}
