/* SPDX-License-Identifier: MIT */
/* prompt - ask for a secret */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/err.h"
#include "helper/cli/prompt.h"

static void
on_signal(int number)
{
	(void)number; /* it is enough that read() returns */
}

/* Read to a line feed or the end. */
static int
read_line(char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	for (;;) {
		n = read(STDIN_FILENO, buf + len, 1);
		if (n < 0)
			return -errno;
		if (n == 0 || buf[len] == '\n')
			break;
		if (++len == size)
			return -ERR_TOOBIG;
	}
	buf[len] = '\0';
	return len > 0 ? 0 : -EINVAL;
}

int
prompt_secret(const char *question, char *buf, size_t size)
{
	struct sigaction action = {.sa_handler = on_signal}, old;
	struct termios shown, hidden;
	int r;

	if (tcgetattr(STDIN_FILENO, &shown) < 0)
		return read_line(buf, size);
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	fprintf(stderr, "%s: ", question);
	sigaction(SIGINT, &action, &old); /* no SA_RESTART: Ctrl-C ends read */
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) < 0)
		r = -errno;
	else
		r = read_line(buf, size);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	sigaction(SIGINT, &old, NULL);
	fputc('\n', stderr);
	return r;
}
