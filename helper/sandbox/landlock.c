/* SPDX-License-Identifier: MIT */
/* landlock - the files that a process may use, by the kernel's Landlock */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef HAVE_PRCTL
#include <sys/prctl.h>
#endif

#include "helper/sandbox/sandbox.h"

/*
 * libc has no functions for it, and <linux/landlock.h> is that of the machine
 * that builds. So what is used of it stands here, with the version of the
 * interface that it came with.
 */
#define FS_EXECUTE (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_VERSION_1 ((UINT64_C(1) << 13) - 1)
#define FS_REFER (UINT64_C(1) << 13)	 /* 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)	 /* 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* 5 */
#define FS_OF_A_FILE \
	(FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define NET_BIND_TCP (UINT64_C(1) << 0)	   /* 4 */
#define NET_CONNECT_TCP (UINT64_C(1) << 1) /* 4 */
#define SCOPE_ABSTRACT (UINT64_C(1) << 0)  /* 6 */
#define SCOPE_SIGNAL (UINT64_C(1) << 1)	   /* 6 */
#define CREATE_RULESET_VERSION (UINT32_C(1) << 0)
#define RULE_PATH_BENEATH 1

struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

struct path_beneath {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

/* These have the same numbers everywhere but on machines with odd tables. */
#if !defined(SYS_landlock_create_ruleset) && defined(__linux__) && \
    !defined(__alpha__) && !defined(__mips__)
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#if defined(SANDBOX) && defined(SYS_landlock_create_ruleset)

/*
 * The version that the kernel offers, 0 if none. EPERM comes from the filter of
 * a container or unit that does not know these calls: then they are not ours.
 */
static int
get_version(void)
{
	long r = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0,
	    CREATE_RULESET_VERSION);

	if (r > 0)
		return (int)r;
	return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM
	    ? 0
	    : -errno;
}

/* All that a version can refuse, but for what flags leave open. */
static struct ruleset
make_ruleset(int version, unsigned flags)
{
	struct ruleset set = {.fs = FS_VERSION_1};

	if (version >= 2)
		set.fs |= FS_REFER;
	if (version >= 3)
		set.fs |= FS_TRUNCATE;
	if (version >= 4)
		set.net = NET_BIND_TCP;
	if (version >= 4 && !(flags & SANDBOX_CONNECT))
		set.net |= NET_CONNECT_TCP;
	if (version >= 5)
		set.fs |= FS_IOCTL_DEV;
	if (version >= 6)
		set.scoped = SCOPE_SIGNAL;
	if (version >= 6 && !(flags & SANDBOX_ABSTRACT))
		set.scoped |= SCOPE_ABSTRACT;
	return set;
}

int
sandbox_files_open(struct sandbox_files *ret, unsigned flags)
{
	struct ruleset set;
	int version = get_version();
	long fd = -1;

	if (version < 0)
		return version;
	set = make_ruleset(version, flags);
	if (version > 0) {
		fd =
		    syscall(SYS_landlock_create_ruleset, &set, sizeof(set), 0U);
		if (fd < 0)
			return -errno;
	}
	*ret = (struct sandbox_files){.fd = (int)fd, .version = version};
	return 0;
}

/* The rights behind enum sandbox_access. */
static uint64_t
rights(unsigned access, int is_directory)
{
	uint64_t fs = 0;

	if (access & SANDBOX_READ)
		fs |= FS_READ_FILE | FS_READ_DIR;
	if (access & SANDBOX_WRITE)
		fs |= FS_WRITE_FILE | FS_MAKE_REG | FS_REMOVE_FILE;
	if (access & SANDBOX_UNLINK) /* they are files there */
		fs |= FS_REMOVE_FILE;
	return is_directory ? fs : fs & FS_OF_A_FILE;
}

/* Whether a path is wrong, and not the moment. */
static int
is_out_of_reach(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EACCES ||
	    error == ELOOP || error == ENAMETOOLONG;
}

int
sandbox_files_allow(
    const struct sandbox_files *f, const char *path, unsigned access)
{
	struct path_beneath rule = {.parent_fd = -1};
	struct stat st;
	int r = 0;

	if (f->fd < 0)
		return 0;
	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return is_out_of_reach(errno) ? 0 : -errno;
	if (fstat(rule.parent_fd, &st) < 0)
		r = -errno;
	rule.allowed = r == 0 ? rights(access, S_ISDIR(st.st_mode)) : 0;
	if (rule.allowed &&
	    syscall(
		SYS_landlock_add_rule, f->fd, RULE_PATH_BENEATH, &rule, 0U) < 0)
		r = -errno;
	close(rule.parent_fd);
	return r;
}

int
sandbox_files_enter(struct sandbox_files *f)
{
	int r = 0;

	if (f->fd < 0)
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, f->fd, 0U) < 0)
		r = -errno;
	close(f->fd);
	f->fd = -1;
	return r;
}

#else

int
sandbox_files_open(struct sandbox_files *ret, unsigned flags)
{
	(void)flags;
	*ret = (struct sandbox_files){.fd = -1};
	return 0;
}

int
sandbox_files_allow(
    const struct sandbox_files *f, const char *path, unsigned access)
{
	(void)f;
	(void)path;
	(void)access;
	return 0;
}

int
sandbox_files_enter(struct sandbox_files *f)
{
	(void)f;
	return 0;
}

#endif
