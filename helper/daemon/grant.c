/* SPDX-License-Identifier: MIT */
/* grant - what else is done with a grant: revoke it, see if it was mended */
#include "config.h"

#include <errno.h>
#include <stddef.h>

#include "helper/daemon/daemon.h"
#include "helper/daemon/exchange.h"
#include "helper/daemon/grant.h"
#include "helper/daemon/log.h"

static void
put_revocation(struct msg_writer *w, const struct account *a)
{
	msg_put(w, "operation", "revoke");
	msg_put(w, "revocation_endpoint", a->conf->revocation_endpoint);
	msg_put(w, "token", a->tokens.refresh_token);
	msg_put(w, "token_type_hint", "refresh_token");
}

static void
on_revoked(void *context, const struct msg *reply, const char *why)
{
	struct exchange *x = context;
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
on_secret_to_revoke(struct job *j)
{
	struct exchange *x = (struct exchange *)j;

	if (exchange_send(x, put_revocation, on_revoked) == 0)
		return;
	x->revoked(x->account, "cannot start sasl-bearer-fetch", x->context);
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
	exchange_start(x, on_secret_to_revoke);
	return 0;
}

static int
same_file(const struct file_id *a, const struct file_id *b)
{
	return a->dev == b->dev && a->ino == b->ino &&
	    a->ctime.tv_sec == b->ctime.tv_sec &&
	    a->ctime.tv_nsec == b->ctime.tv_nsec;
}

static void
on_checked(struct job *j)
{
	struct exchange *x = (struct exchange *)j;
	struct account *a = x->account;

	if (!same_file(&x->secret_id, &a->secret_id)) {
		log_line(LEVEL_INFO,
		    "account \"%s\": %s has changed; trying again", a->name,
		    x->secret_path);
		a->secret_id = x->secret_id;
		account_event(a, EVENT_MENDED, NULL);
	}
	exchange_free(x);
}

void
grant_check_secret(struct account *a)
{
	struct exchange *x;

	if (a->life.fetching || a->removed)
		return;
	x = exchange_new(a);
	if (!x)
		return;
	if (!x->secret_path) {
		exchange_free(x);
		return;
	}
	x->check_only = 1;
	exchange_start(x, on_checked);
}
