/* SPDX-License-Identifier: MIT */
/* journal - lines with fields, for systemd's journal */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "helper/daemon/journal.h"

#ifndef JOURNAL_SOCKET
#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#endif
#define ENTRY_MAX 8192
#define FACILITY "2" /* mail, as with syslog(3) */

static int journal_fd = -1;

/* Whether standard error is what systemd has connected with the journal. */
static int
is_connected(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return 0;
	snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	return strcmp(stream, ours) == 0;
}

void
journal_open(void)
{
	const struct sockaddr_un addr = {
	    .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET};

	if (!is_connected())
		return;
	journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (journal_fd >= 0 &&
	    connect(journal_fd, (const struct sockaddr *)&addr, sizeof(addr)) <
		0) {
		close(journal_fd);
		journal_fd = -1;
	}
}

/* An entry under construction; its length is -1 when it does not fit. */
struct entry {
	int len;
	char buf[ENTRY_MAX];
};

static void
add(struct entry *e, const char *name, const char *value)
{
	size_t room = sizeof(e->buf) - (size_t)(e->len > 0 ? e->len : 0);
	int n;

	if (e->len < 0 || !value || !*value)
		return;
	n = snprintf(e->buf + e->len, room, "%s=%s\n", name, value);
	e->len = n < 0 || (size_t)n >= room ? -1 : e->len + n;
}

int
journal_send(int priority, const char *text, const struct journal_field *fields)
{
	struct entry e = {.len = 0};
	char number[12];

	if (journal_fd < 0)
		return -1;
	snprintf(number, sizeof(number), "%d", priority);
	add(&e, "MESSAGE", text);
	add(&e, "PRIORITY", number);
	add(&e, "SYSLOG_FACILITY", FACILITY);
	add(&e, "SYSLOG_IDENTIFIER", "sasl-bearerd");
	for (; fields && fields->name; fields++)
		add(&e, fields->name, fields->value);
	if (e.len < 0)
		return -1;
	return send(journal_fd, e.buf, (size_t)e.len,
		   MSG_NOSIGNAL | MSG_DONTWAIT) < 0
	    ? -1
	    : 0;
}
