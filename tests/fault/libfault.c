/* SPDX-License-Identifier: MIT */
/*
 * libfault - preloaded: the Nth call of a kind fails, when the test says so
 *
 * $FAULT_FILE is mapped at the start: an array of struct fault, one for each of
 * enum kind, which the test changes while the program runs. tests/lib/fault.py
 * knows both by heart. Calls that libraries make are counted too; those that
 * the C library makes within itself are not, but for memory.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <pthread.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind {
	OPEN,
	READ,
	WRITE,
	FSYNC,
	RENAME,
	UNLINK,
	CLOSE,
	FLOCK,
	TRUNCATE,
	PIPE,
	SOCKET,
	ACCEPT,
	SEND,
	RECEIVE,
	EPOLL,
	MEMORY,
	THREAD,
	FORK,
	KINDS
};

struct fault {
	int32_t role;  /* whose calls count: 0 the program, 1 what it forks */
	int32_t from;  /* the first call that fails; 0: none */
	int32_t count; /* how many fail from there on */
	int32_t error; /* errno; 0: half of it is done (write, send) */
	int32_t calls; /* so far */
	int32_t hits;  /* how many have failed */
};

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static struct fault *faults;
static int role;
/*
 * At their first use these ask for memory thousands of times, and there are
 * places where they die for want of it; that is not ours to mend.
 */
static struct {
	const char *name;
	uintptr_t begin, end; /* of its code */
} spared[] = {{"libseccomp", 0, 0}, {"libcrypto", 0, 0}};

/* A lookup of users is under way, in which glibc dies as well. */
static __thread int in_libc;

#define SPARED (sizeof(spared) / sizeof(spared[0]))

static int
find_spared(struct dl_phdr_info *info, size_t size, void *unused)
{
	const ElfW(Phdr) * p;
	size_t n, i;

	(void)size;
	(void)unused;
	for (n = 0; n < SPARED; n++) {
		if (!strstr(info->dlpi_name, spared[n].name))
			continue;
		for (i = 0; i < info->dlpi_phnum; i++) {
			p = &info->dlpi_phdr[i];
			if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
				continue;
			spared[n].begin = info->dlpi_addr + p->p_vaddr;
			spared[n].end = spared[n].begin + p->p_memsz;
		}
	}
	return 0;
}

