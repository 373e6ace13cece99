/* SPDX-License-Identifier: MIT */
/* tunnel.h - a mail session that needs no login */
#ifndef SASL_BEARER_TUNNEL_H
#define SASL_BEARER_TUNNEL_H

#include "helper/cli/mail.h"

/*
 * mail_new(), of which a local program is told if it fails.
 *
 *	out	what the program reads from
 */
int tunnel_new(struct cli *cli, const struct mail_words *words, int out,
    struct mail **ret);

/*
 * Log in, and let a local program go on: to its end.
 *
 *	in, out	what the program speaks through; stay open
 *
 * Returns 0 or an exit code, reported. The program was told as well.
 */
int tunnel_run(struct mail *m, int in, int out);

/*
 * Do so for each program that connects to a socket, in a process of its own. A
 * uid that the account does not allow is refused; so is everybody else when
 * TUNNELS_MAX are there.
 *
 *	place	"unix:PATH"; PATH must not exist, or be a socket where nobody
 *		listens, in a directory that strangers cannot write to
 *
 * Returns an exit code, reported; 0 after SIGTERM, SIGINT or SIGHUP.
 */
int tunnel_listen(
    struct cli *cli, const struct mail_words *words, const char *place);
#define TUNNELS_MAX 64

#endif
