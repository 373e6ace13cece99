/* SPDX-License-Identifier: MIT */
/*
 * fuzz-sign - feed bytes to the readers of keys and certificates
 *
 * The first byte says whether there is a password; the second, how many times
 * 256 bytes of what follows are the key's file. The rest is the certificate's,
 * if there is a rest. Whatever they are, the result is a key that can sign, or
 * a reason that can be sent.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "common/util.h"
#include "helper/sign/assertion.h"
#include "tests/fuzz/fuzz.h"

#define NOW 1700000000
#define INPUT_MAX (2 * KEY_FILE_MAX)

/* The reply must be a message, with a reason only for a failure. */
static void
check(struct reply *r, int failed)
{
	struct msg m;
	const char *reason;

	if (msg_end(&r->w) < 0 || msg_parse(&m, r->buf, r->w.len) < 0)
		abort();
	reason = msg_get(&m, "reason");
	if (!reason != !failed || (reason && strlen(reason) > DETAIL_MAX))
		abort();
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static struct reply reply;
	struct assertion a = {
	    .kind = ASSERTION_CHECK, .lifetime_s = ASSERTION_CLIENT_S};
	struct key_files f = {.key.path = "/k", .cert.path = "/c"};
	struct key k = {0};
	int e;

	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	if (size < 2)
		return 0;
	f.password = data[0] % 2 ? "secret" : NULL;
	f.key.len = (size_t)data[1] * 256;
	f.key.data = (const char *)data + 2;
	size -= 2;
	if (f.key.len < size) {
		f.cert.data = f.key.data + f.key.len;
		f.cert.len = size - f.key.len;
	} else {
		f.key.len = size;
	}
	e = key_load(&k, &f, NOW, &reply);
	if (e == 0)
		e = assertion_make(&a, &k, NOW, &reply);
	check(&reply, e < 0);
	key_clear(&k);
	return 0;
}

FUZZ_MAIN(INPUT_MAX)
