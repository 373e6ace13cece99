/* SPDX-License-Identifier: MIT */
/*
 * fuzz-files - feed bytes to the readers of what others write
 *
 * The output of a command or a file with a token, a list of mailboxes, a
 * secret. A good one, written again from what was read, reads the same.
 */
#include "config.h"

#include <stdio.h>

#include "helper/config/secret.h"
#include "helper/config/settings.h"
#include "helper/daemon/foreign.h"
#include "helper/daemon/mailbox-list.h"
#include "tests/fuzz/fuzz.h"

#define NOW 1700000000
#define YEAR_S (366 * 86400)

static void
check_reason(const char *why)
{
	if (!*why || !util_text_valid(why, strlen(why)))
		abort();
}

static void
check_again(const struct foreign *f)
{
	char *text = malloc(TOKEN_MAX + 64), why[FOREIGN_WHY];
	struct foreign again;
	int n = snprintf(
	    text, TOKEN_MAX + 64, "access_token=%s\n", f->access_token);

	if (f->expires_in > 0)
		n += snprintf(text + n, 64, "expires_in=%lld\n",
		    (long long)f->expires_in);
	if (foreign_parse(text, (size_t)n, NOW, &again, why) < 0 ||
	    strcmp(again.access_token, f->access_token) != 0 ||
	    again.expires_in != f->expires_in)
		abort();
	free(text);
}

static void
check_foreign(const uint8_t *data, size_t size)
{
	char *text = fuzz_copy(data, size), why[FOREIGN_WHY];
	struct foreign f = {0};

	if (foreign_parse(text, size, NOW, &f, why) < 0) {
		check_reason(why);
	} else {
		if (!util_b64token_valid(f.access_token) || f.expires_in < 0 ||
		    f.expires_in > YEAR_S)
			abort();
		check_again(&f);
	}
	free(text);
}

static void
check_list(const uint8_t *data, size_t size)
{
	char *text = fuzz_copy(data, size), **list = NULL;
	size_t i;

	if (mailbox_list_parse(text, &list) == 0) {
		if (!list || !list[0])
			abort();
		for (i = 0; list[i]; i++)
			if (!*list[i] || strpbrk(list[i], " \t\r\n") ||
			    !mailbox_list_has(list, list[i]))
				abort();
	}
	list_free(list);
	free(text);
}

static void
check_secret(const uint8_t *data, size_t size, int lines)
{
	char *text = malloc(size), why[FILE_WHY], *secret = NULL;
	size_t len;

	if (size > 0)
		memcpy(text, data, size);
	if (secret_parse(text, size, lines, &secret, why) < 0) {
		check_reason(why);
	} else {
		len = strlen(secret);
		if (len == 0 || memcmp(secret, data, len) != 0 ||
		    len < size - !lines ||
		    (!lines && !util_text_valid(secret, len)))
			abort();
	}
	util_secret_free(secret);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_foreign(data, size);
	check_list(data, size);
	check_secret(data, size, 0);
	check_secret(data, size, 1);
	return 0;
}

FUZZ_MAIN(4 * TOKEN_MAX)
