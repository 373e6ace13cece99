/* SPDX-License-Identifier: MIT */
/* test-store - credentials on disk */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/daemon/store.h"
#include "tests/unit/tap.h"

static char refresh[] = "r-1", access_token[] = "a-1", id[] = "id";

static const struct tokens sample = {
    .refresh_token = refresh,
    .access_token = access_token,
    .config_id = id,
    .expires_at = 1800000000,
    .obtained_at = 1799996400,
    .refresh_obtained_at = 1799996400,
    .refresh_expires_at = 1807772400,
    .certificate_expires_at = 1807772401,
};

static int
has_refresh(int dir, const char *want)
{
	struct tokens t = {0};
	int same = store_load(dir, NULL, "alice", &t) == 0 && t.refresh_token &&
	    strcmp(t.refresh_token, want) == 0;

	tokens_clear(&t);
	return same;
}

static void
test_round_trip(int dir)
{
	struct tokens t = {0}, copy = {0};
	struct stat st;

	tap_ok(
	    store_load(dir, NULL, "alice", &t) == -ENOENT, "nothing is stored");
	tap_ok(store_save(dir, NULL, "alice", &sample, 1) == 0, "saved");
	tap_ok(
	    fstatat(dir, "alice", &st, 0) == 0 && (st.st_mode & 07777) == 0600,
	    "D8: the file is 0600");
	tap_ok(faccessat(dir, "alice#new", F_OK, 0) < 0,
	    "no temporary file is left");
	tap_ok(store_load(dir, NULL, "alice", &t) == 0, "loaded");
	tap_is(t.refresh_token, "r-1", "refresh_token");
	tap_is(t.access_token, "a-1", "access_token");
	tap_ok(t.refresh_expires_at == 1807772400, "refresh_expires_at");
	tap_ok(t.certificate_expires_at == 1807772401,
	    "certificate_expires_at");
	tap_is(t.config_id, "id", "config_id");
	tap_is(t.scope, NULL, "what was absent is absent");
	tap_ok(t.expires_at == 1800000000 && t.obtained_at == 1799996400,
	    "the times");
	tap_ok(tokens_copy(&t, &copy) == 0, "copied");
	tokens_clear(&t);
	tap_is(copy.refresh_token, "r-1", "a copy is its own");
	tokens_clear(&copy);
}

/* Known failure L1: a full disk must not cost the only refresh token. */
static void
test_full_disk(int dir)
{
	struct rlimit old, none = {0, 0};
	struct tokens t = sample;
	char newer[] = "r-2";
	int r;

	t.refresh_token = newer;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	none.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_FSIZE, &none);
	r = store_save(dir, NULL, "alice", &t, 1);
	setrlimit(RLIMIT_FSIZE, &old);
	tap_ok(r == -EFBIG, "L1: a save that the disk refuses says so");
	tap_ok(has_refresh(dir, "r-1"), "L1: the old file is whole");
	tap_ok(faccessat(dir, "alice#new", F_OK, 0) < 0,
	    "L1: nothing is left behind");
	tap_ok(store_save(dir, NULL, "alice", &t, 1) == 0 &&
		has_refresh(dir, "r-2"),
	    "L1: later it is saved");
}

