/* SPDX-License-Identifier: MIT */
/* assertion - what is asked of sasl-bearer-sign, and the assertion it makes */
#include "config.h"

#include <errno.h>
#include <string.h>

#include <openssl/rand.h>

#include "common/err.h"
#include "helper/sign/account.h"
#include "helper/sign/assertion.h"

#define ID_BYTES 16 /* of jti: 128 bits, which never come twice */
#define ID_SIZE 25

/* What an operation is called, and needs. */
static const struct operation {
	const char *name;
	const char *needs[3]; /* attributes; NULL ends */
	int64_t lifetime_s;
} operations[] = {
    [ASSERTION_CLIENT] = {"client_assertion", {"client_id", "audience"},
	ASSERTION_CLIENT_S},
    [ASSERTION_GRANT] = {"grant_assertion", {"subject", "audience"},
	ASSERTION_GRANT_S},
    [ASSERTION_CHECK] = {"check", {NULL}, ASSERTION_CLIENT_S},
};

static int
parse_operation(struct assertion *a, const struct msg *request, struct reply *r)
{
	const char *name = msg_get(request, "operation");
	size_t i, n;

	for (i = 0; i < COUNT_OF(operations); i++)
		if (name && strcmp(name, operations[i].name) == 0)
			break;
	if (i == COUNT_OF(operations)) {
		reply_fail(r, STATUS_BAD, "the operation is not known");
		return -EINVAL;
	}
	a->kind = (enum assertion_kind)i;
	a->lifetime_s = operations[i].lifetime_s;
	for (n = 0; operations[i].needs[n]; n++)
		if (!msg_get(request, operations[i].needs[n])) {
			reply_fail(r, STATUS_BAD, "the request has no %s",
			    operations[i].needs[n]);
			return -EINVAL;
		}
	return 0;
}

static int
parse_alg(struct assertion *a, const char *name, struct reply *r)
{
	a->alg = JWT_PS256;
	if (!name || strcmp(name, jwt_alg_name(JWT_PS256)) == 0)
		return 0;
	a->alg = JWT_RS256;
	if (strcmp(name, jwt_alg_name(JWT_RS256)) == 0)
		return 0;
	reply_fail(r, STATUS_BAD, "the algorithm is neither PS256 nor RS256");
	return -EINVAL;
}

int
assertion_parse(struct assertion *a, const struct msg *request, struct reply *r)
{
	if (parse_operation(a, request, r) < 0 ||
	    parse_alg(a, msg_get(request, "algorithm"), r) < 0)
		return -EINVAL;
	if (msg_get_number(
		request, "lifetime", 1, ASSERTION_MAX_S, &a->lifetime_s) < 0) {
		reply_fail(
		    r, STATUS_BAD, "lifetime is not 1..%d", ASSERTION_MAX_S);
		return -EINVAL;
	}
	a->client_id = msg_get(request, "client_id");
	a->audience = msg_get(request, "audience");
	a->subject = msg_get(request, "subject");
	a->scope = msg_get(request, "scope");
	a->key_id = msg_get(request, "key_id");
	return 0;
}

static void
add(struct json_object *json, const char *name, const char *value)
{
	if (value)
		json_object_object_add(
		    json, name, json_object_new_string(value));
}

static void
add_number(struct json_object *json, const char *name, int64_t value)
{
	json_object_object_add(json, name, json_object_new_int64(value));
}

/* Name the certificate. Returns 0, or -EIO. */
static int
add_thumbprint(struct json_object *header, const X509 *cert, enum jwt_alg alg)
{
	char text[JWT_THUMBPRINT];
	int sha1 = alg == JWT_RS256;
	int e = jwt_thumbprint(text, cert, sha1 ? EVP_sha1() : EVP_sha256());

	if (e == 0)
		add(header, sha1 ? "x5t" : "x5t#S256", text);
	return e;
}

/* Returns 0, or -EIO. */
static int
add_client_claims(
    struct json_object *claims, const struct assertion *a, int64_t now_s)
{
	unsigned char random[ID_BYTES];
	char id[ID_SIZE];

	if (RAND_bytes(random, sizeof(random)) != 1 ||
	    jwt_base64url(id, sizeof(id), random, sizeof(random)) < 0)
		return -EIO;
	add(claims, "iss", a->client_id);
	add(claims, "sub", a->client_id);
	add(claims, "jti", id);
	add_number(claims, "nbf", now_s);
	return 0;
}

static void
add_grant_claims(
    struct json_object *claims, const struct assertion *a, const struct key *k)
{
	add(claims, "iss",
	    k->account ? account_text(k->account, "client_email")
		       : a->client_id);
	add(claims, "sub", a->subject);
	add(claims, "scope", a->scope);
}

/* Write the assertion into buf, JWT_SIZE bytes. Returns 0 or a code. */
static int
build(char *buf, const struct assertion *a, const struct key *k, int64_t now_s)
{
	enum jwt_alg alg = k->account ? JWT_RS256 : a->alg;
	struct json_object *header = json_object_new_object();
	struct json_object *claims = json_object_new_object();
	int e = 0;

	add(header, "typ", "JWT");
	add(header, "kid",
	    a->key_id || !k->account
		? a->key_id
		: account_text(k->account, "private_key_id"));
	add(claims, "aud", a->audience);
	add_number(claims, "iat", now_s);
	add_number(claims, "exp", now_s + a->lifetime_s);
	if (a->kind == ASSERTION_GRANT)
		add_grant_claims(claims, a, k);
	else
		e = add_client_claims(claims, a, now_s);
	if (e == 0 && a->kind == ASSERTION_CLIENT && k->cert)
		e = add_thumbprint(header, k->cert, alg);
	if (e == 0)
		e = jwt_sign(buf, header, claims, k->key, alg);
	json_object_put(header);
	json_object_put(claims);
	return e;
}

static void
explain(int code, struct reply *r)
{
	if (code == -ERR_TOOBIG)
		reply_fail(r, STATUS_BAD,
		    "the assertion would be longer than %d bytes", TOKEN_MAX);
	else
		reply_fail(r, STATUS_CONFIG,
		    "cannot sign with this key; is it damaged?");
}

int
assertion_make(const struct assertion *a, const struct key *k, int64_t now_s,
    struct reply *r)
{
	char text[JWT_SIZE];
	int e = 0;

	if (a->kind == ASSERTION_GRANT && !k->account && !a->client_id) {
		reply_fail(r, STATUS_CONFIG,
		    "client_id is not set; it is needed with every key but "
		    "the JSON of a service account");
		return -EINVAL;
	}
	if (a->kind != ASSERTION_CHECK)
		e = build(text, a, k, now_s);
	if (e < 0) {
		explain(e, r);
		return e;
	}
	reply_ok(r);
	if (a->kind != ASSERTION_CHECK) {
		msg_put(&r->w, "assertion", text);
		msg_put_number(&r->w, "expires_at", now_s + a->lifetime_s);
	}
	if (k->cert)
		msg_put_number(
		    &r->w, "certificate_expires_at", k->cert_expires_at);
	util_wipe(text, sizeof(text));
	return 0;
}
