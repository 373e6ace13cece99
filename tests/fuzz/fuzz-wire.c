/* SPDX-License-Identifier: MIT */
/*
 * fuzz-wire - names and a token as a response; read back, it is the same
 *
 * Fields: mechanism ("x" is XOAUTH2), user, host, port, token. A missing field
 * is NULL.
 */
#include "config.h"

#include <sys/types.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/wire-read.h"

#define INPUT_MAX (2 * TOKEN_MAX)

static void
check(enum wire_mech mech, const struct wire_response *r)
{
	static struct wire_read back;
	size_t size = wire_size(r);
	char *buf = malloc(size + 1);
	ssize_t len = wire_format(mech, r, buf);

	if (size == 0 && len >= 0)
		abort();
	if (len > 0) {
		if ((size_t)len > size)
			abort();
		wire_read(mech, buf, (size_t)len, &back);
		if (strcmp(back.user, r->user) != 0 ||
		    strcmp(back.token, r->token) != 0)
			abort();
		if (mech == WIRE_OAUTHBEARER &&
		    (strcmp(back.host, r->host ? r->host : "") != 0 ||
			strcmp(back.port, r->port ? r->port : "") != 0))
			abort();
	}
	free(buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	char *mech = fuzz_field(&in, NULL), *user = fuzz_field(&in, NULL);
	char *host = fuzz_field(&in, NULL), *port = fuzz_field(&in, NULL);
	char *token = fuzz_field(&in, NULL);
	const struct wire_response r = {user, host, port, token};

	check(mech && *mech == 'x' ? WIRE_XOAUTH2 : WIRE_OAUTHBEARER, &r);
	free(mech);
	free(user);
	free(host);
	free(port);
	free(token);
	return 0;
}

FUZZ_MAIN(INPUT_MAX)
