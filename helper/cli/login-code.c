/* SPDX-License-Identifier: MIT */
/* login-code - sign in with a code that a browser brings back (RFC 6749) */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "helper/cli/login-check.h"
#include "helper/cli/login-code.h"
#include "helper/cli/login-consent.h"

int
login_code_begin(const struct login *l, const struct endpoints *e,
    struct authorize *q, char *url)
{
	char text[64];
	int r;

	q->endpoint = e->authorization;
	q->issuer = e->issuer ? e->issuer : l->account->authorization_issuer;
	q->iss_required = e->iss_required;
	q->login_hint = l->as ? l->as : l->account->user;
	r = authorize_start(q);
	if (r == 0)
		r = authorize_url(q, l->account, url, AUTHORIZE_URL_MAX);
	if (r == -ERR_FORMAT)
		return cli_error(EX_CONFIG,
		    "authorization_endpoint or authorization_query of \"%s\" "
		    "has a fragment, or a byte that must be encoded",
		    l->name);
	if (r < 0)
		return cli_error(EX_SOFTWARE,
		    "cannot make the address of the sign-in: %s",
		    err_text(r, text, sizeof(text)));
	return 0;
}

static void
set(char buf[CONF_TEXT_MAX], const char *text)
{
	snprintf(buf, CONF_TEXT_MAX, "%s", text);
}

/* An error that the provider sent through the browser. */
static int
refused_by_error(const struct login *l, const struct authorize_answer *answer,
    struct login_failure *why)
{
	const struct authorize_error *e = authorize_error_find(answer->error);
	const char *text = answer->description;

	set(why->what, e->what);
	set(why->next, e->next);
	cli_error(0,
	    "the sign-in did not succeed: %s; %s; the provider says: %s%s%s",
	    e->what, e->next, answer->error, *text ? ": " : "", text);
	if (e->consent)
		login_consent_print(l->account);
	return e->code;
}

int
login_code_refused(const struct login *l, enum authorize_result result,
    const struct authorize_answer *answer, struct login_failure *why)
{
	if (result == AUTHORIZE_ERROR)
		return refused_by_error(l, answer, why);
	set(why->what,
	    result == AUTHORIZE_ISSUER
		? "the answer did not come from the provider that was asked"
		: "the provider sent neither a code nor an error");
	set(why->next,
	    result == AUTHORIZE_ISSUER
		? "run the command again; if it happens again, check issuer, "
		  "and that no other program took part in the sign-in"
		: "run the command again");
	return cli_error(EX_PROTOCOL, "the sign-in did not succeed: %s; %s",
	    why->what, why->next);
}

/* What a reply without tokens says. */
static int
failed(
    const struct login *l, const struct msg *reply, struct login_failure *why)
{
	const char *reason = msg_get(reply, "reason");
	const char *error = msg_get(reply, "error");
	enum status status = status_parse(msg_get(reply, "status"));
	int code = status_exit(status);

	if (!reason)
		reason = error ? error : "the provider gave no reason";
	set(why->what, reason);
	if (error && strcmp(error, "invalid_client") == 0 &&
	    !login_has_proof(l))
		set(why->next,
		    "if the application has a secret, give it with "
		    "--client-secret-file");
	else if (status == STATUS_TEMPORARY)
		set(why->next, "try again later");
	cli_error(0, "the sign-in did not succeed: %s%s%s", reason,
	    *why->next ? "; " : "", why->next);
	if (error && authorize_error_find(error)->consent)
		login_consent_print(l->account);
	return code;
}

/* Judge a reply. */
static int
judge(const struct login *l, const struct msg *reply, struct login_failure *why)
{
	int r;

	if (status_parse(msg_get(reply, "status")) != STATUS_OK)
		return failed(l, reply, why);
	r = login_check(l, reply, why->what);
	return r == 0 ? 0 : cli_error(r, "%s", why->what);
}

int
login_code_redeem(struct cli *cli, const struct login_code *c,
    struct program **ret, struct login_failure *why)
{
	const struct login *l = c->login;
	struct program *f = NULL;
	int r = fetch_new("token", &cli->settings, l->account, l->secret, &f);

	if (r != 0)
		return r;
	msg_put(&f->w, "grant", "authorization_code");
	msg_put(&f->w, "token_endpoint", c->endpoints->token);
	msg_put(&f->w, "code", c->code);
	msg_put(&f->w, "redirect_uri", c->request->redirect_uri);
	msg_put(&f->w, "code_verifier", c->request->verifier);
	r = fetch_run(f, &cli->settings);
	if (r == 0)
		r = judge(l, &f->reply, why);
	if (r == 0)
		*ret = f;
	else
		program_free(f);
	return r;
}
