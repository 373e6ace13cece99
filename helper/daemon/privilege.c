/* SPDX-License-Identifier: MIT */
/* privilege - give away what a process does not need */
#include "config.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef HAVE_PRCTL
#include <sys/prctl.h>
#endif

#include "common/err.h"
#include "helper/daemon/privilege.h"

#define FILES_WANTED 4096 /* 1,024 clients, 128 exchanges, and room */

int
privilege_find(const char *run_as, struct identity *ret)
{
	struct identity id = {.uid = geteuid(), .gid = getegid()};
	struct passwd *pw;

	if (run_as && id.uid == 0) {
		errno = 0;
		pw = getpwnam(run_as);
		if (!pw)
			return err_passes(-errno) ? -errno : -ENOENT;
		id.uid = pw->pw_uid;
		id.gid = pw->pw_gid;
		snprintf(id.name, sizeof(id.name), "%s", pw->pw_name);
	}
	*ret = id;
	return 0;
}

int
privilege_drop(const struct identity *id)
{
	if (id->uid == geteuid())
		return 0;
	if (initgroups(id->name, id->gid) < 0 || setgid(id->gid) < 0 ||
	    setuid(id->uid) < 0)
		return -errno;
	/* a drop that can be undone is none */
	return setuid(0) == 0 ? -EPERM : 0;
}

void
privilege_seal(void)
{
	struct rlimit none = {0, 0}, files;

	setrlimit(RLIMIT_CORE, &none);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
	    files.rlim_cur < FILES_WANTED) {
		files.rlim_cur = files.rlim_max < FILES_WANTED ? files.rlim_max
							       : FILES_WANTED;
		setrlimit(RLIMIT_NOFILE, &files);
	}
#ifdef HAVE_PRCTL
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#endif
}
