/* SPDX-License-Identifier: MIT */
/* server.h - connections: who asks, one request in, one reply out */
#ifndef SASL_BEARER_SERVER_H
#define SASL_BEARER_SERVER_H

#include <stddef.h>
#include <sys/types.h>

#include "common/msg.h"
#include "helper/daemon/account.h"

struct daemon;
struct server;

/* One client. request.c fills in what it needs while the client waits. */
struct conn {
	struct conn *next;
	struct server *server;
	struct daemon *daemon;
	uid_t uid;
	pid_t pid;
	struct waiter waiter;
	const char *action; /* of admin.c: what is answered later */
	char *wanted;	    /* of request.c and admin.c: a text, on the heap */
	void (*held)(struct conn *c); /* see conn_hold() */
	int fd;
	int replied;
	struct event *readable;
	struct event *writable;
	struct event *timer;
	size_t len, size;
	char *buf; /* the request */
	size_t out_len, out_size, out_sent;
	char *out; /* what the socket does not take yet */
};

/* Serve the listeners of d. Returns NULL without memory. */
struct server *server_new(struct daemon *d);

/* Accept nobody any more; who is here is still answered. */
void server_stop(struct server *s);

void server_free(struct server *s);

/* Send a finished message. More may follow until conn_finish(). */
void conn_send(struct conn *c, const struct msg_writer *w);

/* Nothing follows: close once all is sent. */
void conn_finish(struct conn *c);

/*
 * Let a client wait while files are read again: serve(c) is called when that is
 * done, or after two seconds if the disk does not answer.
 */
void conn_hold(struct conn *c, void (*serve)(struct conn *c));

/* The files have been read: serve those who waited for it. */
void server_release(struct server *s);

/* The client whose waiter this is. */
struct conn *conn_of(struct waiter *w);

#endif
