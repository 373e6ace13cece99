/* SPDX-License-Identifier: MIT */
/* notify - tell a service manager how we are: sd_notify(3), LISTEN_FDS */
#include "config.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/daemon/notify.h"

void
notify_send(const char *state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (len < 2 || len >= sizeof(addr.sun_path) ||
	    (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(addr.sun_path, path, len);
	if (path[0] == '@')
		addr.sun_path[0] = '\0'; /* abstract */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL,
	    (struct sockaddr *)&addr,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

int
notify_listen_fds(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	int64_t n = 0, owner;
	int fd, usable;

	usable = pid && fds &&
	    util_number_parse(pid, 1, INT32_MAX, &owner) == 0 &&
	    owner == getpid() && util_number_parse(fds, 0, 64, &n) == 0;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (!usable)
		return 0;
	for (fd = NOTIFY_FIRST_FD; fd < NOTIFY_FIRST_FD + (int)n; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return (int)n;
}
