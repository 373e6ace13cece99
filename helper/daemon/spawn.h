/* SPDX-License-Identifier: MIT */
/* spawn.h - the process that starts children, so that the daemon need not */
#ifndef SASL_BEARER_SPAWN_H
#define SASL_BEARER_SPAWN_H

/* Children alive at a time; more are refused. */
#define SPAWN_MAX 256

#define SPAWN_COMMAND "command" /* the program that an account names */
#define SPAWN_FDS_MAX 4

/*
 * The spawner and the daemon exchange messages, one in a packet:
 *
 *	request=start id= program=	with descriptors: the child's standard
 *					input and output, then those from 3 on;
 *					of a command its output and errors
 *		account=		of a command: whose it is
 *	request=kill id=		kill(2) it, and what it started
 *	id= program= exit= or signal=	back, when a child has ended or, with
 *	id= program= errno=		could not be started
 *
 * program is a file in the libexec directory, or SPAWN_COMMAND: then settings
 * and account are read anew and its command is run, so that nothing else can be.
 */

/* Where programs and accounts are. */
struct spawn_places {
	const char *libexec_dir;
	const char *config; /* as settings_load() takes it, and user_mode too */
	int user_mode;
};

/*
 * Become the spawner: serve requests on a SOCK_SEQPACKET socket until its other
 * end closes, then exit. Children that still run are left to end by themselves.
 */
_Noreturn void spawn_serve(int fd, const struct spawn_places *places);

#endif
