/* SPDX-License-Identifier: MIT */
/* signals.h - let a signal that ends the program wait for a good moment */
#ifndef SASL_BEARER_SIGNALS_H
#define SASL_BEARER_SIGNALS_H

#include <signal.h>

/*
 * From here on SIGHUP, SIGINT, SIGQUIT and SIGTERM wait: what was begun is
 * finished, or undone. Children that are started in between inherit this.
 *
 *	old	for signals_release(), which lets in what has waited
 */
void signals_hold(sigset_t *old);
void signals_release(const sigset_t *old);

/* Whether one is waiting: then do not begin anything that takes long. */
int signals_waiting(void);

/*
 * Have a signal that ends the program say a line on the terminal first. Signals
 * that are ignored stay so.
 *
 *	line	static, with its line feeds; NULL: no longer
 */
void signals_announce(const char *line);

#endif
