/* SPDX-License-Identifier: MIT */
/* settings - sasl-bearer.conf, and where things are */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/sock.h"
#include "helper/config/settings.h"

#define PACKAGE_DIR "sasl-bearer"
#define FILE_NAME "sasl-bearer.conf"

/*
 * A directory of the XDG base directory specification: the variable where it
 * holds an absolute path, else below the home.
 */
static int
user_dir(const char *variable, const char *below_home, char *buf, size_t size)
{
	const char *dir = getenv(variable), *home = getenv("HOME");
	int n;

	if (dir && *dir == '/')
		n = snprintf(buf, size, "%s/" PACKAGE_DIR, dir);
	else if (home && *home == '/')
		n = snprintf(buf, size, "%s/%s/" PACKAGE_DIR, home, below_home);
	else
		return -ENOENT;
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

int
settings_path(int user_mode, char *buf, size_t size)
{
	char dir[PATH_MAX] = CONF_DIR;
	int n, r = 0;

	if (user_mode)
		r = user_dir("XDG_CONFIG_HOME", ".config", dir, sizeof(dir));
	if (r < 0)
		return r;
	n = snprintf(buf, size, "%s/" FILE_NAME, dir);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int
replace(char **member, const char *text)
{
	free(*member);
	*member = strdup(text);
	return *member ? 0 : -ENOMEM;
}

/* Replace a list by up to three words, of which each may be NULL. */
static int
replace_list(char ***member, const char *const *words)
{
	char **list = NULL;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < 3; i++)
		if (words[i])
			r = list_add(&list, words[i], strlen(words[i]));
	if (r < 0) {
		list_free(list);
		return r;
	}
	list_free(*member);
	*member = list;
	return 0;
}

static int
is_set(const unsigned *lines, const char *name)
{
	return lines[conf_find(settings_keys, name)] != 0;
}

/* The absolute directory that a file is in. */
static int
directory_of(const char *path, char *buf)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (len >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, path, len);
	dir[len] = '\0';
	if (*dir == '/') {
		memcpy(buf, dir, len + 1);
		return 0;
	}
	return realpath(len ? dir : slash ? "/" : ".", buf) ? 0 : -errno;
}

/* accounts.d and providers.d are beside sasl-bearer.conf. */
static int
default_dirs(
    struct settings *s, const unsigned *lines, const char *dir, int shared)
{
	char accounts[PATH_MAX + 16], providers[PATH_MAX + 16];
	const char *words[3] = {providers,
	    shared ? CONF_DIR "/providers.d" : NULL, DATA_DIR "/providers.d"};
	int r = 0;

	snprintf(accounts, sizeof(accounts), "%s/accounts.d", dir);
	snprintf(providers, sizeof(providers), "%s/providers.d", dir);
	if (!is_set(lines, "accounts_dir"))
		r = replace(&s->accounts_dir, accounts);
	if (r == 0 && !is_set(lines, "providers_dir"))
		r = replace_list(&s->providers_dir, words);
	return r;
}

/* What is elsewhere for the helper of a user. */
static int
default_user(struct settings *s, const unsigned *lines)
{
	char dir[PATH_MAX], path[SOCK_PATH_MAX];
	const char *words[3] = {path, NULL, NULL};
	int r = 0;

	if (!is_set(lines, "state_dir")) {
		r = user_dir(
		    "XDG_STATE_HOME", ".local/state", dir, sizeof(dir));
		if (r == 0)
			r = replace(&s->state_dir, dir);
	}
	if (r == 0 && !is_set(lines, "listen")) {
		r = sock_user_path(path, sizeof(path));
		if (r == 0)
			r = replace_list(&s->listen, words);
	}
	return r;
}

/* Report words of a list that are not absolute paths of at most max bytes. */
static void
check_paths(char **list, size_t max, const char *file, unsigned line,
    struct conf_errors *e)
{
	for (; list && *list; list++) {
		if (**list != '/')
			conf_error(e, file, line,
			    "\"%s\" is not an absolute path", *list);
		else if (strlen(*list) > max)
			conf_error(e, file, line,
			    "\"%s\" is longer than %zu bytes", *list, max);
	}
}

/* Fill in what the table cannot know. Reports what is wrong. */
static int
complete(struct settings *s, const char *path, int user_mode,
    const unsigned *lines, struct conf_errors *e)
{
	char dir[PATH_MAX], own[PATH_MAX], text[64];
	unsigned before = e->count;
	int shared, r;

	shared = user_mode && settings_path(1, own, sizeof(own)) == 0 &&
	    strcmp(own, path) == 0;
	r = directory_of(path, dir);
	if (r == 0)
		r = default_dirs(s, lines, dir, shared);
	if (r == 0 && user_mode)
		r = default_user(s, lines);
	if (r < 0) {
		conf_error(e, path, 0, "%s",
		    r == -ENOENT ? "cannot tell where files of the user are; "
				   "set HOME"
				 : err_text(r, text, sizeof(text)));
		return r;
	}
	check_paths(s->listen, SOCK_PATH_MAX - 1, path,
	    lines[conf_find(settings_keys, "listen")], e);
	check_paths(s->providers_dir, PATH_MAX - 1, path,
	    lines[conf_find(settings_keys, "providers_dir")], e);
	if (s->notify_command && s->notify_command[0][0] != '/')
		conf_error(e, path,
		    lines[conf_find(settings_keys, "notify_command")],
		    "notify_command is not /PATH [ARGUMENT...]");
	return e->count > before ? -EINVAL : 0;
}

int
settings_load(
    const char *path, int user_mode, struct settings *s, struct conf_errors *e)
{
	unsigned lines[CONF_KEYS_MAX] = {0};
	char def[PATH_MAX];
	int r;

	if (!path) {
		r = settings_path(user_mode, def, sizeof(def));
		if (r < 0) {
			conf_error(e, FILE_NAME, 0,
			    "cannot tell where it is; set HOME");
			return r;
		}
		if (access(def, F_OK) < 0 && errno == ENOENT)
			r = conf_defaults(settings_keys, s);
		else
			r = conf_load(def, settings_keys, s, lines, e);
		if (r < 0 && e->count == 0)
			conf_error(e, FILE_NAME, 0, "out of memory");
		path = def;
	} else {
		r = conf_load(path, settings_keys, s, lines, e);
	}
	return r < 0 ? r : complete(s, path, user_mode, lines, e);
}

void
settings_clear(struct settings *s)
{
	conf_clear(settings_keys, s);
}
