/* SPDX-License-Identifier: MIT */
/* seccomp - the system calls that a process may make, by libseccomp */
#include "config.h"

#include "helper/sandbox/sandbox.h"

#if defined(SANDBOX) && defined(HAVE_SECCOMP)

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <seccomp.h>

#include "common/util.h"
#include "helper/sandbox/calls.h"

#define REFUSE(error) SCMP_ACT_ERRNO(error)
#define FAMILIES 64 /* more than there are address families */
#define LOW_WORD 0xffffffffU
#define NAMESPACES                                                   \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | \
	    CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/*
 * On s390 the arguments of clone() are in another order, and the flags second.
 */
#if defined(__s390__)
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

/* The value of one argument that a rule is about; only mask's bits count. */
struct argument {
	unsigned index;
	enum scmp_compare op;
	uint64_t a, b;
};

/*
 * Add a rule for a call, by name, so that calls which the libseccomp of the
 * build does not know are known as soon as it does. Those that it or the
 * machine does not have are left out, and so is a rule that is there already:
 * where sockets go through socketcall(), some rules become the same.
 */
static int
add(scmp_filter_ctx ctx, uint32_t action, const char *name,
    const struct argument *arg)
{
	int r, nr = seccomp_syscall_resolve_name(name);
	struct scmp_arg_cmp cmp;

	if (nr == __NR_SCMP_ERROR)
		return 0;
	if (arg)
		cmp =
		    (struct scmp_arg_cmp){arg->index, arg->op, arg->a, arg->b};
	r = seccomp_rule_add_array(
	    ctx, action, nr, arg ? 1 : 0, arg ? &cmp : NULL);
	return r == -EDOM || r == -EEXIST ? 0 : r;
}

/* Of the process, all threads; before Linux 4.14 there is the thread only. */
static uint32_t
kill_action(void)
{
	return seccomp_api_get() >= 3 ? SCMP_ACT_KILL_PROCESS
				      : SCMP_ACT_KILL_THREAD;
}

static int
add_all(scmp_filter_ctx ctx, uint32_t action, const char *const *names)
{
	int r = 0;

	for (; r == 0 && names && *names; names++)
		r = add(ctx, action, *names, NULL);
	return r;
}

/* Allow a call with one value of an argument, an int. */
static int
allow_int(scmp_filter_ctx ctx, const char *name, unsigned index, unsigned value)
{
	const struct argument arg = {
	    index, SCMP_CMP_MASKED_EQ, LOW_WORD, value};

	return add(ctx, SCMP_ACT_ALLOW, name, &arg);
}

/* Act where any of these bits of an argument is set. */
static int
add_bits(scmp_filter_ctx ctx, uint32_t action, const char *name, unsigned index,
    uint64_t bits)
{
	struct argument arg = {index, SCMP_CMP_MASKED_EQ, 0, 0};
	int r = 0;

	for (; r == 0 && bits; bits &= bits - 1) {
		arg.a = arg.b = bits & -bits;
		r = add(ctx, action, name, &arg);
	}
	return r;
}

static int
allow_without(
    scmp_filter_ctx ctx, const char *name, unsigned index, uint64_t bits)
{
	const struct argument arg = {index, SCMP_CMP_MASKED_EQ, bits, 0};

	return add(ctx, SCMP_ACT_ALLOW, name, &arg);
}

/*
 * Signals to itself, such as that of abort(); limits of itself; names of
 * threads, what libcap looks at, and what takes away privileges; whether
 * something is a terminal, but not typing into it (TIOCSTI).
 */
static int
add_common(scmp_filter_ctx ctx)
{
	static const unsigned prctls[] = {PR_SET_NAME, PR_GET_NAME,
	    PR_CAPBSET_READ, PR_SET_NO_NEW_PRIVS, 0x53564d41 /* _VMA */};
	static const unsigned ioctls[] = {
	    TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX};
	unsigned self = (unsigned)getpid();
	size_t i;
	int r = add_all(ctx, SCMP_ACT_ALLOW, calls_common);

	if (r == 0)
		r = allow_int(ctx, "tgkill", 0, self);
	if (r == 0)
		r = allow_int(ctx, "kill", 0, self);
	if (r == 0)
		r = allow_int(ctx, "prlimit64", 0, 0);
	for (i = 0; r == 0 && i < COUNT_OF(prctls); i++)
		r = allow_int(ctx, "prctl", 0, prctls[i]);
	for (i = 0; r == 0 && i < COUNT_OF(ioctls); i++)
		r = allow_int(ctx, "ioctl", 1, ioctls[i]);
	return r;
}

