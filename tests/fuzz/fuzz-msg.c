/* SPDX-License-Identifier: MIT */
/* fuzz-msg - bytes as a message; what is read must be written the same */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/msg.h"
#include "common/util.h"
#include "plugin/challenge.h"
#include "tests/fuzz/fuzz.h"

static void
check_message(const uint8_t *data, size_t size)
{
	char *in = malloc(size + 1), *out = malloc(MSG_MAX), *again;
	struct msg_writer w;
	struct msg m, second;
	size_t i;

	memcpy(in, data, size);
	if (msg_parse(&m, in, size) == 0) {
		msg_begin(&w, out, MSG_MAX);
		for (i = 1; i < m.count; i++)
			msg_put(&w, m.line[i].name, m.line[i].value);
		again = malloc(MSG_MAX);
		if (msg_end(&w) != 0 || w.len > size)
			abort();
		memcpy(again, out, w.len);
		if (msg_parse(&second, again, w.len) != 0)
			abort();
		for (i = 1; i < second.count; i++)
			if (strcmp(msg_get(&m, second.line[i].name),
				second.line[i].value) != 0)
				abort();
		free(again);
	}
	free(in);
	free(out);
}

static void
check_challenge(const uint8_t *data, size_t size)
{
	char *in = malloc(size + 1), text[DETAIL_MAX];

	memcpy(in, data, size);
	challenge_describe(in, size, text, sizeof(text));
	if (!util_text_valid(text, strlen(text)))
		abort();
	free(in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_message(data, size);
	check_challenge(data, size);
	return 0;
}

FUZZ_MAIN(2 * MSG_MAX)
