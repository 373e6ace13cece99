/* SPDX-License-Identifier: MIT */
/* test-seccomp - which calls die, which fail, and what still works */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/sandbox/sandbox.h"
#include "tests/unit/tap.h"

#define KILLED (-1) /* by SIGSYS */
#define ANY (-2)    /* lives, and the filter does not say no */
#define ROLES 4
#define SETUP_FAILED 199
#define HERE AT_FDCWD
#define TEXT(s) ((long)(s))
#define READ_DIR (O_RDONLY | O_DIRECTORY)

static const char *const role_names[ROLES] = {
    "daemon", "spawner", "fetch", "sign"};

/* A call, and what becomes of it in each role, in the order of role_names. */
struct call {
	const char *name;
	long nr;
	long arg[5];
	int want[ROLES];
};

#define NONE                                  \
	{                                     \
		KILLED, EPERM, KILLED, KILLED \
	}
#define UNKNOWN                             \
	{                                   \
		ENOSYS, ANY, ENOSYS, ENOSYS \
	}
#define OURS                       \
	{                          \
		ANY, ANY, ANY, ANY \
	}

/* Without the filter most would fail as well, but not like that. */
static const struct call calls[] = {
    {"execve", SYS_execve, {TEXT("/bin/true")}, {KILLED, ANY, KILLED, KILLED}},
    {"execveat", SYS_execveat, {HERE, TEXT("/bin/true")},
	{KILLED, ANY, KILLED, KILLED}},
    {"ptrace", SYS_ptrace, {PTRACE_TRACEME}, NONE},
    {"process_vm_readv", SYS_process_vm_readv, {1}, NONE},
    {"process_vm_writev", SYS_process_vm_writev, {1}, NONE},
    {"perf_event_open", SYS_perf_event_open, {0}, NONE},
    {"mount", SYS_mount, {0}, NONE},
    {"umount2", SYS_umount2, {0}, NONE},
    {"pivot_root", SYS_pivot_root, {0}, NONE},
    {"chroot", SYS_chroot, {TEXT("/")}, NONE},
    {"unshare", SYS_unshare, {0}, NONE},
    {"setns", SYS_setns, {-1}, NONE},
    {"init_module", SYS_init_module, {0}, NONE},
    {"finit_module", SYS_finit_module, {-1}, NONE},
    {"kexec_load", SYS_kexec_load, {0}, NONE},
    {"bpf", SYS_bpf, {-1}, NONE},
    {"userfaultfd", SYS_userfaultfd, {-1}, NONE},
    {"reboot", SYS_reboot, {0}, NONE},
    {"swapon", SYS_swapon, {0}, NONE},
    {"listen", SYS_listen, {-1}, {KILLED, ANY, KILLED, KILLED}},
    {"accept", SYS_accept4, {-1}, {ANY, ANY, KILLED, KILLED}},
    {"bind", SYS_bind, {-1}, {ENOSYS, ANY, ANY, ENOSYS}},

    {"clone: a process", SYS_clone, {SIGCHLD}, {EPERM, ANY, EPERM, ENOSYS}},
    {"clone: a user namespace", SYS_clone, {CLONE_NEWUSER | SIGCHLD},
	{EPERM, EPERM, EPERM, ENOSYS}},
    {"clone3", 435, {0}, {ENOSYS, ENOSYS, ENOSYS, ENOSYS}},

    {"socket: Unix", SYS_socket, {AF_UNIX, SOCK_STREAM},
	{ANY, ANY, ANY, KILLED}},
    {"socket: IPv4", SYS_socket, {AF_INET, SOCK_STREAM},
	{EAFNOSUPPORT, ANY, ANY, KILLED}},
    {"socket: IPv6", SYS_socket, {AF_INET6, SOCK_DGRAM},
	{EAFNOSUPPORT, ANY, ANY, KILLED}},
    {"socket: routes", SYS_socket, {AF_NETLINK, SOCK_RAW, 0},
	{EAFNOSUPPORT, ANY, ANY, KILLED}},
    {"socket: audit", SYS_socket, {AF_NETLINK, SOCK_RAW, 9},
	{EAFNOSUPPORT, ANY, EAFNOSUPPORT, KILLED}},
    {"socket: packets", SYS_socket, {AF_PACKET, SOCK_RAW},
	{EAFNOSUPPORT, ANY, EAFNOSUPPORT, KILLED}},
    {"socket: kernel crypto", SYS_socket, {38, SOCK_SEQPACKET},
	{EAFNOSUPPORT, ANY, EAFNOSUPPORT, KILLED}},
    {"socket: a family of the future", SYS_socket, {1000, SOCK_RAW},
	{EAFNOSUPPORT, ANY, EAFNOSUPPORT, KILLED}},
    {"connect", SYS_connect, {-1}, {ANY, ANY, ANY, KILLED}},

    {"open to read", SYS_openat, {HERE, TEXT("/"), READ_DIR},
	{ANY, ANY, ANY, EACCES}},
    {"open to write", SYS_openat, {HERE, TEXT("/dev/null"), O_WRONLY},
	{ANY, ANY, EACCES, EACCES}},
    {"open to read and write", SYS_openat, {HERE, TEXT("/dev/null"), O_RDWR},
	{ANY, ANY, EACCES, EACCES}},
    {"open to make", SYS_openat, {HERE, TEXT("/dev/null"), O_CREAT},
	{ANY, ANY, EACCES, EACCES}},
    {"open to cut", SYS_openat, {HERE, TEXT("/dev/null"), O_TRUNC},
	{ANY, ANY, EACCES, EACCES}},
    {"rename", SYS_renameat2, {-1, TEXT(""), -1, TEXT("")},
	{ANY, ANY, ENOSYS, ENOSYS}},
    {"unlink", SYS_unlinkat, {-1, TEXT("")}, {ANY, ANY, ENOSYS, ENOSYS}},
    {"mkdir", SYS_mkdirat, {-1, TEXT("")}, UNKNOWN},
    {"symlink", SYS_symlinkat, {TEXT(""), -1, TEXT("")}, UNKNOWN},
    {"link", SYS_linkat, {-1, TEXT(""), -1, TEXT("")}, UNKNOWN},
    {"mknod", SYS_mknodat, {-1, TEXT("")}, UNKNOWN},
    {"chmod", SYS_fchmodat, {-1, TEXT("")}, UNKNOWN},
    {"chown", SYS_fchownat, {-1, TEXT("")}, UNKNOWN},
    {"setuid", SYS_setuid, {-1}, UNKNOWN},
    {"raise a limit", SYS_setrlimit, {-1}, UNKNOWN},
    {"a limit of another process", SYS_prlimit64, {1}, UNKNOWN},
    {"kill: another process", SYS_kill, {1, 0}, UNKNOWN},
    {"be dumpable", SYS_prctl, {PR_SET_DUMPABLE, 0}, UNKNOWN},
    {"type into a terminal", SYS_ioctl, {-1, TIOCSTI}, UNKNOWN},
    {"io_uring_setup", 425, {0}, {ENOSYS, EPERM, ENOSYS, ENOSYS}},
    {"a call of the future", 4000, {0}, {ENOSYS, ENOSYS, ENOSYS, ENOSYS}},
    {"getpid", SYS_getpid, {0}, OURS},
    {"getrandom", SYS_getrandom, {0}, OURS},
    {"is it a terminal", SYS_ioctl, {-1, TCGETS}, OURS},
};

