/* SPDX-License-Identifier: MIT */
/* calls - system calls by what they are for */
#include "config.h"

#include <stddef.h>

#include "helper/sandbox/calls.h"

/*
 * Names of all machines, of which each has some. Found by strace, with what the
 * same libc functions call on other machines and in other libcs.
 */
/* clang-format off */
const char *const calls_common[] = {
	/* memory */
	"brk", "madvise", "mincore", "mlock", "mlock2", "mmap", "mmap2",
	"mprotect", "mremap", "munlock", "munmap", "membarrier", "msync",
	/* threads and signals, of itself; what ends it */
	"exit", "exit_group", "futex", "futex_time64", "futex_wait",
	"futex_waitv", "futex_wake", "get_robust_list", "restart_syscall",
	"rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
	"rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
	"rt_sigtimedwait_time64", "sched_getaffinity", "sched_yield",
	"set_robust_list", "set_tid_address", "sigaction", "sigaltstack",
	"sigprocmask", "sigreturn", "sigsuspend",
	/* registers that a system call sets */
	"arch_prctl", "set_thread_area", "get_thread_area", "set_tls",
	"cacheflush",
	/* who and where it is */
	"getcpu", "getegid", "getegid32", "geteuid", "geteuid32", "getgid",
	"getgid32", "getgroups", "getgroups32", "getpgid", "getpgrp", "getpid",
	"getppid", "getresgid", "getresgid32", "getresuid", "getresuid32",
	"getrlimit", "getrusage", "getsid", "gettid", "getuid", "getuid32",
	"sysinfo", "ugetrlimit", "uname",
	/* time */
	"alarm", "clock_getres", "clock_getres_time64", "clock_gettime",
	"clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64",
	"getitimer", "gettimeofday", "nanosleep", "setitimer", "time", "times",
	/* randomness */
	"getrandom",
	/* what is open */
	"close", "close_range", "dup", "dup2", "dup3", "fcntl", "fcntl64",
	"fstat", "fstat64", "_llseek", "lseek", "pread64", "preadv", "preadv2",
	"read", "readv", "write", "writev",
	/* fstat() of newer libc and newer machines, which is stat() as well */
	"fstatat64", "newfstatat", "statx",
	NULL,
};

const char *const calls_threads[] = {
	"sched_getparam", "sched_getscheduler", "sched_get_priority_max",
	"sched_get_priority_min", "sched_setaffinity", "map_shadow_stack",
	NULL,
};

const char *const calls_fork[] = {
	"fork", "vfork",
	NULL,
};

const char *const calls_reading[] = {
	"access", "faccessat", "faccessat2", "fadvise64", "fadvise64_64",
	"arm_fadvise64_64", "fstatfs", "fstatfs64", "getcwd", "getdents",
	"getdents64", "lstat", "lstat64", "readlink", "readlinkat", "stat",
	"stat64", "statfs", "statfs64",
	NULL,
};

const char *const calls_opening[] = {
	"creat", "open", "openat", "openat2",
	NULL,
};

const char *const calls_writing[] = {
	"fdatasync", "flock", "fsync", "ftruncate", "ftruncate64", "pwrite64",
	"pwritev", "pwritev2", "rename", "renameat", "renameat2", "umask",
	"unlink", "unlinkat",
	NULL,
};

const char *const calls_waiting[] = {
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait",
	"epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "_newselect",
	"pipe", "pipe2", "poll", "ppoll", "ppoll_time64", "pselect6",
	"pselect6_time64", "select", "timerfd_create", "timerfd_settime",
	"timerfd_settime64",
	NULL,
};

const char *const calls_sockets[] = {
	"connect", "getpeername", "getsockname", "getsockopt", "recv",
	"recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg", "send",
	"sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
	/* all of them, where there is nothing else */
	"socketcall",
	NULL,
};

const char *const calls_accepting[] = {
	"accept", "accept4",
	NULL,
};

const char *const calls_listening[] = {
	"listen",
	NULL,
};

/*
 * bind(): libc gives a netlink socket and, in some systems, the one for DNS an
 * address. Landlock keeps it from TCP ports. That is set up when the request is
 * known, and so after these lists.
 */
const char *const calls_fetch[] = {
	"bind", "landlock_add_rule", "landlock_create_ruleset",
	"landlock_restrict_self",
	NULL,
};

const char *const calls_executing[] = {
	"execve", "execveat",
	NULL,
};

const char *const calls_inspecting[] = {
	"kcmp", "perf_event_open", "pidfd_getfd", "process_madvise",
	"process_vm_readv", "process_vm_writev", "ptrace",
	NULL,
};

const char *const calls_administering[] = {
	"acct", "adjtimex", "bpf", "chroot", "clock_adjtime",
	"clock_adjtime64", "clock_settime", "clock_settime64",
	"delete_module", "finit_module", "fsconfig", "fsmount", "fsopen",
	"fspick", "init_module", "ioperm", "iopl", "kexec_file_load",
	"kexec_load", "mount", "mount_setattr", "move_mount",
	"open_by_handle_at", "open_tree", "pivot_root", "quotactl",
	"quotactl_fd", "reboot", "setdomainname", "setns", "settimeofday",
	"sethostname", "stime", "swapoff", "swapon", "syslog", "umount",
	"umount2", "unshare", "userfaultfd", "vhangup",
	NULL,
};

/*
 * Not keyctl() and its kin: Kerberos may keep in the kernel the tickets that a
 * command gets its tokens by.
 */
const char *const calls_no_program[] = {
	"io_uring_enter", "io_uring_register", "io_uring_setup",
	"lookup_dcookie", "nfsservctl", "vmsplice",
	NULL,
};
/* clang-format on */
