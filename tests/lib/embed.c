/* SPDX-License-Identifier: MIT */
/* embed - a program that uses libsasl2 in every way that programs do */
#include "config.h"

#include <dirent.h>
#include <dlfcn.h>
#ifdef HAVE_MALLINFO2
#include <malloc.h>
#endif
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sasl/sasl.h>

#include "tests/lib/sasl-user.h"

/*
 * usage: embed FD COMMAND...
 *
 * Does one after the other, and writes a line to FD for each. WHO is 0 for the
 * program itself, else one of the libraries that it loaded.
 *
 *	open PATH		load a library that uses libsasl2; prints WHO
 *	close WHO		unload it
 *	init WHO, done WHO	what libsasl2 returned
 *	end			sasl_done(), as old programs do
 *	name TEXT		who logs in; "name" alone: ""
 *	authzid TEXT, challenge TEXT, service TEXT
 *				of logins from now on; alone: none
 *	login WHO MECH HOW	see sasl-user.h
 *	times N COMMANDS	separated by ";": how many went well, and not
 *	threads N COMMANDS; ...	N threads at once, each with commands of its
 *				own, separated by "|"
 *	forks N COMMANDS	N children at once, and this process too
 *	background COMMANDS	a thread that does so again and again
 *	noise			one that writes to 1 and 2, and reads 0, in steps
 *	join			end these
 *	chroot DIR, setuid UID, env NAME=VALUE
 *	usage			descriptors, mappings, KiB resident, bytes of heap
 */

#define USERS_MAX 8
#define THREADS_MAX 64
#define KEPT 4

struct user {
	void *handle;
	const struct user_functions *f;
};

/* Who does commands: the program, or a thread. */
struct actor {
	struct user_login l;
	char *kept[KEPT]; /* what l points to */
	char *commands;	  /* of a thread */
	int times, quiet;
	unsigned good, bad;
	char line[USER_LINE_SIZE];
	pthread_t thread;
};

static struct user users[USERS_MAX] = {{NULL, &user_functions}};
static size_t user_count = 1;
static int out_fd;
static atomic_int stopping;

static void obey(struct actor *a, char *commands, const char *separator);

static struct user *
find_user(const char *number)
{
	size_t n = number ? (size_t)atoi(number) : USERS_MAX;

	if (n >= user_count)
		exit(3);
	return &users[n];
}

static int
do_open(struct actor *a, const char *path)
{
	struct user *u = &users[user_count];

	u->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	u->f = u->handle ? dlsym(u->handle, "user_functions") : NULL;
	if (!u->f) {
		snprintf(a->line, sizeof(a->line), "-1 %s", dlerror());
		return -1;
	}
	snprintf(a->line, sizeof(a->line), "%zu", user_count++);
	return 0;
}

static int
do_login(struct actor *a, const char *who, const char *mech, const char *how)
{
	if (!mech || !how)
		exit(3);
	a->l.mech = mech;
	a->l.how = how;
	return find_user(who)->f->login(&a->l, a->line);
}

/* ---- what a process costs */

static unsigned
count_files(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static unsigned
count_mappings(unsigned long *ret_resident)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512];
	unsigned n = 0;
	unsigned long k;

	*ret_resident = 0;
	while (f && fgets(line, sizeof(line), f)) {
		n += strncmp(line, "VmFlags", 7) == 0;
		if (sscanf(line, "Rss: %lu", &k) == 1)
			*ret_resident += k;
	}
	if (f)
		fclose(f);
	return n;
}

static size_t
heap_bytes(void)
{
#ifdef HAVE_MALLINFO2
	return mallinfo2().uordblks;
#else
	return 0;
#endif
}

static int
do_usage(struct actor *a)
{
	unsigned long resident;
	unsigned maps = count_mappings(&resident);

	snprintf(a->line, sizeof(a->line), "%u %u %lu %zu",
	    count_files("/proc/self/fd"), maps, resident, heap_bytes());
	return 0;
}

/* ---- several at once */

static struct actor *
new_actor(const struct actor *like, const char *commands, int times)
{
	struct actor *a = calloc(1, sizeof(*a));

	if (!a)
		exit(3);
	a->l = like->l;
	a->quiet = 1;
	a->times = times;
	a->commands = strdup(commands);
	return a;
}

