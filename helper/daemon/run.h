/* SPDX-License-Identifier: MIT */
/* run.h - run the daemon once it is set up */
#ifndef SASL_BEARER_RUN_H
#define SASL_BEARER_RUN_H

#include "helper/daemon/daemon.h"

/*
 * Serve until SIGTERM or SIGINT.
 *
 *	d		settings, listeners and state_fd are filled in
 *	spawner_fd	the daemon's end of spawn_serve()'s socket
 *	ready		called once, when requests are served
 *
 * Returns 0 or a negative code, which is logged.
 */
int
daemon_run(struct daemon *d, int spawner_fd, void (*ready)(void *), void *arg);

#endif
