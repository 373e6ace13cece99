/* SPDX-License-Identifier: MIT */
/* fetch - one exchange with a provider, by sasl-bearer-fetch */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "helper/cli/cli.h"
#include "helper/cli/fetch.h"
#include "helper/config/material.h"

#define GRACE_MS 10000 /* on top of the time the child gives itself */

/* Run a program of ours. Returns 0 or an exit code, reported. */
static int
run(struct program *p, const struct settings *s, const char *name)
{
	char why[CONF_TEXT_MAX];
	int r = program_run(
	    p, s->libexec_dir, name, s->fetch_timeout_s * 1000 + GRACE_MS, why);

	if (r == 0)
		return 0;
	return cli_error(r == -ENOEXEC ? EX_OSERR : EX_SOFTWARE, "%s", why);
}

/* Have an assertion about the client signed, and put it into a request. */
static int
sign(struct msg_writer *w, const struct settings *s,
    const struct account_conf *a, const struct material *m)
{
	struct program *p = program_new();
	const char *reason;
	int r;

	if (!p)
		return cli_error(EX_OSERR, "out of memory");
	memcpy(p->fd, m->fd + MATERIAL_KEY, sizeof(p->fd));
	material_put_sign(&p->w, m, a, "client_assertion",
	    a->token_endpoint ? a->token_endpoint : a->issuer);
	r = run(p, s, PROGRAM_SIGN);
	if (r == 0 && !msg_get(&p->reply, "assertion")) {
		reason = msg_get(&p->reply, "reason");
		r = cli_error(EX_CONFIG, "%s",
		    reason ? reason : PROGRAM_SIGN " gave no reason");
	}
	if (r == 0)
		msg_put(w, "client_assertion", msg_get(&p->reply, "assertion"));
	program_free(p);
	return r;
}

/* Prove the client by an assertion, where the account has one. */
static int
prove(struct msg_writer *w, const struct settings *s,
    const struct account_conf *a)
{
	struct material m;
	int r = 0;

	if (!a->client_key && !a->client_certificate && !a->assertion_file)
		return 0;
	if (material_init(&m, a) < 0)
		r = cli_error(EX_OSERR, "out of memory");
	else
		material_read(&m);
	if (*m.why)
		r = cli_error(EX_CONFIG, "%s", m.why);
	if (r == 0 && a->assertion_file)
		msg_put(w, "client_assertion", m.text);
	else if (r == 0)
		r = sign(w, s, a, &m);
	material_clear(&m);
	return r;
}

int
fetch_new(const char *operation, const struct settings *s,
    const struct account_conf *a, const char *secret, struct program **ret)
{
	struct program *p = program_new();
	struct msg_writer *w;
	int r = 0;

	if (!p)
		return cli_error(EX_OSERR, "out of memory");
	w = &p->w;
	msg_put(w, "operation", operation);
	msg_put(w, "token_endpoint", a->token_endpoint);
	msg_put(w, "device_authorization_endpoint",
	    a->device_authorization_endpoint);
	msg_put(w, "issuer", a->issuer);
	msg_put(w, "client_id", a->client_id);
	msg_put(w, "client_secret", secret);
	msg_put(w, "client_auth",
	    a->client_auth == CLIENT_AUTH_BASIC ? "basic" : "post");
	msg_put(w, "scope", a->scope);
	msg_put(w, "resource", a->resource);
	msg_put(w, "audience", a->audience);
	msg_put(w, "ca_file", a->ca_file ? a->ca_file : s->ca_file);
	msg_put(w, "proxy", a->proxy ? a->proxy : s->proxy);
	msg_put_number(w, "timeout_ms", s->fetch_timeout_s * 1000);
	if (strcmp(operation, "discover") != 0)
		r = prove(w, s, a);
	if (r == 0)
		*ret = p;
	else
		program_free(p);
	return r;
}

int
fetch_run(struct program *p, const struct settings *s)
{
	return run(p, s, PROGRAM_FETCH);
}