__attribute__((constructor)) static void
set_up(void)
{
	const char *path = getenv("FAULT_FILE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	if (fd < 0)
		return;
	dl_iterate_phdr(find_spared, NULL);
	map = mmap(NULL, KINDS * sizeof(*faults), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		faults = map;
}

/* Count a call. Returns whether it is to fail; errno is set then. */
static int
fails(enum kind k)
{
	struct fault *f = faults ? &faults[k] : NULL;
	int32_t n;

	if (!f || f->role != role)
		return 0;
	n = __atomic_add_fetch(&f->calls, 1, __ATOMIC_SEQ_CST);
	if (f->from == 0 || n < f->from || n - f->from >= f->count)
		return 0;
	__atomic_add_fetch(&f->hits, 1, __ATOMIC_SEQ_CST);
	errno = f->error;
	return 1;
}

static void *
find(const char *name)
{
	void *p = dlsym(RTLD_NEXT, name);

	if (!p)
		abort();
	return p;
}

/* A function that takes the place of another, and may call that by real(). */
#define WRAP(type, name, arguments, kind, values)      \
	type name arguments;                           \
	type name arguments                            \
	{                                              \
		static type(*real) arguments;          \
                                                       \
		if (!real)                             \
			*(void **)&real = find(#name); \
		if (fails(kind))                       \
			return (type)-1;               \
		return real values;                    \
	}

WRAP(int, fsync, (int fd), FSYNC, (fd))
WRAP(int, rename, (const char *a, const char *b), RENAME, (a, b))
WRAP(int, renameat, (int f, const char *a, int g, const char *b), RENAME,
    (f, a, g, b))
WRAP(int, unlink, (const char *a), UNLINK, (a))
WRAP(int, unlinkat, (int fd, const char *a, int flags), UNLINK, (fd, a, flags))
WRAP(int, flock, (int fd, int what), FLOCK, (fd, what))
WRAP(int, ftruncate, (int fd, off_t size), TRUNCATE, (fd, size))
WRAP(int, pipe2, (int fd[2], int flags), PIPE, (fd, flags))
WRAP(int, socket, (int a, int b, int c), SOCKET, (a, b, c))
WRAP(int, accept4,
    (int fd, struct sockaddr *restrict a, socklen_t *restrict n, int flags),
    ACCEPT, (fd, a, n, flags))
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), SEND,
    (fd, m, flags))
WRAP(ssize_t, read, (int fd, void *b, size_t n), READ, (fd, b, n))
WRAP(ssize_t, __read_chk, (int fd, void *b, size_t n, size_t z), READ,
    (fd, b, n, z))
WRAP(int, epoll_ctl, (int p, int what, int fd, struct epoll_event *e), EPOLL,
    (p, what, fd, e))

/* A client's connection breaks; the spawner's socket does not. */
static int
is_stream(int fd)
{
	int type = 0;
	socklen_t size = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	    type == SOCK_STREAM;
}

ssize_t
recv(int fd, void *buf, size_t len, int flags)
{
	static ssize_t (*real)(int, void *, size_t, int);

	if (!real)
		*(void **)&real = find("recv");
	return is_stream(fd) && fails(RECEIVE) ? -1 : real(fd, buf, len, flags);
}

ssize_t __recv_chk(int fd, void *buf, size_t len, size_t size, int flags);
ssize_t
__recv_chk(int fd, void *buf, size_t len, size_t size, int flags)
{
	return recv(fd, buf, len < size ? len : size, flags);
}

/* What is closed is closed, whatever that returns. */
int
close(int fd)
{
	static int (*real)(int);
	int failed = fails(CLOSE), error = errno, r;

	if (!real)
		*(void **)&real = find("close");
	r = real(fd);
	if (failed)
		errno = error;
	return failed ? -1 : r;
}

/* Disks fail so; a pipe does not. */
static int
is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

ssize_t
write(int fd, const void *buf, size_t len)
{
	static ssize_t (*real)(int, const void *, size_t);

	if (!real)
		*(void **)&real = find("write");
	if (!is_file(fd) || !fails(WRITE))
		return real(fd, buf, len);
	return errno ? -1 : real(fd, buf, (len + 1) / 2);
}

ssize_t
send(int fd, const void *buf, size_t len, int flags)
{
	static ssize_t (*real)(int, const void *, size_t, int);

	if (!real)
		*(void **)&real = find("send");
	if (!fails(SEND))
		return real(fd, buf, len, flags);
	return errno ? -1 : real(fd, buf, (len + 1) / 2, flags);
}

#define WRAP_OPEN(name, arguments, last, values)       \
	int name arguments;                            \
	int name arguments                             \
	{                                              \
		static int(*real) arguments;           \
		mode_t mode = 0;                       \
		va_list ap;                            \
                                                       \
		va_start(ap, last);                    \
		if (last & (O_CREAT | __O_TMPFILE))    \
			mode = va_arg(ap, mode_t);     \
		va_end(ap);                            \
		if (!real)                             \
			*(void **)&real = find(#name); \
		return fails(OPEN) ? -1 : real values; \
	}

WRAP_OPEN(open, (const char *a, int flags, ...), flags, (a, flags, mode))
WRAP_OPEN(
    openat, (int d, const char *a, int flags, ...), flags, (d, a, flags, mode))
WRAP(int, __open_2, (const char *a, int flags), OPEN, (a, flags))
WRAP(int, __openat_2, (int d, const char *a, int flags), OPEN, (d, a, flags))

FILE *
fopen(const char *path, const char *mode)
{
	static FILE *(*real)(const char *, const char *);

	if (!real)
		*(void **)&real = find("fopen");
	return fails(OPEN) ? NULL : real(path, mode);
}

/* Whether there is no memory for a caller. */
static int
lacks(const void *caller)
{
	uintptr_t at = (uintptr_t)caller;
	size_t n;

	if (in_libc)
		return 0;
	for (n = 0; n < SPARED; n++)
		if (at >= spared[n].begin && at < spared[n].end)
			return 0;
	return fails(MEMORY);
}

#define CALLER __builtin_return_address(0)

void *
malloc(size_t size)
{
	return lacks(CALLER) ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return lacks(CALLER) ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	return lacks(CALLER) ? NULL : __libc_realloc(p, size);
}

struct passwd *
getpwnam(const char *name)
{
	static struct passwd *(*real)(const char *);
	struct passwd *pw;

	if (!real)
		*(void **)&real = find("getpwnam");
	if (fails(MEMORY))
		return NULL;
	in_libc++;
	pw = real(name);
	in_libc--;
	return pw;
}

int
getpwnam_r(const char *restrict name, struct passwd *restrict pw,
    char *restrict buf, size_t size, struct passwd **restrict ret)
{
	static int (*real)(
	    const char *, struct passwd *, char *, size_t, struct passwd **);
	int r;

	if (!real)
		*(void **)&real = find("getpwnam_r");
	*ret = NULL;
	if (fails(MEMORY))
		return errno;
	in_libc++;
	r = real(name, pw, buf, size, ret);
	in_libc--;
	return r;
}

int
initgroups(const char *name, gid_t gid)
{
	static int (*real)(const char *, gid_t);
	int r;

	if (!real)
		*(void **)&real = find("initgroups");
	if (fails(MEMORY))
		return -1;
	in_libc++;
	r = real(name, gid);
	in_libc--;
	return r;
}

int
pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attr,
    void *(*run)(void *), void *restrict arg)
{
	static int (*real)(
	    pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	if (!real)
		*(void **)&real = find("pthread_create");
	return fails(THREAD) ? errno : real(thread, attr, run, arg);
}

pid_t
fork(void)
{
	static pid_t (*real)(void);
	pid_t pid;

	if (!real)
		*(void **)&real = find("fork");
	if (fails(FORK))
		return -1;
	pid = real();
	if (pid == 0)
		role++;
	return pid;
}
