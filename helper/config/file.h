/* SPDX-License-Identifier: MIT */
/* file.h - open a file only when no stranger can have changed it */
#ifndef SASL_BEARER_FILE_H
#define SASL_BEARER_FILE_H

#include <stddef.h>
#include <sys/stat.h>

#include "helper/config/conf.h"

#define FILE_WHY 512 /* bytes of a reason */

/*
 * Open a regular file for reading.
 *
 *	path	not followed when it is a symbolic link; every directory on
 *		the way must belong to root or the effective uid, and be
 *		closed to writers other than its owner unless it is sticky
 *	ret_st	the file's state, as of its descriptor
 *	why	on failure: one line without the path
 *
 * Never waits at a FIFO or a device. Owner and mode of the file itself are for
 * the caller to judge.
 *
 * Returns a close-on-exec descriptor, or a negative errno; -EPERM when a
 * directory on the way is not safe.
 */
int file_open(const char *path, struct stat *ret_st, char why[FILE_WHY]);

/*
 * From now on this process can open some files only, whatever their modes:
 * text, which is kept, says why not and what to do. NULL: any file again.
 */
void file_set_confined(const char *text);

/*
 * Say why a file or directory could not be opened.
 *
 *	code	what open(2) gave, negative; -EACCES becomes -EPERM when it
 *		was not the file's mode, see file_set_confined()
 *	buf	64 bytes
 *
 * Returns buf or another string.
 */
const char *file_error(const char *path, int *code, char buf[64]);

/*
 * Whether a file may be changed by root and the effective uid only.
 *
 * Returns 0, or -EPERM with the reason, which says the command that mends it.
 */
int
file_check_writers(const char *path, const struct stat *st, char why[FILE_WHY]);

/*
 * Whether a file may be read by root, the effective uid and, where root owns
 * it, by one group only: 0600 of the effective uid, or 0640 of root with
 * root's group or one that the process is in. A process of root's may not be
 * in the daemon's group, so for it any group will do.
 *
 * Returns 0, or -EPERM with the reason, which says the command that mends it.
 */
int
file_check_readers(const char *path, const struct stat *st, char why[FILE_WHY]);

/*
 * Read a whole file that only root and the effective uid can have written.
 *
 *	text	buf has room for max bytes; len is set, also after a failure
 *
 * Returns 0, or a negative code with the reason.
 */
int file_read(
    const char *path, struct conf_text *text, size_t max, char why[FILE_WHY]);

#endif
