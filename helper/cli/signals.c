/* SPDX-License-Identifier: MIT */
/* signals - let a signal that ends the program wait for a good moment */
#include "config.h"

#include <stddef.h>

#include "common/util.h"
#include "helper/cli/signals.h"

static const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

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
