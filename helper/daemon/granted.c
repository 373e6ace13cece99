/* SPDX-License-Identifier: MIT */
/* granted - what an answer grants, wherever it came from */
#include "config.h"

#include <string.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/daemon/granted.h"
#include "helper/daemon/store.h"

static int
fits(const char *text, size_t max)
{
	return !text || strlen(text) <= max;
}

int
granted_parse(const struct msg *reply, struct granted *ret)
{
	struct granted g = {
	    .access_token = msg_get(reply, "access_token"),
	    .refresh_token = msg_get(reply, "refresh_token"),
	    .scope = msg_get(reply, "scope"),
	    .expires_in = EXPIRES_IN_DEFAULT,
	};

	if (!g.access_token || !util_b64token_valid(g.access_token) ||
	    !fits(g.refresh_token, TOKEN_MAX) || !fits(g.scope, SCOPE_MAX) ||
	    msg_get_number(
		reply, "expires_in", 1, EXPIRES_IN_MAX, &g.expires_in) < 0)
		return -ERR_FORMAT;
	/* only advice */
	msg_get_number(reply, "refresh_in", 1, EXPIRES_IN_MAX, &g.refresh_in);
	msg_get_number(reply, "refresh_token_expires_in", 1, EXPIRES_IN_MAX,
	    &g.refresh_expires_in);
	*ret = g;
	return 0;
}
