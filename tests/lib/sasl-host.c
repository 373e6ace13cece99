/* SPDX-License-Identifier: MIT */
/* sasl-host - a program that logs in through libsasl2, as often as it is told */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <sasl/sasl.h>

/*
 * usage: sasl-host SERVICE HOST <COMMANDS
 *
 *	login USER		log in
 *	login USER CHALLENGE	the same, and the server's answer is that
 *	keep USER		the same as login, without sasl_dispose()
 *
 * Each command is answered by "CODE LENGTH", LF, that many bytes: what goes to
 * the server, or the error; and by LF when the connection is disposed of. This
 * program makes no copy of what libsasl2 gives it, so what its memory holds
 * after the answer is not its own doing.
 */

#define LINE_SIZE 4096

typedef int (*proc)(void);

static const char *user;

static int
get_name(void *context, int id, const char **ret, unsigned *len)
{
	(void)context;
	(void)id;
	(void)len;
	*ret = user;
	return SASL_OK;
}

/* Write what libsasl2 holds, from where it holds it. */
static void
say(int code, const char *text, size_t len)
{
	char head[40];
	struct iovec v[2] = {{.iov_base = head}};

	v[0].iov_len =
	    (size_t)snprintf(head, sizeof(head), "%d %zu\n", code, len);
	memcpy(&v[1].iov_base, &text, sizeof(text));
	v[1].iov_len = len;
	if (writev(STDOUT_FILENO, v, 2) < 0)
		exit(1);
}

static int
log_in(const char *service, const char *host, const char *challenge, int keep)
{
	const sasl_callback_t callbacks[] = {
	    {SASL_CB_AUTHNAME, (proc)(void (*)(void))get_name, NULL},
	    {SASL_CB_LIST_END, NULL, NULL},
	};
	const char *out = NULL, *mech = NULL;
	sasl_conn_t *conn = NULL;
	unsigned len = 0;
	int r;

	r = sasl_client_new(service, host, NULL, NULL, callbacks, 0, &conn);
	if (r != SASL_OK)
		return r;
	r = sasl_client_start(conn, "XOAUTH2", NULL, &out, &len, &mech);
	if (challenge && r >= 0) {
		r = sasl_client_step(conn, challenge,
		    (unsigned)strlen(challenge), NULL, &out, &len);
		out = sasl_errdetail(conn);
		say(r, out, strlen(out));
	} else if (r >= 0 && out) {
		say(r, out, len);
	} else {
		out = sasl_errdetail(conn);
		say(r, out, strlen(out));
	}
	if (!keep)
		sasl_dispose(&conn);
	return write(STDOUT_FILENO, "\n", 1) == 1 ? SASL_OK : SASL_FAIL;
}

int
main(int argc, char **argv)
{
	static char line[LINE_SIZE];
	const char *verb;
	int r = argc == 3 ? sasl_client_init(NULL) : SASL_BADPARAM;

	while (r == SASL_OK && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		verb = strtok(line, " ");
		user = strtok(NULL, " ");
		if (!verb || !user)
			break;
		r = log_in(argv[1], argv[2], strtok(NULL, ""),
		    strcmp(verb, "keep") == 0);
	}
	sasl_done();
	if (r != SASL_OK)
		fprintf(
		    stderr, "sasl-host: %s\n", sasl_errstring(r, NULL, NULL));
	return r != SASL_OK;
}
