/* SPDX-License-Identifier: MIT */
/* account-file - write a file that does not exist yet */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/cli/account-file.h"

/* The directory of a path, with its final slash. */
static int
split(const char *path, char *dir, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	size_t len;

	if (!slash || strlen(path) >= PATH_MAX)
		return -EINVAL;
	len = (size_t)(slash - path) + 1;
	memcpy(dir, path, len);
	dir[len] = '\0';
	*ret_name = slash + 1;
	return 0;
}

static int
fill(int fd, const struct new_file *f)
{
	int r = util_write_all(fd, f->text, strlen(f->text));

	/* the group first: until then only the owner may read a secret */
	if (r == 0 && f->group != (gid_t)-1 && fchown(fd, (uid_t)-1, f->group))
		r = -errno;
	if (r == 0 && (fchmod(fd, f->mode) < 0 || fsync(fd) < 0))
		r = -errno;
	return r;
}

int
account_file_temp(const struct new_file *f, char *temp)
{
	char dir[PATH_MAX];
	const char *name;
	int fd, n, r;

	r = split(f->path, dir, &name);
	if (r < 0)
		return r;
	n = snprintf(temp, PATH_MAX, "%s.%s.%ld", dir, name, (long)getpid());
	if (n < 0 || n >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = open(
	    temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = fill(fd, f);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		unlink(temp);
	return r;
}

/* Make the rename last. A file system that cannot is left as it is. */
static void
sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

int
account_file_write(const struct new_file *f)
{
	char temp[PATH_MAX], dir[PATH_MAX];
	const char *name;
	struct stat st;
	int r;

	r = split(f->path, dir, &name);
	if (r < 0)
		return r;
	if (lstat(f->path, &st) == 0)
		return -EEXIST;
	r = account_file_temp(f, temp);
	if (r < 0)
		return r;
	if (rename(temp, f->path) < 0) {
		r = -errno;
		unlink(temp);
		return r;
	}
	sync_dir(dir);
	return 0;
}

int
account_file_mkdir(const char *dir, mode_t mode)
{
	char path[PATH_MAX];
	size_t i, len = strlen(dir);

	if (len >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, dir, len + 1);
	for (i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		path[i] = '\0';
		if (mkdir(path, mode) < 0 && errno != EEXIST)
			return -errno;
		path[i] = dir[i];
	}
	return 0;
}
