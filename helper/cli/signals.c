/* SPDX-License-Identifier: MIT */
/* signals - let a signal that ends the program wait for a good moment */
#include "config.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/cli/signals.h"

static const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
static const char *last_line;

void
signals_hold(sigset_t *old)
{
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < COUNT_OF(ending); i++)
		sigaddset(&set, ending[i]);
	sigprocmask(SIG_BLOCK, &set, old);
}

void
signals_release(const sigset_t *old)
{
	sigprocmask(SIG_SETMASK, old, NULL);
}

int
signals_waiting(void)
{
	sigset_t set;
	size_t i;

	if (sigpending(&set) < 0)
		return 0;
	for (i = 0; i < COUNT_OF(ending); i++)
		if (sigismember(&set, ending[i]) == 1)
			return 1;
	return 0;
}

static void
on_signal(int number)
{
	(void)util_write_all(STDOUT_FILENO, last_line, strlen(last_line));
	raise(number); /* with SA_RESETHAND: it ends the process */
}

void
signals_announce(const char *line)
{
	struct sigaction action = {.sa_handler = line ? on_signal : SIG_DFL,
	    .sa_flags = (int)SA_RESETHAND};
	struct sigaction old;
	size_t i;

	if (line)
		last_line = line;
	for (i = 0; i < COUNT_OF(ending); i++)
		if (sigaction(ending[i], NULL, &old) == 0 &&
		    old.sa_handler != SIG_IGN)
			sigaction(ending[i], &action, NULL);
}