static void
test_damage(int dir)
{
	static const struct {
		const char *what, *text;
		int result;
	} rows[] = {
	    {"an empty file", "", -ERR_FORMAT},
	    {"a cut file", "protocol=1\nrefresh_token=r", -ERR_FORMAT},
	    {"a number that is none", "protocol=1\nexpires_at=x\n\n",
		-ERR_NUMBER},
	    {"a file without a token", "protocol=1\nscope=s\n\n", -ERR_FORMAT},
	    {"a seal whose name is damaged",
		"protocol=1\nconfig_id=c\nrealed=v1:00000000:AAAA\n\n",
		-ERR_FORMAT},
	    {"a later version", "protocol=2\nrefresh_token=r\n\n",
		-ERR_VERSION},
	    {"a seal that is none", "protocol=1\nsealed=x\n\n", -ERR_SEAL},
	    {"an empty seal", "protocol=1\nsealed=\n\n", -ERR_SEAL},
	    {"a seal in what is no message", "?\nsealed=x", -ERR_SEAL},
	    {"a seal twice", "protocol=1\nsealed=x\nsealed=x\n\n", -ERR_SEAL},
	};
	struct tokens t = {0};
	size_t i;
	int fd, r;

	for (i = 0; i < COUNT_OF(rows); i++) {
		fd = openat(dir, "bad", O_WRONLY | O_CREAT | O_TRUNC, 0600);
		util_write_all(fd, rows[i].text, strlen(rows[i].text));
		close(fd);
		r = store_load(dir, NULL, "bad", &t);
		tap_ok(r == rows[i].result, "refused: %s: %d", rows[i].what, r);
	}
	unlinkat(dir, "bad", 0);
	tap_ok(symlinkat("alice", dir, "bad") == 0 &&
		store_load(dir, NULL, "bad", &t) == -ELOOP,
	    "a link is not followed");
	unlinkat(dir, "bad", 0);
	tap_ok(mkfifoat(dir, "bad", 0600) == 0 &&
		store_load(dir, NULL, "bad", &t) == -ERR_FORMAT,
	    "a FIFO does not make it wait");
	unlinkat(dir, "bad", 0);
}

static struct seal_ring ring = {.seals = 1}, rotated = {.seals = 1}, spare;

static void
test_rings(void)
{
	char key[SEAL_KEY_DIGITS + 1];
	int r;

	memset(key, '1', SEAL_KEY_DIGITS);
	key[SEAL_KEY_DIGITS] = '\0';
	r = seal_add(&ring, key);
	key[0] = '2';
	r |= seal_add(&rotated, key);
	key[0] = '1';
	r |= seal_add(&rotated, key) | seal_add(&spare, key);
	tap_ok(r == 0, "rings of keys");
	tap_ok(store_storage(NULL) == STORAGE_PLAIN &&
		store_storage(&spare) == STORAGE_PLAIN &&
		store_storage(&ring) == STORAGE_SEALED,
	    "what a ring makes of a file");
}

/* How a file is read, and with what result. */
static void
test_storage(int dir)
{
	static const struct {
		const char *what;
		const struct seal_ring *by, *with;
		int result;
	} rows[] = {
	    {"plain, without a key", NULL, NULL, STORAGE_PLAIN},
	    {"plain, with a key", NULL, &ring, STORAGE_PLAIN},
	    {"plain, by a ring that does not seal", &spare, NULL,
		STORAGE_PLAIN},
	    {"sealed", &ring, &ring, STORAGE_SEALED},
	    {"sealed, with the key before", &ring, &rotated,
		STORAGE_SEALED_OLD},
	    {"sealed, with a ring that does not seal", &ring, &spare,
		STORAGE_SEALED_OLD},
	    {"sealed, without a key", &ring, NULL, -ERR_KEY},
	    {"sealed, with another key", &rotated, &ring, -ERR_KEY},
	};
	struct tokens t = {0};
	char key[SEAL_ID_SIZE];
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(rows); i++) {
		r = store_save(dir, rows[i].by, "alice", &sample, 1);
		if (r == 0)
			r = store_load(dir, rows[i].with, "alice", &t);
		tap_ok(r == rows[i].result &&
			(r < 0 ? !t.refresh_token
			       : strcmp(t.refresh_token, "r-1") == 0),
		    "%s: %d", rows[i].what, r);
		tokens_clear(&t);
	}
	store_key_id(dir, "alice", key);
	tap_is(key, rotated.keys[0].id, "whose key it is can be told");
	store_save(dir, NULL, "alice", &sample, 1);
	store_key_id(dir, "alice", key);
	tap_is(key, "", "a plain file has none");
	store_key_id(dir, "nobody", key);
	tap_is(key, "", "nor has one that is not there");
	store_save(dir, &ring, "alice", &sample, 1);
	tap_ok(renameat(dir, "alice", dir, "bob") == 0 &&
		store_load(dir, &ring, "bob", &t) == -ERR_SEAL,
	    "a sealed file by another name");
	unlinkat(dir, "bob", 0);
}

