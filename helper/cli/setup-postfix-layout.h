/* SPDX-License-Identifier: MIT */
/* setup-postfix-layout.h - how the Postfix of this machine is laid out */
#ifndef SASL_BEARER_SETUP_POSTFIX_LAYOUT_H
#define SASL_BEARER_SETUP_POSTFIX_LAYOUT_H

#include <limits.h>

#include "common/util.h"

#define LAYOUT_NAMES 256 /* bytes of names of services */

struct postfix_layout {
	char config_dir[PATH_MAX]; /* $MAIL_CONFIG, or where it usually is */
	char queue_dir[PATH_MAX];
	char passwords[PATH_MAX];  /* smtp_sasl_password_maps: its first file */
	char owner[64];		   /* who smtp(8) runs as */
	int found;		   /* master.cf could be read */
	char jailed[LAYOUT_NAMES]; /* the smtp(8) in a chroot: "smtp, relay" */
	char free[LAYOUT_NAMES];   /* those that are not */
};

/*
 * Read main.cf and master.cf as far as is needed here: where mail is queued,
 * and which services are an smtp(8) in a chroot; postconf(5), master(5).
 *
 *	ret	written in any case
 */
void postfix_layout_read(struct postfix_layout *ret);

/*
 * Find the user whose password in sasl_passwd is a path, as sasl-xoauth2 wants
 * it: all of the path, or its end, for a Postfix that sees it in a chroot.
 *
 *	path	of a file, absolute
 *	user	"" where there is none, or the file cannot be read
 *
 * Returns 0, or -EEXIST when several users have it; user is one of them.
 */
int postfix_layout_user(const struct postfix_layout *layout, const char *path,
    char user[USER_MAX + 1]);

/* The file with the CA certificates of the system, or NULL. */
const char *postfix_layout_ca_file(void);

/* Whether a path is one of those, on any system. */
int postfix_layout_is_ca_file(const char *path);

#endif
