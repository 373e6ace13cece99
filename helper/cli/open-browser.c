/* SPDX-License-Identifier: MIT */
/* open-browser - have the system's browser show an address */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/cli/open-browser.h"

#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"

static int
is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value && *value;
}

int
open_browser_possible(void)
{
	return is_set("DISPLAY") || is_set("WAYLAND_DISPLAY") ||
	    is_set("BROWSER");
}

/* Whether a program is there, as execvp() would find it. */
static int
is_program(const char *name)
{
	const char *path = getenv("PATH");
	char full[PATH_MAX];
	size_t n;

	if (strchr(name, '/'))
		return access(name, X_OK) == 0;
	for (path = path ? path : PATH_DEFAULT; *path;
	     path += n + (path[n] == ':')) {
		n = strcspn(path, ":");
		if ((size_t)snprintf(full, sizeof(full), "%.*s/%s", (int)n,
			path, name) < sizeof(full) &&
		    access(full, X_OK) == 0)
			return 1;
	}
	return 0;
}

/* Cut a command into words. Returns 0, or -ENOENT when it cannot be run. */
static int
take(struct browser *b, const char *text, size_t len)
{
	char *word, *save = NULL;
	size_t n = 0;

	memset(b, 0, sizeof(*b));
	if (len >= sizeof(b->command))
		return -ENOENT;
	memcpy(b->command, text, len);
	for (word = strtok_r(b->command, " \t", &save); word;
	     word = strtok_r(NULL, " \t", &save)) {
		if (n == BROWSER_WORDS)
			return -ENOENT;
		b->argv[n++] = word;
	}
	return n > 0 && is_program(b->argv[0]) ? 0 : -ENOENT;
}

int
open_browser_find(struct browser *b)
{
	static const char *const usual[] = {
	    "xdg-open", "sensible-browser", "open"};
	const char *list = getenv("BROWSER");
	size_t i, n;

	for (; list && *list; list += n + (list[n] == ':')) {
		n = strcspn(list, ":");
		if (take(b, list, n) == 0)
			return 0;
	}
	for (i = 0; i < COUNT_OF(usual); i++)
		if (take(b, usual[i], strlen(usual[i])) == 0)
			return 0;
	return -ENOENT;
}

/* Put the address into the words. argv() has room for it. */
static void
add_url(struct browser *b, char *url)
{
	size_t i;

	for (i = 1; b->argv[i]; i++)
		if (strcmp(b->argv[i], "%s") == 0)
			break;
	b->argv[i] = url;
}

/* What the child does until it is another program. */
static void
become(struct browser *b)
{
	int null = open("/dev/null", O_RDWR);

	setsid(); /* Ctrl-C ends the sign-in, not the browser */
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(null, 2) < 0)
		_exit(127);
	signal(SIGPIPE, SIG_DFL);
	execvp(b->argv[0], b->argv);
	_exit(127);
}

int
open_browser(struct browser *b, const char *url)
{
	char *copy = strdup(url);

	if (!copy)
		return -ENOMEM;
	add_url(b, copy);
	b->pid = fork();
	if (b->pid == 0)
		become(b);
	free(copy);
	return b->pid < 0 ? -errno : 0;
}

int
open_browser_failed(struct browser *b)
{
	int status = 0;

	if (b->pid <= 0 || waitpid(b->pid, &status, WNOHANG) != b->pid)
		return 0;
	b->pid = 0;
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}