/* The largest credentials that a request can bring fit into a sealed file. */
static void
test_largest(int dir)
{
	char token[TOKEN_MAX + 1], text[4097];
	struct tokens t = sample, back = {0};
	int r;

	memset(token, 't', TOKEN_MAX);
	token[TOKEN_MAX] = '\0';
	memset(text, 's', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	t.refresh_token = t.access_token = token;
	t.scope = t.flow = text;
	r = store_save(dir, &ring, "alice", &t, 1);
	tap_ok(r == 0 &&
		store_load(dir, &ring, "alice", &back) == STORAGE_SEALED &&
		strcmp(back.access_token, token) == 0,
	    "the largest of all: %d", r);
	tokens_clear(&back);
	t.account = t.mailbox = token;
	r = store_save(dir, &ring, "alice", &t, 1);
	tap_ok(r == -ERR_TOOBIG &&
		store_load(dir, &ring, "alice", &back) == STORAGE_SEALED,
	    "a larger one is refused, and the file stands: %d", r);
	tokens_clear(&back);
	store_remove(dir, "alice");
}

/* What is in a seal but is no state file. */
static void
test_inside(void)
{
	static const struct seal_bond bond = {"alice", NULL};
	static const char *const inside[] = {"", "x", "protocol=1\n",
	    "protocol=2\n\n", "protocol=1\nexpires_at=x\n\n", "protocol=1\n\n",
	    "protocol=1\nrefresh_token=r\n\nmore"};
	static const char plain[] = "protocol=1\nrefresh_token=r\n\n";
	char file[1024], seal[512];
	struct tokens t = {0};
	size_t i;
	int r, n;

	for (i = 0; i < COUNT_OF(inside); i++) {
		seal_make(
		    &ring.keys[0], &bond, inside[i], strlen(inside[i]), seal);
		n = snprintf(
		    file, sizeof(file), "protocol=1\nsealed=%s\n\n", seal);
		r = store_parse(&ring, "alice", file, (size_t)n, &t);
		tap_ok(
		    r == -ERR_SEAL, "in a seal, no state file %zu: %d", i, r);
	}
	seal_make(&ring.keys[0], &bond, plain, strlen(plain), seal);
	n = snprintf(file, sizeof(file), "protocol=1\nsealed=%s\n\n", seal);
	r = store_parse(&ring, "alice", file, (size_t)n, &t);
	tap_ok(r == STORAGE_SEALED, "in a seal, a short message");
	tokens_clear(&t);
}

static void
test_open(const char *path, int dir)
{
	int fd;

	/* known failure D10 */
	tap_ok(store_open(path) == -EWOULDBLOCK,
	    "D10: a second daemon is refused");
	close(openat(dir, "alice#new", O_WRONLY | O_CREAT, 0600));
	close(openat(dir, "b#other", O_WRONLY | O_CREAT, 0600));
	close(dir);
	fd = store_open(path);
	tap_ok(fd >= 0, "after it has ended it is not");
	tap_ok(faccessat(fd, "alice#new", F_OK, 0) < 0 &&
		faccessat(fd, "b#other", F_OK, 0) == 0,
	    "only our own temporary files are cleared away");
	unlinkat(fd, "b#other", 0);
	tap_ok(store_remove(fd, "alice") == 0 && store_remove(fd, "alice") == 0,
	    "removed, and again");
	chmod(path, 0750);
	close(fd);
	tap_ok(store_open(path) == -EPERM, "a directory open to others");
	chmod(path, 0700);
}

int
main(void)
{
	char path[] = "/tmp/sb-store-XXXXXX", sub[64];
	int dir;

	if (!mkdtemp(path))
		return 1;
	snprintf(sub, sizeof(sub), "%s/a/b", path);
	dir = store_open(sub);
	tap_ok(dir >= 0, "the directory is made");
	test_round_trip(dir);
	test_full_disk(dir);
	test_damage(dir);
	test_rings();
	test_storage(dir);
	test_largest(dir);
	test_inside();
	test_open(sub, dir);
	rmdir(sub);
	snprintf(sub, sizeof(sub), "%s/a", path);
	rmdir(sub);
	tap_ok(rmdir(path) == 0, "nothing else was made");
	return tap_done();
}
