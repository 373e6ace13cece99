/* SPDX-License-Identifier: MIT */
/* listener - listening sockets of the loopback interface */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "helper/cli/listener.h"

#define BACKLOG 64
#define TRIES 20 /* for a port that is free at both addresses */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t
make_address(union address *a, int family, int port)
{
	memset(a, 0, sizeof(*a));
	if (family == AF_INET) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons((uint16_t)port);
		a->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(a->v4);
	}
	a->v6.sin6_family = AF_INET6;
	a->v6.sin6_port = htons((uint16_t)port);
	a->v6.sin6_addr = in6addr_loopback;
	return sizeof(a->v6);
}

/* Bind and listen. A port of one's own may still wait for old connections. */
static int
set_up(int fd, const union address *a, socklen_t len, int fixed)
{
	int one = 1;

	if (a->any.sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
		return -errno;
	if (fixed &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	if (bind(fd, &a->any, len) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

/* Open one socket. *port is 0 for any, and then set to the one it got. */
static int
open_one(int family, int *port, int fixed)
{
	union address a;
	socklen_t len = make_address(&a, family, *port);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = set_up(fd, &a, len, fixed);
	if (r == 0 && getsockname(fd, &a.any, &len) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	*port = ntohs(family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
	return fd;
}

/* Open both addresses, or the one that this machine has. */
static int
open_both(struct listener *l, int port, int fixed)
{
	l->fd[0] = open_one(AF_INET, &port, fixed);
	if (l->fd[0] == -EADDRINUSE)
		return -EADDRINUSE;
	l->fd[1] = open_one(AF_INET6, &port, fixed);
	l->port = port;
	if (l->fd[1] == -EADDRINUSE) {
		listener_close(l);
		return -EADDRINUSE;
	}
	return l->fd[0] < 0 && l->fd[1] < 0 ? l->fd[0] : 0;
}

int
listener_open(struct listener *l, const struct redirect *to)
{
	int fixed = to->port != 0, i, r = -EADDRINUSE;

	l->fd[0] = l->fd[1] = -1;
	l->port = to->port;
	if (to->host == REDIRECT_LOCALHOST) {
		for (i = 0; r == -EADDRINUSE && i < (fixed ? 1 : TRIES); i++)
			r = open_both(l, to->port, fixed);
		return r;
	}
	i = to->host == REDIRECT_IPV4 ? 0 : 1;
	l->fd[i] = open_one(i == 0 ? AF_INET : AF_INET6, &l->port, fixed);
	return l->fd[i] < 0 ? l->fd[i] : 0;
}

void
listener_close(struct listener *l)
{
	int i;

	for (i = 0; i < LISTENERS; i++) {
		if (l->fd[i] >= 0)
			close(l->fd[i]);
		l->fd[i] = -1;
	}
}
