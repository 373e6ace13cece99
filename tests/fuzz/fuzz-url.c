/* SPDX-License-Identifier: MIT */
/*
 * fuzz-url - judge addresses; what is judged is what is connected to
 *
 * Fields: a URL, a value for a query. Whatever they are, nothing but https goes
 * beyond loopback, a good address reads the same again, and what is added to it
 * does not lead elsewhere.
 */
#include "config.h"

#include "helper/fetch/form.h"
#include "helper/fetch/url.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX 8192
#define IDENTITY "169.254.169.254"

static void
check(const struct url *u, int identity)
{
	const char *at;

	if (!util_text_valid(u->text, strlen(u->text)) || !*u->host)
		abort();
	if (!u->tls && !u->loopback &&
	    !(identity && strcmp(u->host, IDENTITY) == 0))
		abort();
	at = strstr(u->text, "://");
	if (!at || strchr(u->text, '#'))
		abort();
	if (strchr(u->text, '%')) /* of a host as %25, or an address's zone */
		return;
	if (strncmp(at + 3, u->host, strlen(u->host)) != 0)
		abort();
	at += 3 + strlen(u->host);
	if (*at && !strchr(":/?", *at))
		abort();
}

static void
check_same(const struct url *a, const struct url *b)
{
	if (strcmp(a->host, b->host) != 0 || a->tls != b->tls ||
	    a->loopback != b->loopback)
		abort();
}

static void
check_additions(const struct url *base, const char *value)
{
	static struct form form;
	static struct url u;
	char buf[INPUT_MAX + 256];
	struct msg_writer w;
	struct msg m;

	if (url_extend(
		&u, base, "/.well-known/oauth-authorization-server", "") == 0)
		check_same(base, &u);
	if (url_extend(&u, base, "", "/.well-known/openid-configuration") == 0)
		check_same(base, &u);
	msg_begin(&w, buf, sizeof(buf));
	msg_put(&w, "operation", "token");
	msg_put(&w, "grant", "managed_identity");
	msg_put(&w, "identity_resource", value);
	if (msg_end(&w) < 0 || msg_parse(&m, buf, w.len) < 0)
		return;
	if (form_build(&form, operation_find(&m), &m) == 0 &&
	    url_query(&u, base, form.body) == 0) {
		check_same(base, &u);
		check(&u, 1);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct url u, again;
	struct fuzz_input in = {data, size};
	char *text = fuzz_field(&in, NULL), *value = fuzz_field(&in, NULL);

	if (text && url_parse(&u, text) == 0) {
		check(&u, 0);
		if (url_parse(&again, u.text) != 0 ||
		    strcmp(u.text, again.text) != 0)
			abort();
		check_same(&u, &again);
	}
	if (text && url_parse_identity(&u, text) == 0) {
		check(&u, 1);
		check_additions(&u, value ? value : "v");
	}
	free(text);
	free(value);
	return 0;
}

FUZZ_MAIN(INPUT_MAX)