/*
 * Threads, but no processes. The flags of clone3() are in memory, where no
 * filter sees them; without it libc takes clone(). A new process has an excuse:
 * the reports of sanitizers.
 */
static int
add_threads(scmp_filter_ctx ctx)
{
	const struct argument process = {
	    CLONE_FLAGS, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0};
	int r = add_all(ctx, SCMP_ACT_ALLOW, calls_threads);

	if (r == 0)
		r = add_bits(
		    ctx, SCMP_ACT_ALLOW, "clone", CLONE_FLAGS, CLONE_THREAD);
	if (r == 0)
		r = add(ctx, REFUSE(EPERM), "clone", &process);
	return r == 0 ? add_all(ctx, REFUSE(EPERM), calls_fork) : r;
}

/* For libc to learn the addresses of the machine. */
static int
add_netlink(scmp_filter_ctx ctx)
{
	struct scmp_arg_cmp args[] = {{0, SCMP_CMP_EQ, AF_NETLINK, 0},
	    {2, SCMP_CMP_EQ, NETLINK_ROUTE, 0}};
	int r = seccomp_rule_add_array(
	    ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), COUNT_OF(args), args);

	if (r < 0)
		return r;
	args[1].op = SCMP_CMP_NE;
	r = seccomp_rule_add_array(
	    ctx, REFUSE(EAFNOSUPPORT), SCMP_SYS(socket), COUNT_OF(args), args);
	return r == -EEXIST ? 0 : r;
}

/*
 * Sockets of these families; bits. Libraries try others and must be told
 * softly. Where libc goes through socketcall(), the family is in memory, where
 * no filter sees it: then all are possible here.
 */
static int
add_sockets(scmp_filter_ctx ctx, uint64_t families)
{
	const struct argument above = {0, SCMP_CMP_GE, FAMILIES, 0};
	const struct argument unix_pair = {0, SCMP_CMP_EQ, AF_UNIX, 0};
	struct argument one = {0, SCMP_CMP_EQ, 0, 0};
	int r = add_all(ctx, SCMP_ACT_ALLOW, calls_sockets);

	for (; r == 0 && one.a < FAMILIES; one.a++)
		if (!((families >> one.a) & 1))
			r = add(ctx, REFUSE(EAFNOSUPPORT), "socket", &one);
		else if (one.a == AF_NETLINK)
			r = add_netlink(ctx);
		else
			r = add(ctx, SCMP_ACT_ALLOW, "socket", &one);
	if (r == 0)
		r = add(ctx, REFUSE(EAFNOSUPPORT), "socket", &above);
	return r == 0 ? add(ctx, SCMP_ACT_ALLOW, "socketpair", &unix_pair) : r;
}

static int
fill_daemon(scmp_filter_ctx ctx)
{
	int r = add_common(ctx);

	if (r == 0)
		r = add_threads(ctx);
	if (r == 0)
		r = add_all(ctx, SCMP_ACT_ALLOW, calls_reading);
	if (r == 0)
		r = add_all(ctx, SCMP_ACT_ALLOW, calls_opening);
	if (r == 0)
		r = add_all(ctx, SCMP_ACT_ALLOW, calls_writing);
	if (r == 0)
		r = add_all(ctx, SCMP_ACT_ALLOW, calls_waiting);
	if (r == 0)
		r = add_all(ctx, SCMP_ACT_ALLOW, calls_accepting);
	return r == 0 ? add_sockets(ctx, UINT64_C(1) << AF_UNIX) : r;
}

/* Open files, but only to read them. */
static int
add_open_read(scmp_filter_ctx ctx)
{
	const uint64_t bits = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
	int r = allow_without(ctx, "open", 1, bits);

	if (r == 0)
		r = allow_without(ctx, "openat", 2, bits);
	if (r == 0)
		r = add_bits(ctx, REFUSE(EACCES), "open", 1, bits);
	return r == 0 ? add_bits(ctx, REFUSE(EACCES), "openat", 2, bits) : r;
}

static int
fill_fetch(scmp_filter_ctx ctx)
{
	const uint64_t families = UINT64_C(1) << AF_UNIX |
	    UINT64_C(1) << AF_INET | UINT64_C(1) << AF_INET6 |
	    UINT64_C(1) << AF_NETLINK;
	int r = add_common(ctx);

	if (r == 0)
		r = add_threads(ctx);
	if (r == 0)
		r = add_all(ctx, SCMP_ACT_ALLOW, calls_reading);
	if (r == 0)
		r = add_open_read(ctx);
	if (r == 0)
		r = add_all(ctx, SCMP_ACT_ALLOW, calls_waiting);
	if (r == 0)
		r = add_all(ctx, SCMP_ACT_ALLOW, calls_fetch);
	if (r == 0)
		r = add_all(ctx, kill_action(), calls_accepting);
	return r == 0 ? add_sockets(ctx, families) : r;
}

