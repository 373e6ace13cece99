/* SPDX-License-Identifier: MIT */
/* fuzz.h - a fuzz target that is an ordinary program: its input is stdin */
#ifndef SASL_BEARER_FUZZ_H
#define SASL_BEARER_FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"

#define FUZZ_CUT 0xff /* between fields: no byte of UTF-8 */

/* Whether an input is handled; it aborts when it is not. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of an input that has fields. */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

/* A copy on the heap, of exactly len bytes and a NUL. */
static inline char *
fuzz_copy(const void *data, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		abort();
	if (len > 0)
		memcpy(copy, data, len);
	copy[len] = '\0';
	return copy;
}

/* Take the next field off the front, to be freed; NULL after the last. */
static inline char *
fuzz_field(struct fuzz_input *in, size_t *ret_len)
{
	const uint8_t *end =
	    in->left ? memchr(in->at, FUZZ_CUT, in->left) : NULL;
	size_t len = end ? (size_t)(end - in->at) : in->left;
	char *field;

	if (!in->at)
		return NULL;
	field = fuzz_copy(in->at, len);
	in->left -= end ? len + 1 : len;
	in->at = end ? end + 1 : NULL;
	if (ret_len)
		*ret_len = len;
	return field;
}

/* AFL++ runs a program many times without starting it anew. */
#ifdef __AFL_HAVE_MANUAL_CONTROL
#define FUZZ_AGAIN __AFL_LOOP(10000)
#else
#define FUZZ_AGAIN (fuzz_runs++ == 0)
#endif

#ifdef FUZZING /* libFuzzer has a main() of its own */
#define FUZZ_MAIN(max)
#else
/* At most max bytes are read. */
#define FUZZ_MAIN(max)                                                 \
	int main(void)                                                 \
	{                                                              \
		static char input[max];                                \
		size_t len = 0;                                        \
		int fuzz_runs = 0;                                     \
                                                                       \
		while (FUZZ_AGAIN) {                                   \
			(void)util_read_all(                           \
			    STDIN_FILENO, input, sizeof(input), &len); \
			LLVMFuzzerTestOneInput((uint8_t *)input, len); \
		}                                                      \
		return fuzz_runs < 0;                                  \
	}
#endif

#endif
