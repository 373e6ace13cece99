/* SPDX-License-Identifier: MIT */
/* account-file.h - write a file that does not exist yet */
#ifndef SASL_BEARER_ACCOUNT_FILE_H
#define SASL_BEARER_ACCOUNT_FILE_H

#include <stdio.h>
#include <sys/types.h>

struct new_file {
	const char *path;
	const char *text;
	mode_t mode;
	gid_t group; /* (gid_t)-1: as it comes */
};

/*
 * Write text to a new file beside path, on the disk when this returns 0.
 *
 *	temp	PATH_MAX bytes: the name of what was made, ".NAME.PID"; unlink
 *		or rename it
 *
 * Returns 0 or a negative errno; then nothing is left.
 */
int account_file_temp(const struct new_file *f, char *temp);

/*
 * Write a file: temp, fsync, rename, fsync of the directory.
 *
 * Returns 0, -EEXIST when path exists already, or a negative errno.
 */
int account_file_write(const struct new_file *f);

/*
 * Make a directory with all that is missing above it.
 *
 * Returns 0, also when it exists, or a negative errno.
 */
int account_file_mkdir(const char *dir, mode_t mode);

#endif