static void *
perform(void *arg)
{
	struct actor *a = arg;
	char *copy;
	int i;

	for (i = 0; a->times ? i < a->times : !stopping; i++) {
		copy = strdup(a->commands);
		obey(a, copy, ";");
		free(copy);
	}
	return NULL;
}

static void
begin(struct actor *a, void *(*function)(void *))
{
	if (pthread_create(&a->thread, NULL, function, a) != 0)
		exit(3);
}

static void
finish(struct actor *a)
{
	size_t i;

	for (i = 0; i < KEPT; i++)
		free(a->kept[i]);
	free(a->commands);
	free(a);
}

static int
do_times(struct actor *a, int n, const char *commands)
{
	struct actor *self = new_actor(a, commands, n);
	int bad;

	perform(self);
	bad = self->bad > 0;
	snprintf(a->line, sizeof(a->line), "%u %u", self->good, self->bad);
	finish(self);
	return bad ? -1 : 0;
}

/* Every thread its own commands; each line tells of all, in their order. */
static int
do_threads(struct actor *a, int n, char *commands)
{
	struct actor *all[THREADS_MAX];
	size_t i, count = 0, used = 0;
	char *rest = NULL, *one;

	for (one = strtok_r(commands, "|", &rest); one && count < THREADS_MAX;
	     one = strtok_r(NULL, "|", &rest))
		all[count++] = new_actor(a, one, n);
	for (i = 0; i < count; i++)
		begin(all[i], perform);
	a->line[0] = '\0';
	for (i = 0; i < count; i++) {
		pthread_join(all[i]->thread, NULL);
		used += (size_t)snprintf(a->line + used, sizeof(a->line) - used,
		    "%u %u ", all[i]->good, all[i]->bad);
		finish(all[i]);
	}
	return 0;
}

static int
do_forks(struct actor *a, int n, char *commands)
{
	int i, status, bad = 0, quiet = a->quiet;
	pid_t pid = 0;

	a->quiet = 1;
	a->bad = 0;

	for (i = 0; i < n; i++) {
		pid = fork();
		if (pid == 0) {
			obey(a, commands, ";");
			_exit(a->bad > 0);
		}
	}
	obey(a, commands, ";");
	bad += a->bad > 0;
	a->quiet = quiet;
	while (n-- > 0)
		bad += wait(&status) < 0 || status != 0;
	snprintf(a->line, sizeof(a->line), "%d", bad);
	return bad ? -1 : 0;
}

static struct actor *background[THREADS_MAX];
static size_t background_count;

static pthread_mutex_t step_lock = PTHREAD_MUTEX_INITIALIZER;
static int in_step;

static void
set_in_step(int now)
{
	pthread_mutex_lock(&step_lock);
	in_step = now;
	pthread_mutex_unlock(&step_lock);
}

/* Not between steps: what the C library then opens would be disturbed. */
static void *
make_noise(void *arg)
{
	char buf[64];

	(void)arg;
	while (!stopping) {
		pthread_mutex_lock(&step_lock);
		if (in_step) {
			(void)!write(STDOUT_FILENO, "noise\n", 6);
			(void)!write(STDERR_FILENO, "noise\n", 6);
			(void)!read(STDIN_FILENO, buf, sizeof(buf));
		}
		pthread_mutex_unlock(&step_lock);
		sched_yield();
	}
	return NULL;
}

static int
do_background(struct actor *a, const char *commands)
{
	struct actor *other = new_actor(a, commands ? commands : "", 0);

	background[background_count++] = other;
	if (!commands)
		a->l.in_step = set_in_step;
	begin(other, commands ? perform : make_noise);
	return 0;
}

static int
do_join(struct actor *a)
{
	unsigned good = 0, bad = 0;
	size_t i;

	stopping = 1;
	for (i = 0; i < background_count; i++) {
		pthread_join(background[i]->thread, NULL);
		good += background[i]->good;
		bad += background[i]->bad;
		finish(background[i]);
	}
	stopping = 0;
	a->l.in_step = NULL;
	background_count = 0;
	snprintf(a->line, sizeof(a->line), "%u %u", good, bad);
	return bad ? -1 : 0;
}

/* ---- commands */

