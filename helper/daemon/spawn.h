/* SPDX-License-Identifier: MIT */
/* spawn.h - the process that starts children, so that the daemon need not */
#ifndef SASL_BEARER_SPAWN_H
#define SASL_BEARER_SPAWN_H

#include <stddef.h>
#include <stdint.h>

/* Children alive at a time; more are refused. */
#define SPAWN_MAX 256

#define SPAWN_COMMAND "command" /* the program that an account names */
#define SPAWN_NOTIFY "notify"	/* the one of the settings */
#define SPAWN_FDS_MAX 4

/*
 * The spawner and the daemon exchange messages, one in a packet:
 *
 *	request=start id= program=	with descriptors: the child's standard
 *					input and output, then those from 3 on;
 *					of a command its output and errors, and
 *					perhaps its input
 *		account=		of SPAWN_COMMAND: whose it is
 *	request=kill id=		kill(2) it, and what it started
 *	id= program= exit= or signal=	back, when a child has ended or, with
 *	id= program= errno=		could not be started
 *
 * program is a file in the libexec directory; or SPAWN_COMMAND or SPAWN_NOTIFY,
 * which are commands: then settings and account are read anew and what they name
 * is run, so that nothing else can be.
 */

/* What the daemon asks for. Texts point into the packet. */
struct spawn_request {
	int kill;
	int64_t id;
	const char *program; /* PROGRAM_FETCH, PROGRAM_SIGN, SPAWN_COMMAND or
				SPAWN_NOTIFY; NULL when it is none of them */
	const char *account; /* a valid name, or NULL */
};

/* Whether that is SPAWN_COMMAND or SPAWN_NOTIFY; NULL is neither. */
int spawn_is_command(const char *program);

/*
 * Read a packet of the daemon's, which may be anything: it talks to strangers,
 * the spawner does not.
 *
 *	ret	written only on success
 *	buf	len bytes; is changed
 *
 * Returns 0, or -ERR_FORMAT when there is nothing to do or to answer.
 */
int spawn_parse(struct spawn_request *ret, char *buf, size_t len);

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