/* What libraries do, each with a result of 0; in these roles. */
struct use {
	const char *name;
	int (*run)(void);
	int in[ROLES];
};

static void *
nothing(void *arg)
{
	return arg;
}

static int
use_thread(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, nothing, NULL) != 0 ||
	    pthread_join(thread, NULL) != 0;
}

static int
use_user(void)
{
	return getpwnam("root") == NULL;
}

static int
use_address(void)
{
	struct addrinfo hints = {.ai_flags = AI_ADDRCONFIG}, *list = NULL;

	return getaddrinfo("localhost", "443", &hints, &list) != 0;
}

static int
use_memory(void)
{
	size_t size = (size_t)16 << 20;
	char *mem = malloc(size), *more;

	if (!mem)
		return 1;
	memset(mem, 1, size);
	more = realloc(mem, size * 2);
	free(more ? more : mem);
	return more == NULL;
}

static int
use_time(void)
{
	const struct timespec moment = {.tv_nsec = 1000000};
	time_t now = time(NULL);
	struct tm tm;

	return nanosleep(&moment, NULL) != 0 || !localtime_r(&now, &tm);
}

static const struct use uses[] = {
    {"a thread", use_thread, {1, 1, 1, 0}},
    {"a user's name", use_user, {1, 1, 0, 0}},
    {"a host's name", use_address, {0, 1, 1, 0}},
    {"much memory", use_memory, {1, 1, 1, 1}},
    {"the time", use_time, {1, 1, 1, 1}},
};

