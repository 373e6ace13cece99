/* SPDX-License-Identifier: MIT */
/*
 * fuzz-identity - feed bytes to the readers of tokens
 *
 * The bytes are an id_token, and an access token; and again, encoded, the
 * claims of one. Whatever they are, names must be fit to be shown.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "helper/cli/claims.h"
#include "helper/cli/identity.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX (TOKEN_MAX + 256)
#define CLIENT "a"

static void
check_claims(const char *token)
{
	struct claims c;
	const char *const texts[] = {
	    c.aud, c.scp, c.roles, c.upn, c.app, c.tid};
	size_t i;

	if (claims_parse(token, &c) < 0)
		return;
	for (i = 0; i < COUNT_OF(texts); i++)
		if (strnlen(texts[i], CLAIMS_TEXT) == CLAIMS_TEXT ||
		    !util_text_valid(texts[i], strlen(texts[i])))
			abort();
	if (c.exp < 0)
		abort();
	claims_for_exchange(&c);
	claims_lacks(&c, SERVICE_IMAP);
}

static void
check(const char *token)
{
	struct identity id;
	size_t i, len;

	check_claims(token);
	if (identity_parse(token, CLIENT, &id) < 0)
		return;
	if (id.count > IDENTITY_NAMES)
		abort();
	for (i = 0; i < id.count; i++) {
		len = strnlen(id.names[i], sizeof(id.names[i]));
		if (len == 0 || len > USER_MAX ||
		    !util_text_valid(id.names[i], len) ||
		    !identity_has(&id, id.names[i]))
			abort();
	}
}

/* "h." and the bytes in base64url and ".s" */
static void
encode(char *token, const unsigned char *data, size_t size)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm"
				      "nopqrstuvwxyz0123456789-_";
	unsigned bits = 0;
	size_t i, n = 2;

	memcpy(token, "h.", 2);
	for (i = 0; i < size; i++) {
		bits = bits << 8 | data[i];
		token[n++] = letters[bits >> (2 + i % 3 * 2) & 63];
		if (i % 3 == 2)
			token[n++] = letters[bits & 63];
	}
	if (i % 3 != 0)
		token[n++] = letters[bits << (6 - i % 3 * 2) & 63];
	strcpy(token + n, ".s");
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static char token[2 * INPUT_MAX];

	if (size > INPUT_MAX)
		size = INPUT_MAX;
	memcpy(token, data, size);
	token[size] = '\0';
	check(token);
	encode(token, data, size);
	check(token);
	return 0;
}

FUZZ_MAIN(INPUT_MAX)
