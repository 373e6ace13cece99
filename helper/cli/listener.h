/* SPDX-License-Identifier: MIT */
/* listener.h - listening sockets of the loopback interface */
#ifndef SASL_BEARER_LISTENER_H
#define SASL_BEARER_LISTENER_H

#include "helper/cli/redirect.h"

#define LISTENERS 2 /* 127.0.0.1 and ::1 */

struct listener {
	int fd[LISTENERS]; /* -1 where there is none */
	int port;	   /* of both */
};

/* What loopback_open() does; l needs no preparation. */
int listener_open(struct listener *l, const struct redirect *to);

/* Close what is open. It may be called twice. */
void listener_close(struct listener *l);

#endif
