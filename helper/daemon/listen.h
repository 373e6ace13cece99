/* SPDX-License-Identifier: MIT */
/* listen.h - the sockets, and the markers beside them */
#ifndef SASL_BEARER_LISTEN_H
#define SASL_BEARER_LISTEN_H

#include <limits.h>

#include "helper/daemon/privilege.h"

struct daemon;

#define LISTEN_MAX 16

struct listeners {
	int fd[LISTEN_MAX];
	char path[LISTEN_MAX][108]; /* "" when it has none */
	int inherited; /* the service manager's: not ours to unlink */
	int count;
};

/*
 * Take the sockets a service manager passes, or bind those of the settings.
 *
 *	id	who will run the daemon; the markers' directory is theirs
 *
 * Sockets are open to all: who may ask for what is decided by the uid of the
 * peer. The directory of a socket must not be writable by others.
 *
 * Returns 0 or a negative errno; why (1,024 bytes) says what is wrong.
 */
int listen_open(char *const *paths, const struct identity *id,
    struct listeners *ret, char why[1024]);

/* The directory beside a socket that its markers are in. */
void listen_markers(const char *socket_path, char path[PATH_MAX]);

/* Close; unlink what is ours. */
void listen_close(struct listeners *l);

/*
 * Keep an empty file accounts/UID beside each socket for every uid that some
 * account allows, and for 0. The plugin offers its mechanisms by them while the
 * daemon is down, so they stay when it ends.
 */
void listen_mark(struct daemon *d);

#endif
