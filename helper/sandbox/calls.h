/* SPDX-License-Identifier: MIT */
/* calls.h - system calls by what they are for; NULL at the end of each list */
#ifndef SASL_BEARER_CALLS_H
#define SASL_BEARER_CALLS_H

/* What libc and its allocator do anywhere, and reading and writing. */
extern const char *const calls_common[];

/* A second thread; a second process. */
extern const char *const calls_threads[];
extern const char *const calls_fork[];

/* To look at files and directories; to open them; to change them. */
extern const char *const calls_reading[];
extern const char *const calls_opening[];
extern const char *const calls_writing[];

/* To wait for many descriptors, and for time. */
extern const char *const calls_waiting[];

/*
 * To use sockets; to serve on those that are there; to make one for that; what
 * else sasl-bearer-fetch needs.
 */
extern const char *const calls_sockets[];
extern const char *const calls_accepting[];
extern const char *const calls_listening[];
extern const char *const calls_fetch[];

/* What no process of ours has a reason for. */
extern const char *const calls_executing[];
extern const char *const calls_inspecting[];	/* other processes */
extern const char *const calls_administering[]; /* the machine */

/* What no program that an account's command starts should need. */
extern const char *const calls_no_program[];

#endif
