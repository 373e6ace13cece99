/* SPDX-License-Identifier: MIT */
/* secret.h - read files that hold secrets, keys and assertions */
#ifndef SASL_BEARER_SECRET_H
#define SASL_BEARER_SECRET_H

#include <stddef.h>

#include "helper/config/conf.h"
#include "helper/config/file.h"

#define SECRET_MAX 4096 /* bytes of a client secret or a password */

/*
 * Read a file that holds a secret: its content without the final line feed.
 *
 *	path	regular file, not a link; 0600 of the effective uid, or
 *		root's and at most 0640 with a group the process is in
 *	max	bytes; more is refused
 *	ret	on the heap; util_secret_free() it
 *	why	on failure: one line that says what to do (the chmod to run)
 *
 * Returns 0 or a negative code. Does not follow links, never waits at a FIFO.
 */
int
secret_read(const char *path, size_t max, char **ret, char why[CONF_TEXT_MAX]);

/*
 * As secret_read(), but the file may have several lines, and the final line
 * feed stays. There is no NUL in it.
 */
int secret_read_lines(
    const char *path, size_t max, char **ret, char why[CONF_TEXT_MAX]);

/*
 * The path of a systemd credential.
 *
 *	setting	whose value the name is, for errors
 *	buf	PATH_MAX bytes
 *
 * Returns 0; -ENXIO with the reason when systemd has given none, or
 * -ENAMETOOLONG.
 */
int secret_credential(
    const char *setting, const char *name, char *buf, char why[CONF_TEXT_MAX]);

/*
 * What these make of the bytes of a file.
 *
 *	lines	there may be several
 *	ret	written only on success; exactly as long as needed
 *	why	on failure: a few words to follow the file's name
 *
 * Returns 0, -EINVAL or -ENOMEM.
 */
int secret_parse(
    const char *buf, size_t len, int lines, char **ret, char why[FILE_WHY]);

/*
 * Open a file for somebody else to read.
 *
 *	is_public	others may read it, as with a certificate; only who
 *			may write it is checked
 *
 * Returns a close-on-exec descriptor, or a negative code.
 */
int secret_open(const char *path, int is_public, char why[CONF_TEXT_MAX]);

/*
 * Read an assertion that a platform keeps in a file: one line, at most
 * TOKEN_MAX bytes. Links are followed, as Kubernetes makes them, and others may
 * be able to read it: neither is for the administrator to decide. Only root and
 * the effective uid may be able to change it.
 */
int assertion_read(const char *path, char **ret, char why[CONF_TEXT_MAX]);

#endif
