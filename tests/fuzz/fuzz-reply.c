/* SPDX-License-Identifier: MIT */
/*
 * fuzz-reply - what the daemon makes of a reply of sasl-bearer-fetch
 *
 * That has talked to a stranger, and may be in its hands. What the daemon
 * takes over must fit into its state file, together with what stays.
 */
#include "config.h"

#include "common/msg.h"
#include "helper/config/account.h"
#include "helper/daemon/granted.h"
#include "helper/daemon/store.h"
#include "tests/fuzz/fuzz.h"

/* The longest of everything that is not the provider's. */
static void
check_storable(const struct granted *g)
{
	static char other[TOKEN_MAX + 1], user[USER_MAX + 1],
	    name[ACCOUNT_NAME_MAX + 1], id[CONFIG_ID_SIZE];
	static char buf[MSG_MAX];
	struct msg_writer w;

	memset(other, 'o', TOKEN_MAX);
	memset(user, 'u', USER_MAX);
	memset(name, 'n', ACCOUNT_NAME_MAX);
	memset(id, 'i', CONFIG_ID_SIZE - 1);
	msg_begin(&w, buf, sizeof(buf));
	msg_put(&w, "access_token", g->access_token);
	msg_put(
	    &w, "refresh_token", g->refresh_token ? g->refresh_token : other);
	msg_put(&w, "scope", g->scope);
	msg_put(&w, "account", name);
	msg_put(&w, "mailbox", user);
	msg_put(&w, "config_id", id);
	msg_put_number(&w, "expires_at", g->expires_in);
	msg_put_number(&w, "refresh_in", g->refresh_in);
	/* a sealed file is base64, and a third longer */
	if (msg_end(&w) < 0 || w.len > MSG_MAX / 4 * 3 - 512)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *reply = fuzz_copy(data, size);
	struct granted g;
	struct msg m;

	if (msg_parse(&m, reply, size) == 0 && granted_parse(&m, &g) == 0) {
		if (!util_b64token_valid(g.access_token) || g.expires_in < 1 ||
		    g.expires_in > EXPIRES_IN_MAX || g.refresh_in < 0 ||
		    g.refresh_in > EXPIRES_IN_MAX)
			abort();
		check_storable(&g);
	}
	free(reply);
	return 0;
}

FUZZ_MAIN(2 * MSG_MAX)
