/* SPDX-License-Identifier: MIT */
/* login-endpoints - where a provider signs people in */
#include "config.h"

#include <string.h>

#include "common/err.h"
#include "helper/cli/login-endpoints.h"

/* Take what the metadata have and the account has not. */
static void
take(struct endpoints *e, const struct account_conf *a, const struct msg *m)
{
	const char *iss = msg_get(m, "iss_parameter");

	if (!e->authorization)
		e->authorization = msg_get(m, "authorization_endpoint");
	if (!e->device)
		e->device = msg_get(m, "device_authorization_endpoint");
	if (!a->token_endpoint)
		e->token = msg_get(m, "token_endpoint");
	e->issuer = msg_get(m, "issuer");
	e->iss_required = iss && strcmp(iss, "yes") == 0;
}

int
login_endpoints(struct cli *cli, const struct login *l, struct endpoints *e)
{
	const struct account_conf *a = l->account;
	const char *reason;
	enum status status;
	int r;

	e->authorization = a->authorization_endpoint;
	e->device = a->device_authorization_endpoint;
	if (!a->issuer)
		return 0;
	r = fetch_new("discover", &cli->settings, a, NULL, &e->found);
	if (r == 0)
		r = fetch_run(e->found, &cli->settings);
	if (r != 0)
		return r;
	status = status_parse(msg_get(&e->found->reply, "status"));
	if (status != STATUS_OK) {
		reason = msg_get(&e->found->reply, "reason");
		return cli_error(status_exit(status),
		    "cannot begin the sign-in: %s",
		    reason ? reason : "the provider gave no reason");
	}
	take(e, a, &e->found->reply);
	return 0;
}

void
login_endpoints_clear(struct endpoints *e)
{
	program_free(e->found);
	e->found = NULL;
}
