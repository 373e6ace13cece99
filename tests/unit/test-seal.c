/* SPDX-License-Identifier: MIT */
/* test-seal - what is sealed opens with its key, and as it was made */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/seal/seal.h"
#include "tests/unit/tap.h"

/*
 * The vector of sasl-bearer-protocol(7). It was made by another program;
 * tests/system/sealed.py makes it again, and reads what is written there.
 */
#define KEY_1                              \
	"000102030405060708090a0b0c0d0e0f" \
	"101112131415161718191a1b1c1d1e1f"
#define KEY_2                              \
	"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff" \
	"000102030405060708090A0B0C0D0E0F"
#define ID_1 "4c4eefff"
#define CONFIG_ID                          \
	"3c2cb3fad448e1c7f870294ccb797328" \
	"802daf4389ccf13a6c322496d33dbf17"
#define PLAIN                 \
	"protocol=1\n"        \
	"refresh_token=r-1\n" \
	"config_id=" CONFIG_ID "\n\n"
#define BODY                                                   \
	"oKGio6SlpqeoqaqrlmoTWSqobdNfVI2hYhyyuwPEBmT93CcCoXwL" \
	"t3XIGm+0HyCgxkZuDjyuZ6o6HOKdcy9+LVOzLRh5aTtsnUTm09aL" \
	"vFgDl9zYxNCbeen6/4L0aMjC9PL4TI1GDKiFo3vwvLdPyWWfuJGU" \
	"vehQ4wiO18yS6oxwYxJWoA=="
#define SEAL "v1:" ID_1 ":" BODY

static const struct seal_bond bond = {"alice", CONFIG_ID};
static struct seal_ring first, second, both;

/* Open a seal; the content must be PLAIN when it opens. */
static int
opens(const struct seal_ring *ring, const struct seal_bond *b, const char *seal)
{
	char plain[1024] = {0};
	size_t len = 0;
	int r = seal_open(ring, b, seal, plain, &len);

	if (r >= 0 && (len != strlen(PLAIN) || memcmp(plain, PLAIN, len) != 0))
		return -EBADMSG;
	return r;
}

static void
test_keys(void)
{
	static const char *const bad[] = {"", "00", KEY_1 "0", KEY_1 "\n",
	    " " KEY_1,
	    "0001020304050607 8090a0b0c0d0e0f"
	    "101112131415161718191a1b1c1d1e1f",
	    "0x0102030405060708090a0b0c0d0e0f"
	    "101112131415161718191a1b1c1d1e1f",
	    "g00102030405060708090a0b0c0d0e0f"
	    "101112131415161718191a1b1c1d1e1"};
	struct seal_ring ring = {0};
	size_t i;
	int r = 0;

	for (i = 0; i < COUNT_OF(bad); i++)
		tap_ok(seal_add(&ring, bad[i]) == -EINVAL && ring.count == 0,
		    "not a key: \"%.20s...\"", bad[i]);
	tap_ok(seal_add(&first, KEY_1) == 0 && first.count == 1, "a key");
	tap_is(first.keys[0].id, ID_1, "its id");
	tap_ok(seal_add(&second, KEY_2) == 0, "a key in capitals");
	tap_is(second.keys[0].id, "e5406643", "its id");
	tap_ok(seal_add(&both, KEY_2) == 0 && seal_add(&both, KEY_1) == 0,
	    "two keys in a ring");
	for (i = 0; r == 0 && i <= SEAL_RING_MAX; i++)
		r = seal_add(&ring, KEY_1);
	tap_ok(r == -ENOSPC && ring.count == SEAL_RING_MAX, "a ring is full");
}

static void
test_vector(void)
{
	static const struct {
		const char *what;
		const struct seal_ring *ring;
		struct seal_bond bond;
		const char *seal;
		int result;
	} rows[] = {
	    {"the vector", &first, {"alice", CONFIG_ID}, SEAL, 0},
	    {"its key is the second", &both, {"alice", CONFIG_ID}, SEAL, 1},
	    {"no key", NULL, {"alice", CONFIG_ID}, SEAL, -ERR_KEY},
	    {"another key", &second, {"alice", CONFIG_ID}, SEAL, -ERR_KEY},
	    {"another key by that id", &both, {"alice", CONFIG_ID},
		"v1:e5406643:" BODY, -ERR_SEAL},
	    {"another file", &first, {"alicf", CONFIG_ID}, SEAL, -ERR_SEAL},
	    {"another config_id", &first, {"alice", "3c2c"}, SEAL, -ERR_SEAL},
	    {"no config_id", &first, {"alice", NULL}, SEAL, -ERR_SEAL},
	    {"the two run together", &first, {"alice" CONFIG_ID, NULL}, SEAL,
		-ERR_SEAL},
	    {"a later version", &first, {"alice", CONFIG_ID},
		"v2:" ID_1 ":" BODY, -ERR_SEAL},
	    {"nothing", &first, {"alice", CONFIG_ID}, "", -ERR_SEAL},
	    {"no id", &first, {"alice", CONFIG_ID}, "v1::" BODY, -ERR_SEAL},
	    {"an id in capitals", &first, {"alice", CONFIG_ID},
		"v1:4C4EEFFF:" BODY, -ERR_SEAL},
	    {"no body", &first, {"alice", CONFIG_ID}, "v1:" ID_1 ":",
		-ERR_SEAL},
	    {"a body that is too short", &first, {"alice", CONFIG_ID},
		"v1:" ID_1 ":AAAA", -ERR_SEAL},
	    {"a blank before the body", &first, {"alice", CONFIG_ID},
		"v1:" ID_1 ": " BODY, -ERR_SEAL},
	    {"blanks behind the body", &first, {"alice", CONFIG_ID},
		SEAL "    ", -ERR_SEAL},
	    {"more behind the body", &first, {"alice", CONFIG_ID}, SEAL "AAAA",
		-ERR_SEAL},
	};
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(rows); i++) {
		r = opens(rows[i].ring, &rows[i].bond, rows[i].seal);
		tap_ok(r == rows[i].result, "%s: %d", rows[i].what, r);
	}
}

