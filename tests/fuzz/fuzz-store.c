/* SPDX-License-Identifier: MIT */
/*
 * fuzz-store - feed bytes to the reader of state files
 *
 * The first byte is an offset, the second what is changed there; the rest is
 * the file. What is read is written and read the same, plain and sealed; and a
 * seal opens for no other account, with no other key, and not with a byte
 * changed.
 */
#include "config.h"

#include "common/err.h"
#include "common/msg.h"
#include "helper/daemon/store.h"
#include "tests/fuzz/fuzz.h"

#define NAME "work@example.com"

static struct seal_ring one, both, other;

static void
make_rings(void)
{
	char first[SEAL_KEY_DIGITS + 1], second[SEAL_KEY_DIGITS + 1];

	memset(first, 'a', SEAL_KEY_DIGITS);
	memset(second, 'b', SEAL_KEY_DIGITS);
	first[SEAL_KEY_DIGITS] = second[SEAL_KEY_DIGITS] = '\0';
	one.seals = both.seals = other.seals = 1;
	if (seal_add(&one, first) < 0 || seal_add(&both, second) < 0 ||
	    seal_add(&both, first) < 0 || seal_add(&other, second) < 0)
		abort();
}

/* Parse a copy. */
static int
parse(const struct seal_ring *ring, const char *name, const char *file,
    size_t len, struct tokens *t)
{
	char *copy = fuzz_copy(file, len);
	int r = store_parse(ring, name, copy, len, t);

	free(copy);
	return r;
}

static int
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static int
same(const struct tokens *a, const struct tokens *b)
{
	return same_text(a->refresh_token, b->refresh_token) &&
	    same_text(a->access_token, b->access_token) &&
	    same_text(a->scope, b->scope) && same_text(a->flow, b->flow) &&
	    same_text(a->config_id, b->config_id) &&
	    same_text(a->account, b->account) &&
	    same_text(a->mailbox, b->mailbox) &&
	    a->expires_at == b->expires_at &&
	    a->obtained_at == b->obtained_at &&
	    a->refresh_obtained_at == b->refresh_obtained_at;
}

/* Abort unless a file reads as t, in the way it says. */
static void
expect(const struct seal_ring *ring, const char *file, size_t len,
    const struct tokens *t, enum storage how)
{
	struct tokens again = {0};

	if (parse(ring, NAME, file, len, &again) != (int)how ||
	    !same(t, &again))
		abort();
	tokens_clear(&again);
}

static void
refuse(const struct seal_ring *ring, const char *name, const char *file,
    size_t len)
{
	struct tokens t = {0};

	if (parse(ring, name, file, len, &t) >= 0 || t.refresh_token ||
	    t.access_token)
		abort();
}

static void
check(const struct tokens *t, size_t at, char change)
{
	static char file[MSG_MAX];
	size_t len = 0;

	if (store_format(NULL, NAME, t, file, &len) < 0)
		abort();
	expect(&one, file, len, t, STORAGE_PLAIN);
	if (store_format(&one, NAME, t, file, &len) < 0) {
		/* a seal is a third longer than what is in it */
		if (len < MSG_MAX / 4 * 3 - 512)
			abort();
		return;
	}
	expect(&one, file, len, t, STORAGE_SEALED);
	expect(&both, file, len, t, STORAGE_SEALED_OLD);
	refuse(&other, NAME, file, len);
	refuse(NULL, NAME, file, len);
	refuse(&one, "else@example.com", file, len);
	if (change) {
		file[at % len] = (char)(file[at % len] ^ change);
		refuse(&one, NAME, file, len);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tokens t = {0};
	const char *file = (const char *)data + 2;
	int r;

	if (one.count == 0)
		make_rings();
	if (size < 2 || size > MSG_MAX)
		return 0;
	r = parse(&one, NAME, file, size - 2, &t);
	if (r >= 0)
		check(&t, data[0] * 7U, (char)data[1]);
	tokens_clear(&t);
	if (parse(NULL, NAME, file, size - 2, &t) > STORAGE_PLAIN)
		abort();
	tokens_clear(&t);
	return 0;
}

FUZZ_MAIN(MSG_MAX)
