/* SPDX-License-Identifier: MIT */
/*
 * fuzz-msg - bytes as messages, and as a server's challenge
 *
 * What is read must be written the same, and a stream must give the same
 * messages in whatever pieces it comes.
 */
#include "config.h"

#include <stdio.h>

#include "common/msg.h"
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

/*
 * Read a stream that comes in pieces, as sock_next() does.
 *
 *	piece	bytes of each; 0: as the bytes say
 *
 * Returns a number that tells the sequence of lengths, and how it ends.
 */
static uint64_t
read_stream(const char *buf, size_t size, size_t piece)
{
	uint64_t sum = 1469598103934665603U;
	size_t have = 0, start = 0, more;
	ssize_t n;

	for (;;) {
		while ((n = msg_length(buf + start, have - start)) > 0) {
			if ((size_t)n > have - start || n > MSG_MAX)
				abort();
			start += (size_t)n;
			sum = (sum ^ (uint64_t)n) * 1099511628211U;
		}
		if (n < 0 || have == size)
			break;
		more = piece ? piece : 1U + (unsigned char)buf[have];
		have += more < size - have ? more : size - have;
	}
	return (sum ^ (uint64_t)n) * 1099511628211U;
}

static void
check_stream(const uint8_t *data, size_t size)
{
	char *in = fuzz_copy(data, size);
	uint64_t whole = read_stream(in, size, size ? size : 1);

	if (read_stream(in, size, 0) != whole ||
	    read_stream(in, size, 4096) != whole ||
	    (size <= 512 && read_stream(in, size, 1) != whole))
		abort();
	free(in);
}

static void
check_challenge(const uint8_t *data, size_t size)
{
	char *in = malloc(size + 1), text[DETAIL_MAX];

	memcpy(in, data, size);
	challenge_describe(in, size, text, sizeof(text));
	if (!util_text_valid(text, strlen(text)))
		abort();
	challenge_is_outage(in, size);
	free(in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_message(data, size);
	check_stream(data, size);
	check_challenge(data, size);
	return 0;
}

FUZZ_MAIN(2 * MSG_MAX)
