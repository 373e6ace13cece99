/* SPDX-License-Identifier: MIT */
/*
 * tracer - run a program, count its system calls, kill it at one of them
 *
 * usage: tracer [--log FILE] [--armed] [--signal S] [--entry N | --exit N]
 *               -- COMMAND...
 *
 * The calls of all threads of COMMAND are counted together, from SIGUSR1 to the
 * tracer on (--armed: from the start). SIGUSR2 forgets them: a second SIGUSR1
 * begins at 1 again. SIGTERM, SIGINT and SIGHUP are passed on. Processes that
 * COMMAND forks run on untraced, and live on when it is killed.
 *
 *	--entry N	it gets a signal before the Nth call does anything
 *	--exit N	... when that has done what it does, before anyone knows
 *	--signal S	which one; SIGKILL if nothing is said
 *	--log FILE	gets a line "ORDINAL TID NAME ARGUMENT" for each call,
 *			and "signal" where that was sent
 *
 * Exit status: the command's; 128 + the signal that ended it.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYSCALL_STOP (SIGTRAP | 0x80)
#define FAILED 125 /* exit status: the tracer's own trouble */

/* glibc's <sys/ptrace.h> and the kernel's header exclude each other */
extern long ptrace(int request, ...);

struct tracer {
	pid_t pid;   /* of the command, and of its first thread */
	pid_t last;  /* the thread whose call has the number wanted */
	long wanted; /* 0: none */
	int at_exit; /* of the call, not its entry */
	int number;  /* the signal */
	int sent;
	long calls; /* counted so far */
	FILE *log;
};

static volatile sig_atomic_t armed, forget;
static pid_t command_pid; /* for signals that are passed on */

static const struct {
	long number;
	const char *name;
} names[] = {
#define NAME(n)             \
	{                   \
		SYS_##n, #n \
	}
    NAME(accept4),
    NAME(bind),
    NAME(brk),
    NAME(chdir),
    NAME(clock_gettime),
    NAME(clock_nanosleep),
    NAME(clone),
    NAME(clone3),
    NAME(close),
    NAME(connect),
    NAME(epoll_create1),
    NAME(epoll_ctl),
    NAME(epoll_pwait),
    NAME(execve),
    NAME(exit_group),
    NAME(fchmod),
    NAME(fchmodat),
    NAME(fcntl),
    NAME(fdatasync),
    NAME(flock),
    NAME(fstat),
    NAME(fsync),
    NAME(ftruncate),
    NAME(futex),
    NAME(getdents64),
    NAME(getrandom),
    NAME(getsockopt),
    NAME(listen),
    NAME(lseek),
    NAME(madvise),
    NAME(mmap),
    NAME(mprotect),
    NAME(munmap),
    NAME(newfstatat),
    NAME(openat),
    NAME(pipe2),
    NAME(prctl),
    NAME(pread64),
    NAME(prlimit64),
    NAME(pwrite64),
    NAME(read),
    NAME(recvfrom),
    NAME(recvmsg),
    NAME(renameat),
#ifdef SYS_renameat2
    NAME(renameat2),
#endif
#ifdef SYS_rename
    NAME(rename),
    NAME(unlink),
    NAME(open),
    NAME(mkdir),
    NAME(chmod),
    NAME(access),
    NAME(epoll_wait),
    NAME(poll),
#endif
#ifdef SYS_rseq
    NAME(rseq),
#endif
    NAME(rt_sigaction),
    NAME(rt_sigprocmask),
    NAME(sendmsg),
    NAME(sendto),
    NAME(set_robust_list),
    NAME(setsockopt),
    NAME(socket),
    NAME(socketpair),
    NAME(uname),
    NAME(unlinkat),
    NAME(write),
    NAME(writev),
#undef NAME
};

static void
on_signal(int number)
{
	if (number == SIGUSR1)
		armed = 1;
	else
		forget = 1;
}

_Noreturn static void
die(const char *what)
{
	fprintf(stderr, "tracer: %s: %s\n", what, strerror(errno));
	exit(FAILED);
}

static void
log_call(const struct tracer *t, pid_t tid, unsigned long long number,
    unsigned long long argument)
{
	char other[32];
	const char *name = other;
	size_t i;

	snprintf(other, sizeof(other), "call_%llu", number);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((unsigned long long)names[i].number == number)
			name = names[i].name;
	if (t->log)
		fprintf(t->log, "%ld %ld %s %lld\n", t->calls, (long)tid, name,
		    (long long)argument);
}

