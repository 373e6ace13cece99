/* SPDX-License-Identifier: MIT */
/* start.h - see that the helper answers before a sign-in */
#ifndef SASL_BEARER_START_H
#define SASL_BEARER_START_H

#include <limits.h>

#include "helper/cli/cli.h"

/*
 * Ask the helper for a sign of life. The caller's own helper is started where
 * it does not run.
 *
 *	ret_peer	whom its socket belongs to
 *
 * Returns 0 or an exit code, reported.
 */
int start_helper(struct cli *cli, uid_t *ret_peer);

/*
 * Whether the helper will take tokens from us: it does from root and from its
 * own user. Better to know before anything is done.
 *
 *	peer	of start_helper()
 *	what	"sign in" ...
 *
 * Returns 0 or EX_NOPERM, reported.
 */
int start_check_rights(const struct cli *cli, uid_t peer, const char *what);

/*
 * Find the program sasl-bearerd: in libexec_dir, or where it is installed.
 *
 * Returns 0 or a negative errno.
 */
int start_find(const struct settings *s, char path[PATH_MAX]);

#endif
