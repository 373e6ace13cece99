/* SPDX-License-Identifier: MIT */
/*
 * fuzz-import - feed bytes to the reader of other programs' token files
 *
 * Whatever they are: what is taken over must fit a line of an account's file
 * and of a message, and a reason must be one line.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "helper/cli/import-parse.h"
#include "tests/fuzz/fuzz.h"

static void
check(const char *text, size_t max)
{
	if (text &&
	    (!*text || strlen(text) > max ||
		!util_text_valid(text, strlen(text))))
		abort();
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const char *text = (const char *)data;
	char why[IMPORT_WHY] = "";
	struct import_file f;

	import_is_encrypted(text, size);
	if (import_parse(text, size, &f, why) < 0) {
		check(why, IMPORT_WHY - 1);
		if (!*why)
			abort();
		return 0;
	}
	check(f.client_id, 4096);
	check(f.client_secret, 4096);
	check(f.user, USER_MAX);
	check(f.refresh_token, TOKEN_MAX);
	if ((f.access_token && !util_b64token_valid(f.access_token)) ||
	    f.expires_at < 0 || f.refresh_window_s < 0)
		abort();
	import_file_clear(&f);
	return 0;
}

FUZZ_MAIN(IMPORT_MAX)
