/* SPDX-License-Identifier: MIT */
/* cmd-tunnel - a mail session that needs no login */
#include "config.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper/cli/mail.h"
#include "helper/cli/tunnel.h"
#include "helper/mail/front.h"
#include "helper/mail/pump.h"

int
tunnel_new(
    struct cli *cli, const struct mail_words *words, int out, struct mail **ret)
{
	const struct protocol *p = protocol_find(words->service);
	int r = mail_new(cli, words, ret);

	if (r != 0 && p)
		front_refuse(p, out, EX_TEMPFAIL,
		    "the tunnel has no account, server or helper; its "
		    "standard error says more");
	return r;
}

int
tunnel_run(struct mail *m, int in, int out)
{
	struct stream *local = calloc(1, sizeof(*local));
	struct session *s = &m->session;
	int r;

	if (!local)
		return cli_error(EX_OSERR, "out of memory");
	r = mail_login(m);
	if (r != 0)
		cli_error(r, "%s", s->error);
	stream_adopt(local, in, out);
	if (front_run(s, local, r) == FRONT_READY) {
		r = pump(&s->stream, local);
		if (r != 0)
			cli_error(r, "%s: %s", s->host, s->stream.error);
	} else if (r == 0 && *s->error) {
		r = cli_error(EX_TEMPFAIL, "%s", s->error);
	}
	stream_close(local);
	free(local);
	return r;
}

/* The operands: USER SERVICE [HOST[:PORT]]. */
static int
take_operands(struct cli *cli, struct mail_words *words, int argc, char **argv)
{
	int n = argc - optind;

	if (n < 2 || n > 3)
		return mail_usage(cli, n);
	words->user = argv[optind];
	words->service = argv[optind + 1];
	words->server = n == 3 ? argv[optind + 2] : NULL;
	return 0;
}

int
cmd_tunnel(struct cli *cli, int argc, char **argv)
{
	struct mail_words words = {0};
	const char *listen = NULL;
	const struct cli_option options[] = {
	    {"listen", &listen, NULL},
	    {"ca-file", &words.ca_file, NULL},
	    {0},
	};
	struct mail *m;
	int r;

	r = cli_parse(cli, options, argc, argv);
	if (r == 0)
		r = take_operands(cli, &words, argc, argv);
	if (r != 0)
		return r;
	if (listen)
		return tunnel_listen(cli, &words, listen);
	r = tunnel_new(cli, &words, STDOUT_FILENO, &m);
	if (r == 0) {
		r = tunnel_run(m, STDIN_FILENO, STDOUT_FILENO);
		mail_free(m);
	}
	return r;
}