static void
become(const char *verb, const char *value)
{
	char *equals = value ? strchr(value, '=') : NULL;
	int r = -1;

	if (!value)
		exit(3);

	if (strcmp(verb, "chroot") == 0)
		r = chroot(value) < 0 ? -1 : chdir("/");
	else if (strcmp(verb, "setuid") == 0)
		r = setgid((gid_t)atoi(value)) < 0 ? -1
						   : setuid((uid_t)atoi(value));
	else if (equals) {
		*equals = '\0';
		r = setenv(value, equals + 1, 1);
	}
	if (r < 0)
		exit(3);
}

/* What is kept for later is in memory of its exact size, for valgrind. */
static int
keep(struct actor *a, const char *verb, const char *value)
{
	const struct {
		const char *verb, **where, *none;
	} rows[KEPT] = {
	    {"name", &a->l.name, ""},
	    {"authzid", &a->l.authzid, NULL},
	    {"challenge", &a->l.challenge, NULL},
	    {"service", &a->l.service, "imap"},
	};
	size_t i;

	for (i = 0; i < KEPT; i++) {
		if (strcmp(verb, rows[i].verb) != 0)
			continue;
		free(a->kept[i]);
		a->kept[i] = value ? strdup(value) : NULL;
		*rows[i].where = value ? a->kept[i] : rows[i].none;
		return 0;
	}
	return -1;
}

/* Commands that have others in them, up to the end. */
static int
do_many(struct actor *a, const char *verb, char *rest, int *ret)
{
	char none[] = "", *end = rest ? rest : none;
	int n = (int)strtol(end, &end, 10);

	if (strcmp(verb, "times") == 0)
		*ret = do_times(a, n, end);
	else if (strcmp(verb, "threads") == 0)
		*ret = do_threads(a, n, end);
	else if (strcmp(verb, "forks") == 0)
		*ret = do_forks(a, n, end);
	else if (strcmp(verb, "background") == 0)
		*ret = do_background(a, rest);
	else if (strcmp(verb, "noise") == 0)
		*ret = do_background(a, NULL);
	else
		return -1;
	return 0;
}

static int
do_one(struct actor *a, const char *verb, char *rest)
{
	char *at = NULL, *one = rest ? strtok_r(rest, " ", &at) : NULL,
	     *two = one ? strtok_r(NULL, " ", &at) : NULL,
	     *three = two ? strtok_r(NULL, " ", &at) : NULL;
	int r = 0;

	if (strcmp(verb, "login") == 0)
		return do_login(a, one, two, three);
	if (strcmp(verb, "open") == 0)
		return do_open(a, one);
	if (strcmp(verb, "usage") == 0)
		return do_usage(a);
	if (strcmp(verb, "join") == 0)
		return do_join(a);
	if (strcmp(verb, "init") == 0)
		r = find_user(one)->f->init();
	else if (strcmp(verb, "done") == 0)
		r = find_user(one)->f->done();
	else if (strcmp(verb, "close") == 0)
		r = dlclose(find_user(one)->handle);
	else if (strcmp(verb, "end") == 0)
		sasl_done();
	else
		become(verb, one);
	snprintf(a->line, sizeof(a->line), "%d", r);
	return r;
}

static void
obey_one(struct actor *a, char *command)
{
	char *rest = NULL, *verb = strtok_r(command, " ", &rest);
	int r = 0;

	if (!verb)
		return;
	rest = *rest ? rest : NULL;
	strcpy(a->line, "0");
	if (keep(a, verb, rest) < 0 && do_many(a, verb, rest, &r) < 0)
		r = do_one(a, verb, rest);
	a->good += r >= 0;
	a->bad += r < 0;
	if (!a->quiet)
		dprintf(out_fd, "%s %s\n", verb, a->line);
}

static void
obey(struct actor *a, char *commands, const char *separator)
{
	char *rest = NULL, *one;

	for (one = strtok_r(commands, separator, &rest); one;
	     one = strtok_r(NULL, separator, &rest))
		obey_one(a, one);
}

int
main(int argc, char **argv)
{
	struct actor *a;
	int i;

	if (argc < 2)
		return 3;
	a = calloc(1, sizeof(*a));
	if (!a)
		return 3;
	out_fd = atoi(argv[1]);
	a->l.service = "imap";
	a->l.name = "";
	for (i = 2; i < argc; i++)
		obey_one(a, argv[i]);
	finish(a);
	return 0;
}
