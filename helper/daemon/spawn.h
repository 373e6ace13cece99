/* SPDX-License-Identifier: MIT */
/* spawn.h - the process that starts children, so that the daemon need not */
#ifndef SASL_BEARER_SPAWN_H
#define SASL_BEARER_SPAWN_H

/* Children alive at a time; more are refused. */
#define SPAWN_MAX 256

/*
 * The spawner and the daemon exchange messages, one in a packet:
 *
 *	request=start id= program=	with two descriptors: the child's
 *					standard input and output
 *	request=kill id=		kill(2) it
 *	id= exit= or signal=		back, when a child has ended or, with
 *	id= errno=			could not be started
 *
 * program is the name of a file in the libexec directory.
 */

/*
 * Become the spawner: serve requests on a SOCK_SEQPACKET socket until its other
 * end closes, then exit. Children that still run are left to end by themselves.
 *
 *	libexec_dir	the only directory programs are taken from
 */
_Noreturn void spawn_serve(int fd, const char *libexec_dir);

#endif
