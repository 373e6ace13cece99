/* SPDX-License-Identifier: MIT */
/* fuzz.h - a fuzz target that is an ordinary program: its input is stdin */
#ifndef SASL_BEARER_FUZZ_H
#define SASL_BEARER_FUZZ_H

#include <stdint.h>
#include <unistd.h>

#include "common/util.h"

/* Whether an input is handled; it aborts when it is not. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef FUZZING /* libFuzzer has a main() of its own */
#define FUZZ_MAIN(max)
#else
/* At most max bytes are read. */
#define FUZZ_MAIN(max)                                                         \
	int main(void)                                                         \
	{                                                                      \
		static char input[max];                                        \
		size_t len = 0;                                                \
                                                                               \
		(void)util_read_all(STDIN_FILENO, input, sizeof(input), &len); \
		return LLVMFuzzerTestOneInput((uint8_t *)input, len);          \
	}
#endif

#endif
