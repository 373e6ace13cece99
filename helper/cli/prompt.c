/* SPDX-License-Identifier: MIT */
/* prompt - ask for what is not to be shown */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/prompt.h"

#define CONTROL(c) ((c)&0x1f)

static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
static volatile sig_atomic_t caught;

static void
on_signal(int number)
{
	caught = number; /* read() returns */
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
		if (n == 0 && len == 0)
			return -ENODATA;
		if (n == 0 || buf[len] == '\n')
			break;
		if (++len == size)
			return -ERR_TOOBIG;
	}
	buf[len] = '\0';
	return len > 0 ? 0 : -EINVAL;
}

/* The same from a terminal, with what it no longer does by itself. */
static int
edit_line(const struct termios *t, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;
	char c;

	for (;;) {
		n = caught ? -1 : read(STDIN_FILENO, &c, 1);
		if (n < 0)
			return caught ? -EINTR : -errno;
		if (n == 0 || (len == 0 && c == (char)t->c_cc[VEOF]))
			return -ENODATA;
		if (c == '\n')
			break;
		if (c == (char)t->c_cc[VERASE] || c == '\b' || c == 0x7f)
			len -= len > 0;
		else if (c == (char)t->c_cc[VKILL] || c == CONTROL('U'))
			len = 0;
		else if (len + 1 == size)
			return -ERR_TOOBIG;
		else
			buf[len++] = c;
	}
	buf[len] = '\0';
	return len > 0 ? 0 : -EINVAL;
}

/*
 * Read from a terminal. In its usual mode it would take 4,095 bytes of a line
 * at most. A signal that ends or stops the program does so when the terminal is
 * as it was.
 */
static int
ask(const char *question, const struct termios *shown, char *buf, size_t size)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct sigaction old[COUNT_OF(numbers)];
	struct termios hidden = *shown;
	size_t i;
	int r;

	hidden.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
	hidden.c_cc[VMIN] = 1;
	hidden.c_cc[VTIME] = 0;
	caught = 0;
	for (i = 0; i < COUNT_OF(numbers); i++)
		sigaction(numbers[i], &action, &old[i]); /* no SA_RESTART */
	fprintf(stderr, "%s: ", question);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) < 0)
		r = -errno;
	else
		r = edit_line(shown, buf, size);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, shown);
	for (i = 0; i < COUNT_OF(numbers); i++)
		sigaction(numbers[i], &old[i], NULL);
	fputc('\n', stderr);
	if (caught)
		raise(caught);
	return r;
}

int
prompt_secret(const char *question, char *buf, size_t size)
{
	struct termios shown;
	int r;

	do {
		if (tcgetattr(STDIN_FILENO, &shown) < 0)
			return read_line(buf, size);
		r = ask(question, &shown, buf, size);
	} while (r == -EINTR && caught == SIGTSTP); /* and went on: anew */
	return r;
}
