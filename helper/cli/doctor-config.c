/* SPDX-License-Identifier: MIT */
/* doctor-config - configuration files, and who may read the state */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "helper/cli/call.h"
#include "helper/cli/doctor.h"
#include "helper/cli/start.h"

#define OUTPUT_SIZE 65536
#define PREFIX "sasl-bearerd: "

static void
on_error(void *context, const char *line)
{
	struct doctor *d = context;

	doctor_report_line(d, DOCTOR_FAILED, line);
}

/* sasl-bearer.conf as it is named, or where it usually is. */
static const char *
config_path(const struct doctor *d, char path[PATH_MAX])
{
	if (d->cli->config)
		return d->cli->config;
	if (settings_path(d->cli->user_mode, path, PATH_MAX) < 0)
		return NULL;
	return path;
}

/* Read sasl-bearer.conf. Returns 0, or a negative code, reported. */
static int
load(struct doctor *d, const char *path)
{
	struct conf_errors e = {.report = on_error, .context = d};

	if (!d->owner && path && access(path, R_OK) < 0 && errno == EACCES) {
		doctor_remedy(d, "sudo sasl-bearer doctor");
		doctor_report(
		    d, DOCTOR_SKIPPED, "%s: not checked: needs root", path);
		if (call_is_default(d->cli))
			d->cli->socket = RUN_DIR "/socket";
		return -EACCES;
	}
	if (settings_load(
		d->cli->config, d->cli->user_mode, &d->cli->settings, &e) < 0)
		return -EINVAL;
	d->cli->settings_loaded = 1;
	d->settings_ok = 1;
	return 0;
}

/* A line of sasl-bearerd --check. Returns whether it is an error. */
static int
take_line(struct doctor *d, const char *line)
{
	const char *warning = strstr(line, ": warning: ");

	if (strncmp(line, PREFIX, strlen(PREFIX)) != 0)
		return 0;
	line += strlen(PREFIX);
	if (!strstr(line, "; run: "))
		doctor_remedy(d, "%s that file, then: %ssasl-bearerd %s--check",
		    warning ? "see to" : "mend", doctor_sudo(d),
		    d->cli->user_mode ? "--user " : "");
	doctor_report_line(d, warning ? DOCTOR_WARNING : DOCTOR_FAILED, line);
	return 1;
}

