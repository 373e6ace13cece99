/* SPDX-License-Identifier: MIT */
/* listen - the sockets, and the markers beside them */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/config/socket-file.h"
#include "helper/daemon/daemon.h"
#include "helper/daemon/listen.h"
#include "helper/daemon/log.h"
#include "helper/daemon/notify.h"

#define BACKLOG 4096
#define MARKERS "accounts"

void
listen_markers(const char *socket_path, char path[PATH_MAX])
{
	char dir[SOCKET_FILE_MAX + 1];

	socket_file_directory(socket_path, dir, sizeof(dir));
	snprintf(path, PATH_MAX, "%s/" MARKERS, dir);
}

/* Make a directory for the markers, where they can be kept. */
static void
make_marker_dir(const char *socket_path, const struct identity *id)
{
	char path[PATH_MAX];

	listen_markers(socket_path, path);
	if (mkdir(path, 0755) == 0 && chmod(path, 0755) == 0 &&
	    geteuid() == 0 && lchown(path, id->uid, id->gid) < 0)
		rmdir(path);
}

/* Make the directory of a socket, unless it is there. */
static void
make_directory(const char *path)
{
	char dir[SOCKET_FILE_MAX + 1];

	socket_file_directory(path, dir, sizeof(dir));
	if (mkdir(dir, 0755) == 0)
		(void)!chmod(dir, 0755);
}

static void
take_inherited(struct listeners *l, int count, const struct identity *id)
{
	struct sockaddr_un addr;
	socklen_t len;
	int i;

	l->inherited = 1;
	for (i = 0; i < count && i < LISTEN_MAX; i++) {
		l->fd[i] = NOTIFY_FIRST_FD + i;
		fcntl(l->fd[i], F_SETFL, O_NONBLOCK);
		l->path[i][0] = '\0';
		len = sizeof(addr);
		memset(&addr, 0, sizeof(addr));
		if (getsockname(l->fd[i], (struct sockaddr *)&addr, &len) ==
			0 &&
		    addr.sun_family == AF_UNIX && addr.sun_path[0] == '/') {
			memcpy(
			    l->path[i], addr.sun_path, sizeof(l->path[i]) - 1);
			make_marker_dir(l->path[i], id);
		}
		l->count++;
	}
}

static int
bind_all(struct listeners *l, char *const *paths, const struct identity *id,
    char why[1024])
{
	char text[64];
	int r = 0;

	for (; r == 0 && paths && *paths; paths++) {
		if (l->count == LISTEN_MAX ||
		    strlen(*paths) >= sizeof(l->path[0])) {
			snprintf(why, 1024,
			    "%s: at most %d sockets, of at most 107 bytes",
			    *paths, LISTEN_MAX);
			return -EINVAL;
		}
		make_directory(*paths);
		r = socket_file_check(*paths, why);
		if (r < 0)
			break;
		r = socket_file_listen(*paths, BACKLOG, &l->fd[l->count]);
		if (r < 0) {
			snprintf(why, 1024, "cannot listen on %s: %s", *paths,
			    err_text(r, text, sizeof(text)));
			break;
		}
		memcpy(l->path[l->count], *paths, strlen(*paths) + 1);
		l->count++;
		make_marker_dir(*paths, id);
	}
	return r;
}

int
listen_open(char *const *paths, const struct identity *id,
    struct listeners *ret, char why[1024])
{
	int n = notify_listen_fds(), r = 0;

	*ret = (struct listeners){.count = 0};
	if (n > 0)
		take_inherited(ret, n, id);
	else
		r = bind_all(ret, paths, id, why);
	if (r == 0 && ret->count == 0) {
		snprintf(why, 1024, "listen names no socket");
		r = -EINVAL;
	}
	if (r < 0)
		listen_close(ret);
	return r;
}

void
listen_close(struct listeners *l)
{
	int i;

	for (i = 0; i < l->count; i++) {
		close(l->fd[i]);
		if (!l->inherited)
			unlink(l->path[i]);
	}
	l->count = 0;
}

/* Remove markers of uids that no account allows any more. */
static void
remove_stale(const struct daemon *d, int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int64_t uid;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(dir)))
		if (util_number_parse(e->d_name, 0, UINT32_MAX, &uid) == 0 &&
		    !table_serves(&d->table, (uid_t)uid))
			unlinkat(dirfd, e->d_name, 0);
	closedir(dir);
}

static void
add_marker(int dirfd, uid_t uid)
{
	char name[24];
	int fd;

	snprintf(name, sizeof(name), "%lu", (unsigned long)uid);
	fd = openat(
	    dirfd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd >= 0)
		close(fd);
}

static void
mark(const struct daemon *d, const char *socket_path)
{
	char path[PATH_MAX];
	const struct account *a;
	size_t i, k;
	int dirfd;

	listen_markers(socket_path, path);
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dirfd < 0) {
		log_line(LEVEL_WARNING,
		    "%s: %s: programs started while sasl-bearerd is down will "
		    "not offer its mechanisms",
		    path, strerror(errno));
		return;
	}
	remove_stale(d, dirfd);
	if (d->table.count > 0)
		add_marker(dirfd, 0);
	for (i = 0; i < d->table.count; i++) {
		a = d->table.by_name[i];
		for (k = 0; k < a->allow_count; k++)
			add_marker(dirfd, a->allow[k]);
	}
	if (d->user_mode && d->table.count > 0)
		add_marker(dirfd, geteuid());
	close(dirfd);
}

void
listen_mark(struct daemon *d)
{
	int i;

	for (i = 0; i < d->listeners.count; i++)
		if (d->listeners.path[i][0])
			mark(d, d->listeners.path[i]);
}