/* Every byte of a seal, changed into every printable one, and cut off. */
static void
test_every_byte(void)
{
	char seal[] = SEAL, c, was;
	size_t i, opened = 0, wrong = 0;
	int r;

	for (i = 0; i < sizeof(SEAL) - 1; i++) {
		was = seal[i];
		for (c = 0x20; c < 0x7f; c++) {
			seal[i] = c;
			r = opens(&both, &bond, seal);
			opened += r >= 0 && c != was;
			wrong += r < 0 && r != -ERR_SEAL && r != -ERR_KEY;
		}
		seal[i] = '\0';
		opened += opens(&both, &bond, seal) >= 0;
		seal[i] = was;
	}
	tap_ok(opened == 0, "no changed or cut seal opens: %zu do", opened);
	tap_ok(wrong == 0, "nothing else happens to one: %zu", wrong);
	tap_ok(opens(&both, &bond, seal) == 1, "unchanged it opens");
}

static void
test_ids(void)
{
	char id[SEAL_ID_SIZE] = "as it is";

	tap_ok(seal_id("v1:4c4eeff:AAAA", id) == -ERR_SEAL, "no seal");
	tap_is(id, "as it is", "nothing is written");
	tap_ok(seal_id(SEAL, id) == 0, "a seal");
	tap_is(id, ID_1, "tells its key");
}

static void
test_make(void)
{
	char one[SEAL_SIZE(sizeof(PLAIN) - 1)], two[sizeof(one)], *big, *out;
	char plain[8];
	size_t len = 1;
	int r;

	r = seal_make(&first.keys[0], &bond, PLAIN, strlen(PLAIN), one);
	tap_ok(r == 0 && opens(&first, &bond, one) == 0, "sealed and opened");
	tap_ok(strlen(one) == sizeof(one) - 1, "as long as was said");
	tap_ok(!strstr(one, "r-1"), "the content does not show");
	r = seal_make(&first.keys[0], &bond, PLAIN, strlen(PLAIN), two);
	tap_ok(r == 0 && strcmp(one, two) != 0, "never the same twice");
	r = seal_make(&first.keys[0], &bond, "", 0, one);
	tap_ok(r == 0 && seal_open(&first, &bond, one, plain, &len) == 0 &&
		len == 0,
	    "nothing");
	big = calloc(1, 65536);
	out = malloc(SEAL_SIZE(65536));
	r = big && out ? seal_make(&first.keys[0], &bond, big, 65536, out) : -1;
	tap_ok(r == 0 && strlen(out) == SEAL_SIZE(65536) - 1, "a long text");
	free(big);
	free(out);
}

/* Made by another program: tests/lib/seals.py. */
static void
test_derive(void)
{
	static const unsigned char key[] = {0x89, 0xe5, 0x33, 0x83, 0x5b, 0xda,
	    0x86, 0xe7, 0xf8, 0x76, 0xd4, 0xb0, 0xaf, 0xaf, 0x71, 0x8e, 0x1a,
	    0xfa, 0x97, 0x48, 0xbe, 0x5c, 0x24, 0x5f, 0xe7, 0xd1, 0x94, 0x8e,
	    0x2f, 0xae, 0xb8, 0x02};
	struct seal_ring empty = {0}, ret;
	char seal[SEAL_SIZE(sizeof(PLAIN) - 1)];

	both.seals = 1;
	tap_ok(seal_derive(
		   &both, "sasl-bearer answer 0123456789abcdef", &ret) == 0 &&
		ret.count == 2 && ret.seals == 1,
	    "as many keys as there were");
	tap_ok(memcmp(ret.keys[1].key, key, sizeof(key)) == 0,
	    "in the same order");
	tap_is(ret.keys[1].id, "94ccfcea", "with ids of their own");
	tap_ok(
	    seal_make(&ret.keys[1], &bond, PLAIN, strlen(PLAIN), seal) == 0 &&
		opens(&ret, &bond, seal) == 1,
	    "they seal");
	tap_ok(opens(&both, &bond, seal) == -ERR_KEY,
	    "the keys they were made of do not open that");
	tap_ok(seal_derive(&both, "another", &ret) == 0 &&
		opens(&ret, &bond, seal) == -ERR_KEY,
	    "nor do those of another purpose");
	tap_ok(seal_derive(&empty, "", &ret) == 0 && ret.count == 0, "no key");
}

int
main(void)
{
	test_keys();
	test_vector();
	test_every_byte();
	test_ids();
	test_make();
	test_derive();
	return tap_done();
}