static int
fill_sign(scmp_filter_ctx ctx)
{
	int r = add_common(ctx);

	if (r == 0)
		r = add_all(ctx, REFUSE(EACCES), calls_opening);
	if (r == 0)
		r = add_all(ctx, REFUSE(EPERM), calls_fork);
	if (r == 0)
		r = add(ctx, kill_action(), "socket", NULL);
	if (r == 0)
		r = add(ctx, kill_action(), "socketpair", NULL);
	if (r == 0)
		r = add_all(ctx, kill_action(), calls_sockets);
	return r == 0 ? add_all(ctx, kill_action(), calls_accepting) : r;
}

/* What programs the machine runs besides its own: the same rules for them. */
static int
add_machines(scmp_filter_ctx ctx)
{
	uint32_t native = seccomp_arch_native();
	int r = 0;

	if (native == SCMP_ARCH_X86_64)
		r = seccomp_arch_add(ctx, SCMP_ARCH_X86);
	if (r == 0 && native == SCMP_ARCH_X86_64)
		r = seccomp_arch_add(ctx, SCMP_ARCH_X32);
	if (native == SCMP_ARCH_AARCH64)
		r = seccomp_arch_add(ctx, SCMP_ARCH_ARM);
	return r;
}

/* For programs that we do not know: little, and softly. */
static int
fill_spawner(scmp_filter_ctx ctx)
{
	int r = add_machines(ctx);

	if (r == 0)
		r = add_all(ctx, REFUSE(EPERM), calls_no_program);
	if (r == 0)
		r = add_all(ctx, REFUSE(EPERM), calls_inspecting);
	if (r == 0)
		r = add_all(ctx, REFUSE(EPERM), calls_administering);
	if (r == 0)
		r = add_bits(
		    ctx, REFUSE(EPERM), "clone", CLONE_FLAGS, NAMESPACES);
	return r == 0 ? add(ctx, REFUSE(ENOSYS), "clone3", NULL) : r;
}

static int
fill(scmp_filter_ctx ctx, enum sandbox_role role)
{
	static int (*const fills[])(scmp_filter_ctx ctx) = {
	    [SANDBOX_DAEMON] = fill_daemon,
	    [SANDBOX_SPAWNER] = fill_spawner,
	    [SANDBOX_FETCH] = fill_fetch,
	    [SANDBOX_SIGN] = fill_sign,
	};
	int r = fills[role](ctx);

	if (r < 0 || role == SANDBOX_SPAWNER)
		return r;
	r = add_all(ctx, kill_action(), calls_executing);
	if (r == 0)
		r = add_all(ctx, kill_action(), calls_listening);
	if (r == 0)
		r = add_all(ctx, kill_action(), calls_inspecting);
	return r == 0 ? add_all(ctx, kill_action(), calls_administering) : r;
}

/* Whether the kernel has it: asked for with no filter, it says what is wrong. */
static int
is_offered(void)
{
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) < 0 &&
	    errno == EFAULT;
}

/*
 * For our own processes the rest fails with ENOSYS, as it would with an older
 * kernel. Machines that run this are upgraded under it for years, and each
 * libc brings system calls that no list of today has: it tries them and, told
 * that, falls back to those that it used before. If the rest killed, an upgrade
 * would stop the mail; with EPERM, libc would take it for an answer.
 */
int
sandbox_calls(enum sandbox_role role)
{
	scmp_filter_ctx ctx;
	int r;

	if (!is_offered())
		return 0;
	ctx = seccomp_init(
	    role == SANDBOX_SPAWNER ? SCMP_ACT_ALLOW : REFUSE(ENOSYS));
	if (!ctx)
		return -ENOMEM;
	/* calls of another machine's table, such as those of 32 bits */
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, kill_action());
	/* only faster, and not known to every kernel and library */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	/* threads that somebody preloaded */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0)
		r = fill(ctx, role);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r < 0 ? r : 1;
}

#else

int
sandbox_calls(enum sandbox_role role)
{
	(void)role;
	return 0;
}

#endif

const char *
sandbox_build(void)
{
#if !defined(SANDBOX)
	return "no sandbox";
#elif !defined(HAVE_SECCOMP)
	return "landlock, no seccomp";
#else
	return "seccomp and landlock";
#endif
}
