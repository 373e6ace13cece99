/* SPDX-License-Identifier: MIT */
/*
 * fuzz-spawn - feed bytes to the spawner, as a daemon in the wrong hands would
 *
 * Whatever they are, what is started is one of three programs, and a command
 * is that of an account in the accounts' directory.
 */
#include "config.h"

#include "helper/config/program.h"
#include "helper/config/settings.h"
#include "helper/daemon/spawn.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX 1024

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *packet = fuzz_copy(data, size);
	struct spawn_request r;

	if (spawn_parse(&r, packet, size) == 0) {
		if (r.id < 0)
			abort();
		if (r.program && strcmp(r.program, PROGRAM_FETCH) != 0 &&
		    strcmp(r.program, PROGRAM_SIGN) != 0 &&
		    strcmp(r.program, SPAWN_COMMAND) != 0)
			abort();
		if (r.account &&
		    (strchr(r.account, '/') || strcmp(r.account, "..") == 0 ||
			strlen(r.account) > ACCOUNT_NAME_MAX))
			abort();
	}
	free(packet);
	return 0;
}

FUZZ_MAIN(INPUT_MAX)
