/* SPDX-License-Identifier: MIT */
/* authorize - the request and the answer that travel through a browser */
#include "config.h"

#include <string.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/authorize.h"
#include "helper/cli/issuer.h"
#include "helper/cli/query.h"

int
authorize_start(struct authorize *q)
{
	int r = pkce_random(q->state);

	return r == 0 ? pkce_random(q->verifier) : r;
}

/* Whether a text can stand in a URL as it is. */
static int
is_encoded(const char *text)
{
	for (; text && *text; text++)
		if (*text <= ' ' || *text > '~' || *text == '#')
			return 0;
	return 1;
}

int
authorize_url(const struct authorize *q, const struct account_conf *a,
    char *buf, size_t size)
{
	char challenge[PKCE_SIZE];
	const struct {
		const char *name, *value;
	} params[] = {
	    {"client_id", a->client_id},
	    {"response_type", "code"},
	    {"redirect_uri", q->redirect_uri},
	    {"scope", a->scope},
	    {"state", q->state},
	    {"code_challenge", challenge},
	    {"code_challenge_method", "S256"},
	    {"login_hint", q->login_hint},
	    {"resource", a->resource},
	    {"audience", a->audience},
	};
	size_t i, len = strlen(q->endpoint);
	int r;

	if (!is_encoded(q->endpoint) || !is_encoded(a->authorization_query))
		return -ERR_FORMAT;
	if (len >= size)
		return -ERR_TOOBIG;
	memcpy(buf, q->endpoint, len + 1);
	r = pkce_challenge(q->verifier, challenge);
	for (i = 0; r == 0 && i < COUNT_OF(params); i++)
		r = query_add(buf, size, params[i].name, params[i].value);
	return r == 0 ? query_add_raw(buf, size, a->authorization_query) : r;
}

/* Whether an answer came from where it should. */
static int
is_from_issuer(const struct authorize *q, const char *query)
{
	char iss[AUTHORIZE_TEXT_MAX];
	int r = query_get(query, "iss", iss, sizeof(iss));

	if (r <= 0)
		return r == 0 && !q->iss_required;
	return !q->issuer || issuer_matches(q->issuer, iss);
}

/* A code is printable ASCII: RFC 6749 appendix A.11. */
static int
is_code(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return 0;
	return 1;
}

static void
get_description(const char *query, struct authorize_answer *ret)
{
	char raw[4096];

	if (query_get(query, "error_description", raw, sizeof(raw)) == 1)
		util_sanitise(ret->description, sizeof(ret->description), raw,
		    strlen(raw));
}

/* An error's name is as short as this: appendix A.7. */
static int
get_error(const char *query, struct authorize_answer *ret)
{
	char raw[64];
	int r = query_get(query, "error", raw, sizeof(raw));

	if (r == 1)
		util_sanitise(ret->error, sizeof(ret->error), raw, strlen(raw));
	return r;
}

enum authorize_result
authorize_judge(
    const struct authorize *q, const char *query, struct authorize_answer *ret)
{
	char state[2 * PKCE_SIZE];
	int error;

	memset(ret, 0, sizeof(*ret));
	if (query_get(query, "state", state, sizeof(state)) != 1 ||
	    !pkce_equal(state, q->state))
		return AUTHORIZE_FOREIGN;
	if (!is_from_issuer(q, query))
		return AUTHORIZE_ISSUER;
	error = get_error(query, ret);
	if (error == 1 && *ret->error) {
		get_description(query, ret);
		return AUTHORIZE_ERROR;
	}
	if (error == 0 &&
	    query_get(query, "code", ret->code, sizeof(ret->code)) == 1 &&
	    is_code(ret->code))
		return AUTHORIZE_CODE;
	util_wipe(ret, sizeof(*ret));
	return AUTHORIZE_MALFORMED;
}

/* Whether a text begins as a query does: NAME=. */
static int
is_query(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz_");

	return len > 0 && text[len] == '=';
}

/* Whether two addresses are the same but for one slash at the end. */
static int
same_address(const char *a, size_t a_len, const char *b, size_t b_len)
{
	if (a_len > 0 && a[a_len - 1] == '/')
		a_len--;
	if (b_len > 0 && b[b_len - 1] == '/')
		b_len--;
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

const char *
authorize_pasted(const struct authorize *q, char *text)
{
	static const char around[] = " \t\r\n\"'<>`", scheme[] = "http://";
	const char *base = q->redirect_uri;
	size_t len, base_len = strcspn(base, "?"), skip = strlen(scheme);

	text += strspn(text, around);
	len = strlen(text);
	while (len > 0 && strchr(around, text[len - 1]))
		text[--len] = '\0';
	if (is_query(text))
		return text;
	len = strcspn(text, "?");
	if (!text[len])
		return NULL;
	/* some browsers leave the scheme out when an address is copied */
	if (len == 0 || same_address(text, len, base, base_len) ||
	    (strncmp(base, scheme, skip) == 0 &&
		same_address(text, len, base + skip, base_len - skip)))
		return text + len + 1;
	return NULL;
}
