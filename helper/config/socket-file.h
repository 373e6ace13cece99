/* SPDX-License-Identifier: MIT */
/* socket-file.h - sockets that have a path, to listen at */
#ifndef SASL_BEARER_SOCKET_FILE_H
#define SASL_BEARER_SOCKET_FILE_H

#include <stddef.h>

#define SOCKET_FILE_MAX 107 /* bytes of a path; sockaddr_un has no more */
#define SOCKET_FILE_WHY_SIZE 1024

/*
 * Check that nobody else can replace a socket in the directory of a path: it is
 * root's or the caller's, and not writable by group or others.
 *
 *	path	absolute, 2..SOCKET_FILE_MAX bytes
 *	why	SOCKET_FILE_WHY_SIZE bytes; after a failure a line for people
 *
 * Returns 0 or a negative errno.
 */
int socket_file_check(const char *path, char *why);

/*
 * Listen at a path, open to everybody: who is served is decided by uid. A socket
 * that is there is replaced; anything else is not touched. The caller knows that
 * nobody listens there.
 *
 *	path	see socket_file_check(), which comes first
 *	ret_fd	does not block; written only on success
 *
 * Returns 0; -EEXIST, there is something else; or another negative errno.
 */
int socket_file_listen(const char *path, int backlog, int *ret_fd);

/* Write the directory of a path, size bytes at most. */
void socket_file_directory(const char *path, char *dir, size_t size);

#endif
