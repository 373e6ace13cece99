/* SPDX-License-Identifier: MIT */
/* notify.h - tell a service manager how we are: sd_notify(3), LISTEN_FDS */
#ifndef SASL_BEARER_NOTIFY_H
#define SASL_BEARER_NOTIFY_H

/*
 * Send a state such as "READY=1" to $NOTIFY_SOCKET. Nothing happens without
 * one; a manager that does not listen is no error.
 */
void notify_send(const char *state);

/*
 * How many listening sockets the manager has passed, from descriptor
 * NOTIFY_FIRST_FD on, as sd_listen_fds(3) says; made close-on-exec. 0 when it
 * has not, or they are another process's. Takes the variables out of the
 * environment.
 */
#define NOTIFY_FIRST_FD 3
int notify_listen_fds(void);

#endif
