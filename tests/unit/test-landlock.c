/* SPDX-License-Identifier: MIT */
/* test-landlock - which files can be opened, and what else is out of reach */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/sandbox/sandbox.h"
#include "tests/unit/tap.h"

#define SETUP_FAILED 199

static char top[] = "/tmp/test-sandbox.XXXXXX";
static char inside[64], outside[64], fresh[64], moved[64], program[64];
static int version;

static void
make_file(char path[64], const char *name, mode_t mode)
{
	int fd;

	snprintf(path, 64, "%s/%s", top, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	if (fd >= 0)
		close(fd);
}

static void
make_files(void)
{
	char dir[64];

	if (!mkdtemp(top))
		abort();
	snprintf(dir, sizeof(dir), "%s/in", top);
	if (mkdir(dir, 0700) < 0)
		abort();
	make_file(inside, "in/file", 0600);
	make_file(outside, "file", 0600);
	make_file(program, "in/program", 0700);
	snprintf(fresh, sizeof(fresh), "%s/in/fresh", top);
	snprintf(moved, sizeof(moved), "%s/moved", top);
}

static void
remove_files(void)
{
	char dir[64];

	unlink(inside);
	unlink(outside);
	unlink(program);
	unlink(fresh);
	snprintf(dir, sizeof(dir), "%s/in", top);
	rmdir(dir);
	rmdir(top);
}

static int
try_open(const char *path, int flags)
{
	int fd = open(path, flags, 0600), error = errno;

	if (fd < 0)
		return error;
	close(fd);
	return 0;
}

static int
read_inside(void)
{
	return try_open(inside, O_RDONLY);
}

static int
read_outside(void)
{
	return try_open(outside, O_RDONLY);
}

static int
read_shadow(void)
{
	return try_open("/etc/shadow", O_RDONLY);
}

static int
write_inside(void)
{
	return try_open(inside, O_WRONLY);
}

static int
make_inside(void)
{
	int r = try_open(fresh, O_WRONLY | O_CREAT);

	return r == 0 && rename(fresh, inside) < 0 ? errno : r;
}

static int
move_out(void)
{
	return rename(inside, moved) < 0 ? errno : 0;
}

static int
link_inside(void)
{
	return symlink("/etc", fresh) < 0 ? errno : 0;
}

static int
execute(void)
{
	execl(program, program, (char *)NULL);
	return errno;
}

static int
cut_outside(void)
{
	return truncate(outside, 0) < 0 ? errno : 0;
}

static int
tcp(int (*call)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int r = call(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ? errno : 0;

	close(fd);
	return r;
}

static int
bind_tcp(void)
{
	return tcp(bind);
}

/* To port 0, where nobody is. */
static int
connect_tcp(void)
{
	return tcp(connect);
}

static int
signal_parent(void)
{
	return kill(getppid(), 0) < 0 ? errno : 0;
}

static int
signal_self(void)
{
	return kill(getpid(), 0) < 0 ? errno : 0;
}

/* The parent has it. */
static int
connect_abstract(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int r, fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(un.sun_path + 1, top, sizeof(top));
	r = connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0 ? errno : 0;
	close(fd);
	return r;
}

/* What a list of the directory in/ leaves, by access and flags. */
static const struct file_try {
	const char *name;
	int (*run)(void);
	int version; /* since when */
	unsigned access;
	unsigned flags;
	int want;
} file_tries[] = {
    {"a file of a directory on the list can be read", read_inside, 1,
	SANDBOX_READ, 0, 0},
    {"another cannot", read_outside, 1, SANDBOX_READ, 0, EACCES},
    {"nor can one of the system", read_shadow, 1, SANDBOX_READ, 0, EACCES},
    {"to read is not to write", write_inside, 1, SANDBOX_READ, 0, EACCES},
    {"to read is not to make", make_inside, 1, SANDBOX_READ, 0, EACCES},
    {"to write is", make_inside, 1, SANDBOX_WRITE, 0, 0},
    {"to write is not to read", read_inside, 1, SANDBOX_WRITE, 0, EACCES},
    {"nothing moves out of the directory", move_out, 1, SANDBOX_WRITE, 0,
	EACCES},
    {"no link is made", link_inside, 1, SANDBOX_READ | SANDBOX_WRITE, 0,
	EACCES},
    {"no program is executed", execute, 1, SANDBOX_READ | SANDBOX_WRITE, 0,
	EACCES},
    {"with no list there is nothing to read", read_inside, 1, 0, 0, EACCES},
    {"no other file is cut", cut_outside, 3, SANDBOX_WRITE, 0, EACCES},
    {"no TCP port is taken", bind_tcp, 4, 0, 0, EACCES},
    {"also not by who may connect", bind_tcp, 4, 0, SANDBOX_CONNECT, EACCES},
    {"no connection by TCP", connect_tcp, 4, 0, 0, EACCES},
    {"who may connect does", connect_tcp, 4, 0, SANDBOX_CONNECT, ECONNREFUSED},
    {"no signal to another process", signal_parent, 6, 0, 0, EPERM},
    {"signals to itself", signal_self, 6, 0, 0, 0},
    {"no abstract socket of others", connect_abstract, 6, 0, 0, EPERM},
    {"unless they may be used", connect_abstract, 6, 0, SANDBOX_ABSTRACT, 0},
};

static int
enter_and_try(const struct file_try *t)
{
	struct sandbox_files f;
	char dir[64];

	snprintf(dir, sizeof(dir), "%s/in", top);
	if (sandbox_files_open(&f, t->flags) < 0 ||
	    sandbox_files_allow(&f, dir, t->access) < 0 ||
	    sandbox_files_allow(&f, "/nowhere/at/all", SANDBOX_READ) < 0 ||
	    sandbox_files_enter(&f) < 0)
		return SETUP_FAILED;
	return t->run();
}

static void
check_files(void)
{
	const struct file_try *t;
	int status;
	pid_t pid;

	for (t = file_tries; t < file_tries + COUNT_OF(file_tries); t++) {
		if (version < t->version) {
			tap_ok(1, "%s # SKIP landlock here has version %d",
			    t->name, version);
			continue;
		}
		pid = fork();
		if (pid == 0)
			_exit(enter_and_try(t));
		status = -1;
		waitpid(pid, &status, 0);
		tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == t->want,
		    "%s", t->name);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != t->want)
			printf("# status %#x, want %d\n", (unsigned)status,
			    t->want);
	}
}

static int
open_abstract(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(un.sun_path + 1, top, sizeof(top));
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) < 0 ||
	    listen(fd, 10) < 0)
		abort();
	return fd;
}

int
main(void)
{
	struct sandbox_files f;
	int fd;

	if (sandbox_files_open(&f, 0) == 0) {
		version = f.version;
		close(f.fd);
	}
	make_files();
	fd = open_abstract();
	check_files();
	close(fd);
	remove_files();
	return tap_done();
}
