/* SPDX-License-Identifier: MIT */
/* sandbox.h - what the kernel is to refuse a process, whoever steers it */
#ifndef SASL_BEARER_SANDBOX_H
#define SASL_BEARER_SANDBOX_H

/*
 * Two things of Linux, both for good and inherited by children: seccomp(2)
 * limits the system calls, landlock(7) files, TCP, and signals to others. A
 * process calls sandbox_calls() and, from sandbox_files_open() on, the other
 * three, in either order, before it has a second thread.
 *
 * Where the kernel has none of it, or the build leaves it out, they do nothing
 * and say so. Where it has, but it cannot be used, that is an error, and the
 * process must not go on.
 */

/* Whose system calls are limited. */
enum sandbox_role {
	SANDBOX_DAEMON,	 /* event loop and worker thread */
	SANDBOX_SPAWNER, /* and all that it starts */
	SANDBOX_FETCH,
	SANDBOX_SIGN,
};

/*
 * What a program may do with a file, or with all below a directory; bits. It
 * can make regular files only, no links, devices, FIFOs, sockets, directories.
 */
enum sandbox_access {
	SANDBOX_READ = 1,   /* read files, list directories */
	SANDBOX_WRITE = 2,  /* write, make, rename, remove regular files */
	SANDBOX_UNLINK = 4, /* remove sockets */
};

/* What else stays possible; bits. */
enum sandbox_flag {
	SANDBOX_CONNECT =
	    1, /* connections by TCP; never a TCP port of its own */
	SANDBOX_ABSTRACT = 2, /* abstract Unix sockets of others */
};

/* A list of files under construction. */
struct sandbox_files {
	int fd;	     /* -1: there is no Landlock */
	int version; /* of the kernel's Landlock, 0 if there is none */
};

/*
 * What the build offers: "seccomp and landlock", "landlock, no seccomp", or
 * "no sandbox".
 */
const char *sandbox_build(void);

/*
 * Limit the system calls of this process.
 *
 * What no part of it ever has a reason for, such as execve() and ptrace(), kills
 * it with SIGSYS; other calls fail. Which ones is told in seccomp.c.
 *
 * Returns 1, 0 where there is no seccomp, or a negative errno.
 */
int sandbox_calls(enum sandbox_role role);

/*
 * Begin a list of the files that a process may use.
 *
 *	ret	version 0 where there is no Landlock: the rest does nothing
 *	flags	enum sandbox_flag
 *
 * Returns 0 or a negative errno.
 */
int sandbox_files_open(struct sandbox_files *ret, unsigned flags);

/*
 * Add to it a file, or a directory with all that is or will be below it.
 * Symbolic links are followed. What is not there, or closed to the process, is
 * left out: it cannot be opened later either.
 *
 *	access	enum sandbox_access
 *
 * Returns 0 or a negative errno.
 */
int sandbox_files_allow(
    const struct sandbox_files *f, const char *path, unsigned access);

/*
 * Let it take effect: nothing else can be opened from now on, nor can a program
 * be executed. What is open stays so. The list is closed, also after a failure.
 *
 * Returns 0 or a negative errno.
 */
int sandbox_files_enter(struct sandbox_files *f);

#endif
