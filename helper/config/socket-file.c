/* SPDX-License-Identifier: MIT */
/* socket-file - sockets that have a path, to listen at */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/err.h"
#include "helper/config/socket-file.h"

void
socket_file_directory(const char *path, char *dir, size_t size)
{
	const char *slash = strrchr(path, '/');

	snprintf(dir, size, "%.*s", slash ? (int)(slash - path) : 0, path);
}

int
socket_file_check(const char *path, char *why)
{
	char dir[SOCKET_FILE_MAX + 1], text[64];
	struct stat st;
	int r;

	socket_file_directory(path, dir, sizeof(dir));
	if (stat(*dir ? dir : "/", &st) < 0) {
		r = -errno;
		snprintf(why, SOCKET_FILE_WHY_SIZE, "%s: %s", dir,
		    err_text(r, text, sizeof(text)));
		return r;
	}
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
	    (st.st_uid == 0 || st.st_uid == geteuid()))
		return 0;
	snprintf(why, SOCKET_FILE_WHY_SIZE,
	    "%s may be written by others, who could put a socket of theirs "
	    "there; run \"chmod go-w %s\" or choose another directory",
	    dir, dir);
	return -EPERM;
}

/* Remove a socket that a process before us has left; nothing else. */
static int
remove_old(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	return unlink(path) < 0 ? -errno : 0;
}

int
socket_file_listen(const char *path, int backlog, int *ret_fd)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd, r;

	if (strlen(path) > SOCKET_FILE_MAX)
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	r = remove_old(path);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    chmod(path, 0666) < 0 || listen(fd, backlog) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}
