/* SPDX-License-Identifier: MIT */
/* grant - what else is done with a grant: revoke it, see if it was mended */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "helper/daemon/daemon.h"
#include "helper/daemon/exchange.h"
#include "helper/daemon/grant.h"
#include "helper/daemon/log.h"

static void
put_revocation(struct msg_writer *w, const struct exchange *x)
{
	msg_put(w, "operation", "revoke");
	msg_put(w, "revocation_endpoint", x->conf->revocation_endpoint);
	msg_put(w, "token", x->account->tokens.refresh_token);
	msg_put(w, "token_type_hint", "refresh_token");
}

static void
on_revoked(struct exchange *x, const struct msg *reply, const char *why)
{
	enum status s =
	    reply ? status_parse(msg_get(reply, "status")) : STATUS_TEMPORARY;

	if (reply)
		why = msg_get(reply, "reason");
	x->revoked(x->account,
	    s == STATUS_OK ? NULL
		: why	   ? why
			   : "refused",
	    x->context);
	exchange_free(x);
}

static void
on_ready_to_revoke(struct exchange *x)
{
	const char *why = *x->why ? x->why : "cannot start sasl-bearer-fetch";

	if (!*x->why && exchange_send(x, put_revocation, on_revoked) == 0)
		return;
	x->revoked(x->account, why, x->context);
	exchange_free(x);
}

int
grant_revoke(struct account *a,
    void (*done)(struct account *a, const char *reason, void *context),
    void *context)
{
	struct exchange *x;

	if (!a->tokens.refresh_token || a->tokens_unusable ||
	    (!a->conf->revocation_endpoint && !a->conf->issuer))
		return -ENOTSUP;
	x = exchange_new(a);
	if (!x)
		return -ENOMEM;
	x->revoked = done;
	x->context = context;
	exchange_start(x, on_ready_to_revoke);
	return 0;
}

static void
on_looked(struct exchange *x)
{
	struct account *a = x->account;

	if (!material_same(x->material.id, a->files) && !a->life.fetching &&
	    !a->removed && exchange_is_current(x)) {
		account_log(a, LEVEL_INFO, "file_changed",
		    "a file of it has changed; trying again");
		memcpy(a->files, x->material.id, sizeof(a->files));
		account_event(a, EVENT_MENDED, NULL);
	}
	exchange_free(x);
}

void
grant_check_files(struct account *a)
{
	struct exchange *x;
	int wanted = a->error_status == STATUS_CONFIG ||
	    (a->conf->grant == GRANT_FILE && a->last_used_at);

	if (!wanted || !a->life.can_fetch || a->life.fetching)
		return;
	x = exchange_new(a);
	if (x)
		exchange_look(x, on_looked);
}
