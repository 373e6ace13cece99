/* SPDX-License-Identifier: MIT */
/* sasl-user - one user of libsasl2, of which a process may have several */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sasl/sasl.h>
#include <sasl/saslutil.h>

#include "tests/lib/sasl-user.h"

#define ASKED_MAX 5 /* a program that is asked more often is asked for ever */
#define LATE "late-"

typedef int (*proc)(void);
#define PROC(f) ((proc)(void (*)(void))(f))

/* What is given to the program to show to a person. */
struct asked {
	unsigned times;
	char what[64];
};

/* What libsasl2 gives, in its own memory. */
struct given {
	sasl_conn_t *conn;
	const char *out;
	unsigned len;
	const char *mech;
	struct asked asked;
};

static int
get_name(void *context, int id, const char **ret, unsigned *len)
{
	const struct user_login *l = context;

	if (id == SASL_CB_USER) {
		*ret = l->authzid;
		return SASL_OK;
	}
	if (strcmp(l->how, "error") == 0)
		return atoi(l->name);
	if (strcmp(l->how, "null") == 0)
		return SASL_OK;
	*ret = l->name;
	if (len && strcmp(l->how, "length") == 0)
		*len = (unsigned)strlen(l->name);
	return SASL_OK;
}

/* The name is all that may be asked for. */
static int
never(void)
{
	abort();
}

static int
has_prompts(const char *how)
{
	return strncmp(how, "prompt", 6) == 0 || strcmp(how, "silent") == 0 ||
	    strcmp(how, "twice") == 0 || strcmp(how, "nowhere") == 0;
}

static void
fill_callbacks(struct user_login *l, sasl_callback_t *c)
{
	static const unsigned long others[] = {SASL_CB_PASS, SASL_CB_GETREALM,
	    SASL_CB_ECHOPROMPT, SASL_CB_NOECHOPROMPT};
	int prompts = has_prompts(l->how);
	size_t i;

	if (strcmp(l->how, "none") != 0) {
		*c++ = (sasl_callback_t){
		    SASL_CB_AUTHNAME, prompts ? NULL : PROC(get_name), l};
		for (i = 0; i < sizeof(others) / sizeof(*others); i++)
			*c++ = (sasl_callback_t){
			    others[i], prompts ? NULL : PROC(never), l};
		if (l->authzid)
			*c++ =
			    (sasl_callback_t){SASL_CB_USER, PROC(get_name), l};
		else if (prompts)
			*c++ = (sasl_callback_t){SASL_CB_USER, NULL, NULL};
	}
	*c = (sasl_callback_t){SASL_CB_LIST_END, NULL, NULL};
}

/* Do with the prompts what such a program does. */
static void
answer(
    const struct user_login *l, struct asked *asked, sasl_interact_t **prompts)
{
	sasl_interact_t *p;
	size_t used;

	asked->times++;
	asked->what[0] = '\0';
	for (p = *prompts; p->id != SASL_CB_LIST_END; p++) {
		used = strlen(asked->what);
		snprintf(asked->what + used, sizeof(asked->what) - used,
		    "%s%lx", used ? "," : "", p->id);
		if (p->id != SASL_CB_AUTHNAME || strcmp(l->how, "silent") == 0)
			continue;
		p->result = l->name;
		if (strcmp(l->how, "prompt") == 0)
			p->len = (unsigned)strlen(l->name);
		else if (strcmp(l->how, "prompt-nul") == 0)
			p->len = (unsigned)strlen(l->name) + 1;
	}
	if (strcmp(l->how, "twice") == 0 && asked->times == 1) {
		free(*prompts);
		*prompts = NULL;
	}
}

static int
run(const struct user_login *l, struct given *g, int late)
{
	sasl_interact_t *prompts = NULL, **place = &prompts;
	int r;

	if (strcmp(l->how, "nowhere") == 0)
		place = NULL;
	if (late) {
		r = sasl_client_start(
		    g->conn, l->mech, place, NULL, NULL, &g->mech);
		if (r != SASL_CONTINUE)
			return r;
	}
	do {
		if (late)
			r = sasl_client_step(
			    g->conn, "", 0, place, &g->out, &g->len);
		else
			r = sasl_client_start(g->conn, l->mech, place, &g->out,
			    &g->len, &g->mech);
		if (r == SASL_INTERACT && prompts)
			answer(l, &g->asked, &prompts);
	} while (r == SASL_INTERACT && g->asked.times < ASKED_MAX);
	return r;
}

/* Write what came of it; what libsasl2 calls an error is not of use later. */
static void
describe(const struct given *g, int r, char line[USER_LINE_SIZE])
{
	int n = snprintf(
	    line, USER_LINE_SIZE, "%d %s ", r, g->mech ? g->mech : "-");
	unsigned len = 0;

	if (r < 0 || !g->out ||
	    sasl_encode64(g->out, g->len, line + n,
		(unsigned)(USER_LINE_SIZE - n), &len) != SASL_OK)
		len = (unsigned)snprintf(
		    line + n, (size_t)(USER_LINE_SIZE - n), "-");
	n += (int)len;
	snprintf(line + n, (size_t)(USER_LINE_SIZE - n), " %s",
	    r < 0 ? sasl_errdetail(g->conn) : g->asked.what);
}

int
user_login(const struct user_login *given, char line[USER_LINE_SIZE])
{
	int late = strncmp(given->how, LATE, sizeof(LATE) - 1) == 0, r;
	struct user_login l = *given;
	struct given g = {0};
	sasl_callback_t callbacks[8];

	l.how += late ? sizeof(LATE) - 1 : 0;
	fill_callbacks(&l, callbacks);
	r = sasl_client_new(
	    l.service, "localhost", NULL, NULL, callbacks, 0, &g.conn);
	if (r != SASL_OK) {
		snprintf(line, USER_LINE_SIZE, "%d - - sasl_client_new", r);
		return r;
	}
	if (l.in_step)
		l.in_step(1);
	r = run(&l, &g, late);
	if (l.in_step)
		l.in_step(0);
	if (r >= 0 && l.challenge)
		r = sasl_client_step(g.conn, l.challenge,
		    (unsigned)strlen(l.challenge), NULL, &g.out, &g.len);
	describe(&g, r, line);
	sasl_dispose(&g.conn);
	return r;
}

int
user_init(void)
{
	return sasl_client_init(NULL);
}

int
user_done(void)
{
	return sasl_client_done();
}

const struct user_functions user_functions = {user_init, user_done, user_login};
