/* SPDX-License-Identifier: MIT */
/* sock.h - the client's side of a request: connect, send, receive */
#ifndef SASL_BEARER_SOCK_H
#define SASL_BEARER_SOCK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/msg.h"

#define SOCK_PATH_MAX 108 /* bytes of a socket's path, its NUL included */

/* One connection to the helper. 64 KiB: keep it off small stacks. */
struct sock {
	int fd;
	int64_t deadline_ms; /* CLOCK_MONOTONIC: for all that happens here */
	size_t len;	     /* bytes in buf */
	size_t used;	     /* of these, the message last given out */
	char buf[MSG_MAX];
};

/*
 * Connect to a socket, within the deadline.
 *
 *	s		needs no preparation; after any result sock_close() it
 *	deadline_ms	CLOCK_MONOTONIC; also holds for what follows
 *
 * A full backlog (EAGAIN) is tried again until the deadline. Uses no static
 * data, raises no signal, the descriptor is close-on-exec.
 *
 * Returns 0 or a negative errno; -ETIMEDOUT at the deadline.
 */
int sock_open(struct sock *s, const char *path, int64_t deadline_ms);

/*
 * Wait for poll events on a descriptor; -1: just wait.
 *
 * Returns 0, -ETIMEDOUT or another negative errno.
 */
int sock_wait(int fd, short events, int64_t deadline_ms);

/*
 * The credentials of the other end, as of its listen() or connect().
 *
 *	ret_pid	0 where the system does not tell
 *
 * Returns 0 or a negative errno.
 */
int sock_peer(int fd, uid_t *ret_uid, pid_t *ret_pid);

/*
 * The uid that stands for all of other user namespaces, which may not pass for
 * a user: Linux's /proc/sys/kernel/overflowuid, else 65534.
 */
uid_t sock_overflow_uid(void);

/*
 * Send a finished message. Returns 0 or a negative errno. When the other side
 * has closed already that is 0: it may have said why, and sock_next() finds it.
 */
int sock_send(struct sock *s, const struct msg_writer *w);

/*
 * Receive the next message.
 *
 *	m	valid until the next call on s
 *
 * Returns 0, the codes of msg_parse(), -ERR_CLOSED when the other end closes
 * first, -ETIMEDOUT, or a negative errno.
 */
int sock_next(struct sock *s, struct msg *m);

/* Close the connection and wipe what was received. */
void sock_close(struct sock *s);

/*
 * Where the helper of the calling user listens.
 *
 *	buf	at least SOCK_PATH_MAX bytes
 *
 * $XDG_RUNTIME_DIR/sasl-bearer/socket, when that directory is the effective
 * uid's and closed to others, else below /run/user/EUID. Ignores the
 * environment of a set-uid program.
 *
 * Returns 0, or -ENAMETOOLONG.
 */
int sock_user_path(char *buf, size_t size);

#endif