/* Run in a child of that role. Returns its status, of waitpid(). */
static int
run_in(int role, int (*run)(const void *arg), const void *arg)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (sandbox_calls((enum sandbox_role)role) < 0)
			_exit(SETUP_FAILED);
		_exit(run(arg));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

/* Make a call. Returns 0 or errno; a process that it made ends. */
static int
try_call(const void *arg)
{
	const struct call *c = arg;
	pid_t self = getpid();
	long r = syscall(
	    c->nr, c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4]);

	if (getpid() != self)
		_exit(0);
	return r < 0 ? errno : 0;
}

static int
try_use(const void *arg)
{
	const struct use *u = arg;

	return u->run();
}

static void
check_call(const struct call *c, int role)
{
	int want = c->want[role], status = run_in(role, try_call, c), good;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (want == KILLED)
		good = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
	else if (want == ANY)
		good = code >= 0 && code != ENOSYS && code != SETUP_FAILED;
	else
		good = code == want;
	tap_ok(good, "%s: %s %s", role_names[role], c->name,
	    want == KILLED	? "is its end"
		: want == ANY	? "goes to the kernel"
		: want == EPERM ? "fails"
				: "fails softly");
	if (!good)
		printf("# status %#x, want %d\n", (unsigned)status, want);
}

static int
do_abort(const void *arg)
{
	(void)arg;
	abort();
}

#ifdef __x86_64__
/* getpid() by the table of 32-bit programs. */
static int
call_32(const void *arg)
{
	long r = 20;

	(void)arg;
	__asm__ volatile("int $0x80" : "+a"(r) : : "memory");
	return r < 0;
}
#endif

static void
check_role(int role)
{
	size_t i;
	int status;

	for (i = 0; i < COUNT_OF(calls); i++)
		check_call(&calls[i], role);
	for (i = 0; i < COUNT_OF(uses); i++)
		if (uses[i].in[role])
			tap_ok(run_in(role, try_use, &uses[i]) == 0,
			    "%s: %s can be had", role_names[role],
			    uses[i].name);
	status = run_in(role, do_abort, NULL);
	tap_ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
	    "%s: abort() says that it was abort()", role_names[role]);
#ifdef __x86_64__
	if (role != SANDBOX_SPAWNER) {
		status = run_in(role, call_32, NULL);
		tap_ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
		    "%s: a call of another table is its end", role_names[role]);
	}
#endif
}

static int
is_offered(const void *arg)
{
	(void)arg;
	return prctl(PR_GET_SECCOMP) == 2 ? 0 : 1;
}

int
main(void)
{
	int role;

	if (run_in(SANDBOX_SPAWNER, is_offered, NULL) != 0)
		tap_ok(
		    1, "system calls # SKIP no seccomp: %s", sandbox_build());
	else
		for (role = 0; role < ROLES; role++)
			check_role(role);
	return tap_done();
}