static void
send_signal(struct tracer *t)
{
	if (t->log)
		fprintf(t->log, "signal\n");
	t->sent = 1;
	kill(t->pid, t->number);
}

/* A thread is about to make a call, or has made one. */
static void
on_call(struct tracer *t, pid_t tid)
{
	struct ptrace_syscall_info info = {0};

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) < 0)
		return; /* it is dead already */
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		t->calls++;
		log_call(t, tid, info.entry.nr, info.entry.args[0]);
		if (t->calls != t->wanted)
			return;
		t->last = tid;
		if (!t->at_exit)
			send_signal(t);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->at_exit &&
	    tid == t->last) {
		t->last = 0;
		send_signal(t);
	}
}

/* What a stop of a thread means; returns the signal that it is to get. */
static int
on_stop(struct tracer *t, pid_t tid, int status)
{
	int number = WSTOPSIG(status);

	if (forget) {
		forget = armed = 0;
		t->calls = 0;
	}
	if (number == SYSCALL_STOP) {
		if (armed && !(t->sent && t->number == SIGKILL))
			on_call(t, tid);
		return 0;
	}
	/* an event of ptrace, or the first stop of a new thread */
	if (status >> 16 != 0 || number == SIGSTOP)
		return 0;
	return number;
}

/* Serve all stops until the command has ended; returns its status. */
static int
trace(struct tracer *t)
{
	int status, number;
	pid_t tid;

	for (;;) {
		tid = waitpid(-1, &status, __WALL);
		if (tid < 0 && errno == EINTR)
			continue;
		if (tid < 0)
			die("waitpid");
		if (WIFSTOPPED(status)) {
			number = on_stop(t, tid, status);
			ptrace(PTRACE_SYSCALL, tid, 0L, (long)number);
		} else if (tid == t->pid) {
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
						   : WEXITSTATUS(status);
		}
	}
}

static pid_t
start(char **command)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
	    PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0L, 0L);
		raise(SIGSTOP);
		execvp(command[0], command);
		die(command[0]);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		die("waitpid");
	if (ptrace(PTRACE_SETOPTIONS, pid, 0L, options) < 0)
		die("ptrace");
	ptrace(PTRACE_SYSCALL, pid, 0L, 0L);
	return pid;
}

static void
pass_on(int number)
{
	if (command_pid > 0)
		kill(command_pid, number);
}

static void
set_signals(void)
{
	struct sigaction note = {.sa_handler = on_signal};
	struct sigaction pass = {.sa_handler = pass_on};

	sigaction(SIGUSR1, &note, NULL);
	sigaction(SIGUSR2, &note, NULL);
	sigaction(SIGTERM, &pass, NULL);
	sigaction(SIGINT, &pass, NULL);
	sigaction(SIGHUP, &pass, NULL);
}

static int
usage(void)
{
	fprintf(stderr,
	    "usage: tracer [--log FILE] [--armed] [--signal S] "
	    "[--entry N | --exit N] -- COMMAND...\n");
	return FAILED;
}

int
main(int argc, char **argv)
{
	static const struct option table[] = {
	    {"log", required_argument, NULL, 'l'},
	    {"armed", no_argument, NULL, 'a'},
	    {"signal", required_argument, NULL, 's'},
	    {"entry", required_argument, NULL, 'e'},
	    {"exit", required_argument, NULL, 'x'},
	    {NULL, 0, NULL, 0},
	};
	struct tracer t = {.number = SIGKILL};
	int c, status;

	while ((c = getopt_long(argc, argv, "+", table, NULL)) != -1) {
		if (c == 'l')
			t.log = fopen(optarg, "we");
		else if (c == 'a')
			armed = 1;
		else if (c == 's')
			t.number = atoi(optarg);
		else if (c == 'e' || c == 'x')
			t.wanted = strtol(optarg, NULL, 10);
		else
			return usage();
		t.at_exit |= c == 'x';
	}
	if (optind == argc)
		return usage();
	if (t.log)
		setvbuf(t.log, NULL, _IOLBF, BUFSIZ);
	set_signals();
	t.pid = command_pid = start(argv + optind);
	status = trace(&t);
	if (t.log)
		fclose(t.log);
	return status;
}