/* The helper's own check knows all rules. Returns how much it found. */
static int
run_check(struct doctor *d)
{
	char path[PATH_MAX], *save = NULL, *line;
	const char *argv[] = {path, "--check", NULL, NULL, NULL, NULL};
	size_t n = 2;
	char *output = calloc(1, OUTPUT_SIZE);
	int r = output ? start_find(&d->cli->settings, path) : -ENOMEM;
	int found = 0;

	if (d->cli->user_mode)
		argv[n++] = "--user";
	if (d->cli->config) {
		argv[n++] = "--config";
		argv[n] = d->cli->config;
	}
	if (r == 0)
		r = doctor_run(argv, output, OUTPUT_SIZE);
	if (r < 0) {
		doctor_remedy(d, "install the package completely");
		doctor_report(d, DOCTOR_FAILED, "cannot run sasl-bearerd");
		free(output);
		return 1;
	}
	for (line = strtok_r(output, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		found += take_line(d, line);
	free(output);
	if (r != 0 && found == 0)
		doctor_report(d, DOCTOR_FAILED,
		    "sasl-bearerd --check ends with status %d", r);
	return found || r != 0;
}

void
doctor_config(struct doctor *d)
{
	char buf[PATH_MAX];
	const char *path = config_path(d, buf);
	struct conf_errors none = {.report = NULL};
	char **names = NULL;
	size_t n = 0;

	if (load(d, path) < 0)
		return;
	if (!d->owner) {
		doctor_remedy(d, "sudo sasl-bearer doctor");
		doctor_report(d, DOCTOR_SKIPPED,
		    "the files of the accounts: not checked: needs root");
		return;
	}
	if (run_check(d))
		return;
	if (account_names(&d->cli->settings, &names, &none) == 0)
		while (names && names[n])
			n++;
	list_free(names);
	doctor_report(d, DOCTOR_OK, "%s%s, %zu account%s in %s", path,
	    access(path, F_OK) < 0 ? " (not there: defaults)" : "", n,
	    n == 1 ? "" : "s", d->cli->settings.accounts_dir);
}

/* Whose the state is. Returns 0, or a negative code, reported. */
static int
find_owner(struct doctor *d, uid_t *ret)
{
	const char *name = d->cli->settings.run_as;
	const struct passwd *pw;

	*ret = geteuid();
	if (d->cli->user_mode || !name)
		return 0;
	pw = getpwnam(name);
	if (!pw) {
		doctor_remedy(d,
		    strcmp(name, RUN_AS) == 0
			? "%ssystemd-sysusers sasl-bearer.conf"
			: "create it, or correct run_as in sasl-bearer.conf%s",
		    strcmp(name, RUN_AS) == 0 ? doctor_sudo(d) : "");
		doctor_report(d, DOCTOR_FAILED,
		    "there is no user \"%s\", as which the helper runs", name);
		return -ENOENT;
	}
	*ret = pw->pw_uid;
	return 0;
}

/* A file or directory of the state. Returns whether it is as it should be. */
static int
check_entry(
    struct doctor *d, const char *path, const struct stat *st, uid_t uid)
{
	const char *mode = S_ISDIR(st->st_mode) ? "700" : "600";

	if (st->st_uid != uid) {
		doctor_remedy(d, "%schown %lu %s",
		    geteuid() == 0 ? "" : "sudo ", (unsigned long)uid, path);
		doctor_report(d, DOCTOR_FAILED,
		    "%s belongs to uid %lu, and the helper is uid %lu", path,
		    (unsigned long)st->st_uid, (unsigned long)uid);
		return 0;
	}
	if (st->st_mode & 077) {
		doctor_remedy(d, "chmod %s %s", mode, path);
		doctor_report(d, DOCTOR_FAILED,
		    "%s holds secrets, and others may open it: mode %04o", path,
		    st->st_mode & 07777U);
		return 0;
	}
	return 1;
}

/* All files of the state. Returns how many, or -1 where one is not good. */
static int
check_files(struct doctor *d, const char *dir, DIR *opened, uid_t uid)
{
	char path[PATH_MAX];
	struct dirent *e;
	struct stat st;
	int good = 0, bad = 0;

	while ((e = readdir(opened))) {
		if (*e->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "%.3000s/%s", dir, e->d_name);
		if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
			continue; /* lost+found, where it is a disk */
		if (check_entry(d, path, &st, uid))
			good++;
		else
			bad++;
	}
	return bad ? -1 : good;
}

void
doctor_state(struct doctor *d)
{
	const char *dir = d->settings_ok ? d->cli->settings.state_dir : NULL;
	struct stat st;
	char text[64];
	uid_t uid;
	DIR *opened;
	int n;

	if (!dir || !d->owner) {
		doctor_report(d, DOCTOR_SKIPPED, "not checked: %s",
		    dir ? "needs root" : "the configuration cannot be read");
		return;
	}
	if (find_owner(d, &uid) < 0)
		return;
	if (lstat(dir, &st) < 0) {
		doctor_report(d, DOCTOR_SKIPPED,
		    "%s is not there: the helper makes it", dir);
		return;
	}
	if (!check_entry(d, dir, &st, uid))
		return;
	opened = opendir(dir);
	if (!opened) {
		doctor_report(d, DOCTOR_FAILED, "%s cannot be listed: %s", dir,
		    err_text(-errno, text, sizeof(text)));
		return;
	}
	n = check_files(d, dir, opened, uid);
	closedir(opened);
	if (n >= 0)
		doctor_report(d, DOCTOR_OK,
		    "%s and the files in it (%d) are the helper's alone", dir,
		    n);
}
