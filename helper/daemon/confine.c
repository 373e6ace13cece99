/* SPDX-License-Identifier: MIT */
/* confine - shut the daemon in with its own files, before it serves */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/config/file.h"
#include "helper/daemon/confine.h"
#include "helper/daemon/log.h"
#include "helper/daemon/store.h"
#include "helper/sandbox/sandbox.h"

#define UNNAMED                                                           \
	"its directory was not in the configuration, or not there, when " \
	"sasl-bearerd started; restart sasl-bearerd"

/*
 * What libc reads to find the users that allow names: nsswitch.conf, passwd and
 * libraries, which other files replace, so that their directories count; and
 * what those libraries keep or ask, for systemd, SSSD, nscd and extrausers. The
 * first two have the zones for the times in a log as well.
 */
static const char *const system_places[] = {"/etc", "/usr", "/lib", "/lib32",
    "/lib64", "/libx32", "/run/host/userdb", "/run/systemd/userdb",
    "/run/userdb", "/run/nscd", "/var/cache/nscd", "/var/db/nscd",
    "/var/lib/extrausers", "/var/lib/misc", "/var/lib/sss/mc",
    "/proc/sys/kernel/overflowuid"};

/* A list under construction, and the first error. */
struct list {
	struct sandbox_files files;
	int error;
};

static void
allow(struct list *l, const char *path, unsigned access)
{
	if (l->error == 0 && path)
		l->error = sandbox_files_allow(&l->files, path, access);
}

/*
 * Allow the directory that a file is in, since files are replaced: by rename(2)
 * or, as in Kubernetes, by another directory below it. One in "/" is allowed
 * by itself, lest everything is.
 */
static void
allow_around(struct list *l, const char *path)
{
	char dir[PATH_MAX];
	const char *slash = path ? strrchr(path, '/') : NULL;
	size_t len;

	if (!path)
		return;
	len = slash ? (size_t)(slash - path) : 0;
	if (slash == path || len >= sizeof(dir)) {
		allow(l, path, SANDBOX_READ);
		return;
	}
	memcpy(dir, path, len);
	dir[len] = '\0';
	allow(l, slash ? dir : ".", SANDBOX_READ);
}

/* The files of one account that the daemon itself reads or opens. */
static void
allow_account(struct list *l, const struct account_conf *a)
{
	const char *const files[] = {a->client_secret_file,
	    a->client_certificate, a->client_key, a->client_key_password_file,
	    a->assertion_file, a->token_file, a->mailboxes_file};
	char real[PATH_MAX];
	size_t i;

	for (i = 0; i < COUNT_OF(files); i++)
		allow_around(l, files[i]);
	/* the only one that may be a link */
	if (a->assertion_file && realpath(a->assertion_file, real))
		allow_around(l, real);
}

static void
allow_accounts(struct list *l, const struct settings *s)
{
	struct conf_errors quiet = {0}; /* load_now() tells them */
	struct account_conf *a;
	char **names = NULL;
	size_t i;

	if (account_names(s, &names, &quiet) < 0)
		return;
	for (i = 0; names[i]; i++) {
		account_load_partial(s, names[i], &a, &quiet);
		if (a)
			allow_account(l, a);
		account_conf_free(a);
	}
	list_free(names);
}

static void
allow_configuration(struct list *l, const struct daemon *d)
{
	const struct settings *s = &d->settings;
	char path[PATH_MAX];
	char **dir;

	if (d->config_path)
		allow_around(l, d->config_path);
	else if (settings_path(d->user_mode, path, sizeof(path)) == 0)
		allow_around(l, path);
	allow(l, s->accounts_dir, SANDBOX_READ);
	for (dir = s->providers_dir; dir && *dir; dir++)
		allow(l, *dir, SANDBOX_READ);
	allow(l, getenv("CREDENTIALS_DIRECTORY"), SANDBOX_READ);
	allow_accounts(l, s);
}

/* Sockets are removed at the end; markers come and go with accounts. */
static void
allow_sockets(struct list *l, const struct listeners *all)
{
	char dir[PATH_MAX];
	int i;

	for (i = 0; i < all->count; i++) {
		if (!all->path[i][0])
			continue;
		listen_markers(all->path[i], dir);
		allow(l, dir, SANDBOX_READ | SANDBOX_WRITE);
		*strrchr(dir, '/') = '\0';
		if (!all->inherited)
			allow(l, dir, SANDBOX_UNLINK);
	}
}

static int
limit_files(const struct daemon *d, int *ret_version)
{
	const char *manager = getenv("NOTIFY_SOCKET");
	struct list l = {.files.fd = -1};
	size_t i;
	int r;

	r = sandbox_files_open(
	    &l.files, manager && *manager == '@' ? SANDBOX_ABSTRACT : 0);
	if (r < 0)
		return r;
	for (i = 0; i < COUNT_OF(system_places); i++)
		allow(&l, system_places[i], SANDBOX_READ);
	allow_configuration(&l, d);
	allow_sockets(&l, &d->listeners);
	allow(&l, d->settings.state_dir, SANDBOX_READ | SANDBOX_WRITE);
	allow(&l, "/dev/null", SANDBOX_READ | SANDBOX_WRITE);
	r = sandbox_files_enter(&l.files);
	if (r < 0 || l.error < 0)
		return l.error < 0 ? l.error : r;
	*ret_version = l.files.version;
	if (l.files.version > 0)
		file_set_confined(UNNAMED);
	return 0;
}

/*
 * What is read once, or could not be made later: the zone for the times in a
 * log, libcrypto's configuration, and the directory that a first account of a
 * user will be in.
 */
static void
prepare(const struct daemon *d)
{
	tzset();
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
	if (d->user_mode)
		store_make_directories(d->settings.accounts_dir);
}

/* Once, and what is missing with the reason: the kernel's or the build's. */
static void
log_result(int calls, int version)
{
	char files[32] = "no landlock";

	if (version > 0)
		snprintf(files, sizeof(files), "landlock %d", version);
	if (calls && version > 0)
		log_line(LEVEL_INFO, "sandbox: seccomp, %s", files);
	else
		log_line(LEVEL_INFO, "sandbox: %s, %s (built with %s)",
		    calls ? "seccomp" : "no seccomp", files, sandbox_build());
}

int
confine(const struct daemon *d, char why[CONF_TEXT_MAX])
{
	const char *what = "landlock";
	char text[64];
	int r, version = 0;

	prepare(d);
	r = limit_files(d, &version);
	if (r == 0) {
		what = "seccomp";
		r = sandbox_calls(SANDBOX_DAEMON);
	}
	if (r < 0) {
		snprintf(why, CONF_TEXT_MAX, "cannot shut itself in: %s: %s",
		    what, err_text(r, text, sizeof(text)));
		return r;
	}
	log_result(r, version);
	return 0;
}
