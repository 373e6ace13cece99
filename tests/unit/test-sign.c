/* SPDX-License-Identifier: MIT */
/* test-sign - the parts of sasl-bearer-sign: base64url, signatures, keys */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json_tokener.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>

#include "helper/sign/account.h"
#include "helper/sign/assertion.h"
#include "tests/unit/tap.h"

#define NOW 1700000000
#define DAY 86400
#define PASSWORD "correct horse"

/* A certificate, and what openssl x509 -fingerprint says about it. */
#define KNOWN                                                                \
	"-----BEGIN CERTIFICATE-----\n"                                      \
	"MIIBbjCCARWgAwIBAgIUKgQIa1qNlPwqXBPfSxw4nC3dzucwCgYIKoZIzj0EAwIw\n" \
	"DDEKMAgGA1UEAwwBdDAgFw0yNjExMjEwODE1NTVaGA8yMTI2MTAyODA4MTU1NVow\n" \
	"DDEKMAgGA1UEAwwBdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIGguUDzA0NC\n" \
	"Yk1FDMx7KyVshDFkVygoWdEi9T8qI7bQenhsMnshu6kornVj0eKKkRhSkeuw0VFt\n" \
	"uSlunwUP6PqjUzBRMB0GA1UdDgQWBBR+MUZ7NJ2zGH4t4zT+eN/WcAS3/DAfBgNV\n" \
	"HSMEGDAWgBR+MUZ7NJ2zGH4t4zT+eN/WcAS3/DAPBgNVHRMBAf8EBTADAQH/MAoG\n" \
	"CCqGSM49BAMCA0cAMEQCIGvBbzHXmzrkIiKB+9QQdqeqaIWgIKis8s5mC/Vb6ocX\n" \
	"AiApVM/kiChE3m1ygl6lHbUa3tgk/7INko7xOocmCSptSw==\n"                 \
	"-----END CERTIFICATE-----\n"
#define KNOWN_SHA256 "W5q9yAV-u-PlVr_-GMMDs487cPCS2ij8cPP-fQf2Y7Y"
#define KNOWN_SHA1 "paqpmOu_6g0yAuxqofwk_P8NK6g"

/* Keys of this run, and PEM of them: made once, used by all tests. */
static EVP_PKEY *rsa, *other;
static char *rsa_pem, *locked_pem, *small_pem, *ec_pem, *ed_pem;
static char *cert_pem, *other_cert_pem, *both_pem, *account_json;
static char pkcs12[8192];
static size_t pkcs12_len;

static struct reply reply;
static struct msg request;
static char request_buf[MSG_MAX];

static void
test_base64url(void)
{
	/* RFC 7515 appendix C and A.1, RFC 4648 section 10 without padding */
	static const struct {
		const char *bytes, *text;
		size_t len;
	} rows[] = {
	    {"\x03\xec\xff\xe0\xc1", "A-z_4ME", 5},
	    {"{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}",
		"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", 30},
	    {"", "", 0},
	    {"f", "Zg", 1},
	    {"fo", "Zm8", 2},
	    {"foo", "Zm9v", 3},
	    {"foob", "Zm9vYg", 4},
	    {"fooba", "Zm9vYmE", 5},
	    {"foobar", "Zm9vYmFy", 6},
	    {"\xfb\xff\xbf", "-_-_", 3},
	};
	char buf[64];
	size_t i, room;

	for (i = 0; i < COUNT_OF(rows); i++) {
		const unsigned char *src = (const unsigned char *)rows[i].bytes;

		room = (rows[i].len + 2) / 3 * 4 + 1;
		tap_ok(jwt_base64url(buf, room, src, rows[i].len) ==
			    (ssize_t)strlen(rows[i].text) &&
			strcmp(buf, rows[i].text) == 0,
		    "base64url %s", rows[i].text);
		tap_ok(jwt_base64url(buf, room - 1, src, rows[i].len) ==
			-ERR_TOOBIG,
		    "base64url %s: no room", rows[i].text);
	}
}

static void
test_thumbprint(void)
{
	char text[JWT_THUMBPRINT];
	BIO *bio = BIO_new_mem_buf(KNOWN, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	tap_ok(jwt_thumbprint(text, cert, EVP_sha256()) == 0, "x5t#S256");
	tap_is(text, KNOWN_SHA256, "x5t#S256 of a known certificate");
	tap_ok(jwt_thumbprint(text, cert, EVP_sha1()) == 0, "x5t");
	tap_is(text, KNOWN_SHA1, "x5t of a known certificate");
	X509_free(cert);
	BIO_free(bio);
}

/* The bytes of a part of a token; returns how many. */
static size_t
decode(unsigned char *dst, const char *text, size_t len)
{
	char padded[JWT_SIZE + 4];
	size_t i, pad = (4 - len % 4) % 4;

	memcpy(padded, text, len);
	memcpy(padded + len, "===", pad);
	for (i = 0; i < len; i++)
		if (padded[i] == '-')
			padded[i] = '+';
		else if (padded[i] == '_')
			padded[i] = '/';
	return (size_t)EVP_DecodeBlock(
		   dst, (unsigned char *)padded, (int)(len + pad)) -
	    pad;
}

/* The header, 0, or the claims, 1, of a token. */
static struct json_object *
part(const char *token, int which)
{
	unsigned char bytes[JWT_SIZE + 4];
	const char *start = token;
	size_t len;

	if (which)
		start = strchr(token, '.') + 1;
	len = decode(bytes, start, strcspn(start, "."));
	bytes[len] = '\0';
	return json_tokener_parse((char *)bytes);
}

/* Whether a token was signed this way by the other half of key. */
static int
verifies(const char *token, EVP_PKEY *key, enum jwt_alg alg)
{
	unsigned char signature[JWT_SIZE];
	const char *dot = strrchr(token, '.');
	size_t len = decode(signature, dot + 1, strlen(dot + 1));
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how;
	int r;

	EVP_DigestVerifyInit(ctx, &how, EVP_sha256(), NULL, key);
	if (alg == JWT_PS256) {
		EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_mgf1_md(how, EVP_sha256());
		EVP_PKEY_CTX_set_rsa_pss_saltlen(how, 32);
	}
	r = EVP_DigestVerify(ctx, signature, len, (const unsigned char *)token,
	    (size_t)(dot - token));
	EVP_MD_CTX_free(ctx);
	return r == 1;
}

static void
test_signature(void)
{
	static const enum jwt_alg algs[] = {JWT_PS256, JWT_RS256};
	char token[JWT_SIZE], again[JWT_SIZE];
	struct json_object *header, *claims;
	size_t i;

	for (i = 0; i < COUNT_OF(algs); i++) {
		const char *name = jwt_alg_name(algs[i]);

		header = json_object_new_object();
		claims = json_tokener_parse("{\"aud\":\"https://a/b?c\"}");
		tap_ok(jwt_sign(token, header, claims, rsa, algs[i]) == 0,
		    "%s: signed", name);
		tap_ok(verifies(token, rsa, algs[i]), "%s: verified", name);
		tap_ok(!verifies(token, rsa, algs[1 - i]),
		    "%s: not by the other algorithm", name);
		tap_ok(!verifies(token, other, algs[i]),
		    "%s: not by another key", name);
		tap_ok(jwt_sign(again, header, claims, rsa, algs[i]) == 0 &&
			(strcmp(token, again) == 0) == (algs[i] == JWT_RS256),
		    "%s: a salt, or none", name);
		token[40] ^= 1;
		tap_ok(!verifies(token, rsa, algs[i]),
		    "%s: not with another text", name);
		json_object_put(header);
		json_object_put(claims);
	}
}

static void
test_too_long(void)
{
	char token[JWT_SIZE], *text = calloc(1, TOKEN_MAX + 1);
	struct json_object *claims = json_object_new_object();
	struct json_object *header = json_object_new_object();
	size_t n;
	int e = 0;

	/* the signature, then the claims, no longer fit: never beyond the end */
	for (n = 11900; n < 12400 && e == 0; n++) {
		memset(text, 'a', n);
		json_object_object_add(
		    claims, "a", json_object_new_string(text));
		e = jwt_sign(token, header, claims, rsa, JWT_RS256);
		if (e == 0 && strlen(token) > TOKEN_MAX)
			break;
	}
	tap_ok(e == -ERR_TOOBIG && n > 11900, "too long with a signature");
	memset(text, 'a', TOKEN_MAX);
	json_object_object_add(claims, "a", json_object_new_string(text));
	tap_ok(jwt_sign(token, header, claims, rsa, JWT_RS256) == -ERR_TOOBIG,
	    "too long without a signature");
	json_object_put(claims);
	json_object_put(header);
	free(text);
}

/* Load a key from texts; cert may be NULL. Returns what key_load() does. */
static int
load(struct key *k, const char *key, const char *cert, const char *password)
{
	struct key_files f = {
	    .key = {"/k", key, strlen(key)},
	    .cert = {"/c", cert, cert ? strlen(cert) : 0},
	    .password = password,
	};

	*k = (struct key){0};
	return key_load(k, &f, NOW, &reply);
}

/* What the finished reply has under a name; valid until the next call. */
static const char *
got(const char *name)
{
	static char copy[MSG_MAX];
	struct msg m;

	if (msg_end(&reply.w) < 0)
		return "(no message)";
	memcpy(copy, reply.w.buf, reply.w.len);
	reply.w.len--; /* so that it can be asked again */
	if (msg_parse(&m, copy, reply.w.len + 1) < 0)
		return "(no message)";
	return msg_get(&m, name);
}

/* Make an assertion for a request of these lines. Returns it, or NULL. */
static const char *
make(const char *lines, const char *key, const char *cert)
{
	int n = snprintf(
	    request_buf, sizeof(request_buf), "protocol=1\n%s\n", lines);
	const char *token = NULL;
	struct assertion a = {0};
	struct key k;

	if (msg_parse(&request, request_buf, (size_t)n) < 0)
		printf("Bail out! bad request in the test\n");
	if (assertion_parse(&a, &request, &reply) == 0 &&
	    load(&k, key, cert, NULL) == 0) {
		if (assertion_make(&a, &k, NOW, &reply) == 0)
			token = got("assertion");
		key_clear(&k);
	}
	return token;
}

/* Check an object against JSON; members are sorted by nobody. */
static void
is_json(struct json_object *json, const char *want, const char *what)
{
	struct json_object *wanted = json_tokener_parse(want);
	int same = json_object_equal(json, wanted);

	tap_ok(same, "%s", what);
	if (!same)
		printf("# got  %s\n# want %s\n",
		    json_object_to_json_string(json), want);
	json_object_put(wanted);
	json_object_put(json);
}

static struct json_object *
without_id(struct json_object *claims)
{
	json_object_object_del(claims, "jti");
	return claims;
}

#define CLIENT                                                       \
	"operation=client_assertion\nclient_id=app \"1\" \xc3\xa4\n" \
	"audience=https://login.example.com/t/token\n"
#define GRANT                                                        \
	"operation=grant_assertion\nsubject=alice@example.com\n"     \
	"audience=https://oauth.example.com/token\nscope=mail a/b\n" \
	"client_id=app\n"

static void
test_client_assertion(void)
{
	char id[2][64] = {"", ""}, token[JWT_SIZE] = "";
	struct json_object *claims;
	const char *text;
	int i;

	for (i = 0; i < 2; i++) {
		text = make(CLIENT "key_id=k1\n", rsa_pem, NULL);
		snprintf(token, sizeof(token), "%s", text ? text : "");
		claims = part(token, 1);
		snprintf(
		    id[i], sizeof(id[i]), "%s", account_text(claims, "jti"));
		json_object_put(claims);
	}
	tap_ok(strlen(id[0]) == 22 && strcmp(id[0], id[1]) != 0,
	    "jti is 128 bits, and new each time");
	tap_ok(verifies(token, rsa, JWT_PS256), "PS256 is the default");
	is_json(part(token, 0),
	    "{\"typ\":\"JWT\",\"alg\":\"PS256\",\"kid\":\"k1\"}",
	    "header without a certificate");
	is_json(without_id(part(token, 1)),
	    "{\"iss\":\"app \\\"1\\\" \xc3\xa4\","
	    "\"sub\":\"app \\\"1\\\" \xc3\xa4\","
	    "\"aud\":\"https://login.example.com/t/token\","
	    "\"iat\":1700000000,\"nbf\":1700000000,\"exp\":1700000600}",
	    "claims about an application");
	tap_is(got("expires_at"), "1700000600", "expires_at");
	tap_is(got("certificate_expires_at"), NULL, "no certificate");
}

static void
test_certificate_named(void)
{
	char want[256], print[JWT_THUMBPRINT];
	BIO *bio = BIO_new_mem_buf(cert_pem, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	const char *token;

	jwt_thumbprint(print, cert, EVP_sha256());
	snprintf(want, sizeof(want),
	    "{\"typ\":\"JWT\",\"alg\":\"PS256\",\"x5t#S256\":\"%s\"}", print);
	token = make(CLIENT "algorithm=PS256\n", rsa_pem, cert_pem);
	is_json(part(token, 0), want, "PS256 with x5t#S256");
	tap_is(got("certificate_expires_at"), "1700086400", "its end");
	jwt_thumbprint(print, cert, EVP_sha1());
	snprintf(want, sizeof(want),
	    "{\"typ\":\"JWT\",\"alg\":\"RS256\",\"x5t\":\"%s\"}", print);
	token = make(CLIENT "algorithm=RS256\n", rsa_pem, cert_pem);
	is_json(part(token, 0), want, "RS256 with x5t");
	X509_free(cert);
	BIO_free(bio);
}

static void
test_grant_assertion(void)
{
	const char *token = make(GRANT "lifetime=60\n", account_json, NULL);

	tap_ok(token && verifies(token, rsa, JWT_RS256),
	    "a service account signs by RS256");
	is_json(part(token, 0),
	    "{\"typ\":\"JWT\",\"alg\":\"RS256\",\"kid\":\"the-id\"}",
	    "kid is that of the JSON");
	is_json(part(token, 1),
	    "{\"iss\":\"relay@example.iam\",\"sub\":\"alice@example.com\","
	    "\"scope\":\"mail a/b\","
	    "\"aud\":\"https://oauth.example.com/token\","
	    "\"iat\":1700000000,\"exp\":1700000060}",
	    "claims of a service account");
	token = make(GRANT "key_id=mine\n", account_json, NULL);
	is_json(part(token, 0),
	    "{\"typ\":\"JWT\",\"alg\":\"RS256\",\"kid\":\"mine\"}",
	    "key_id goes before the JSON's");
	token = make(GRANT, rsa_pem, cert_pem);
	tap_ok(token && verifies(token, rsa, JWT_PS256), "with a key in PEM");
	is_json(part(token, 0), "{\"typ\":\"JWT\",\"alg\":\"PS256\"}",
	    "its header names no certificate");
	is_json(part(token, 1),
	    "{\"iss\":\"app\",\"sub\":\"alice@example.com\","
	    "\"scope\":\"mail a/b\","
	    "\"aud\":\"https://oauth.example.com/token\","
	    "\"iat\":1700000000,\"exp\":1700003600}",
	    "iss is client_id");
}

static void
test_check(void)
{
	tap_is(make("operation=check\n", both_pem, NULL), NULL,
	    "check makes no assertion");
	tap_is(got("status"), "ok", "check: ok");
	tap_is(got("certificate_expires_at"), "1700086400", "check: the end");
	tap_is(got("expires_at"), NULL, "check: no other end");
	make("operation=check\n", rsa_pem, NULL);
	tap_is(got("status"), "ok", "check without a certificate: ok");
	tap_is(got("certificate_expires_at"), NULL, "and without an end");
}

static void
test_requests(void)
{
	static const struct {
		const char *lines, *status, *reason;
	} rows[] = {
	    {"client_id=a\n", "bad", "operation"},
	    {"operation=sign\n", "bad", "operation"},
	    {"operation=client_assertion\naudience=b\n", "bad", "client_id"},
	    {"operation=client_assertion\nclient_id=a\n", "bad", "audience"},
	    {"operation=grant_assertion\naudience=b\n", "bad", "subject"},
	    {"operation=grant_assertion\nsubject=a\n", "bad", "audience"},
	    {"operation=grant_assertion\nsubject=a\naudience=b\n", "config",
		"client_id is not set"},
	    {CLIENT "algorithm=HS256\n", "bad", "PS256"},
	    {CLIENT "algorithm=none\n", "bad", "PS256"},
	    {CLIENT "lifetime=0\n", "bad", "lifetime"},
	    {CLIENT "lifetime=3601\n", "bad", "1..3600"},
	    {CLIENT "lifetime=-5\n", "bad", "lifetime"},
	};
	const char *reason;
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		make(rows[i].lines, rsa_pem, NULL);
		tap_is(got("status"), rows[i].status, rows[i].reason);
		reason = got("reason");
		tap_ok(reason && strstr(reason, rows[i].reason), "says %s: %s",
		    rows[i].reason, reason ? reason : "");
	}
}

static char *
join(const char *a, const char *b)
{
	char *text = malloc(strlen(a) + strlen(b) + 1);

	strcpy(text, a);
	return strcat(text, b);
}

/* One way to give a key; reason is NULL when it is good. */
static void
loads(const char *what, const char *key, const char *cert, const char *password,
    const char *reason)
{
	struct key k;
	const char *said = NULL;
	int e = load(&k, key, cert, password);

	if (e < 0)
		said = got("reason");
	tap_ok(reason ? said && strstr(said, reason) : e == 0 && k.key,
	    "%s: %s", what, said ? said : "good");
	key_clear(&k);
}

static void
test_loads(void)
{
	char *swapped = join(cert_pem, rsa_pem);
	char *chain = join(other_cert_pem, both_pem);
	char *bom = join("\xef\xbb\xbf", account_json);

	loads("a key", rsa_pem, NULL, NULL, NULL);
	loads("a password too many", rsa_pem, NULL, PASSWORD, NULL);
	loads("a key and its certificate", rsa_pem, cert_pem, NULL, NULL);
	loads("both in one file", both_pem, NULL, NULL, NULL);
	loads("the certificate first", swapped, NULL, NULL, NULL);
	loads("a chain", chain, NULL, NULL, NULL);
	loads("a password", locked_pem, NULL, PASSWORD, NULL);
	loads("a byte order mark", bom, NULL, NULL, NULL);
	loads("no password", locked_pem, NULL, NULL, "is encrypted");
	loads("a wrong password", locked_pem, NULL, "x",
	    "password in client_key_password_file does not open \"/k\"");
	loads("an EC key", ec_pem, NULL, NULL, "is of type EC;");
	loads("an Ed25519 key", ed_pem, NULL, NULL, "is of type ED25519;");
	loads("a small key", small_pem, NULL, NULL, "1024 bits");
	loads("no key", cert_pem, NULL, NULL, "no private key");
	loads("text", "hello\n", NULL, NULL, "no private key");
	loads("another's certificate", rsa_pem, other_cert_pem, NULL,
	    "the key in \"/k\" and the certificate in \"/c\" do not belong");
	loads("no certificate", rsa_pem, rsa_pem, NULL, "no certificate");
	loads("two things wrong", small_pem, "x", NULL, "1024 bits");
	free(swapped);
	free(chain);
	free(bom);
}

static void
test_dates(void)
{
	static const struct {
		int64_t now_s;
		const char *reason;
	} rows[] = {
	    {NOW - DAY - 1, "is valid only from 2023-11-13 22:13 UTC"},
	    {NOW - DAY, NULL},
	    {NOW + DAY - 1, NULL},
	    {NOW + DAY, "expired on 2023-11-15 22:13 UTC"},
	};
	struct key_files f = {.key = {"/k", both_pem, strlen(both_pem)}};
	const char *said;
	struct key k;
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		k = (struct key){0};
		said = key_load(&k, &f, rows[i].now_s, &reply) < 0
		    ? got("reason")
		    : NULL;
		tap_ok(rows[i].reason ? said && strstr(said, rows[i].reason)
				      : !said,
		    "date %zu: %s", i, said ? said : "good");
		key_clear(&k);
	}
}

static void
test_pkcs12(void)
{
	struct key_files f = {.key = {"/k", pkcs12, pkcs12_len}};
	static const char *const passwords[] = {PASSWORD, "x", NULL};
	struct key k = {0};
	size_t i;
	int e;

	for (i = 0; i < COUNT_OF(passwords); i++) {
		f.password = passwords[i];
		e = key_load(&k, &f, NOW, &reply);
		tap_ok(i == 0
			? e == 0 && k.cert && k.cert_expires_at == NOW + DAY
			: e < 0,
		    "PKCS#12 %zu: %s", i, e < 0 ? got("reason") : "good");
		key_clear(&k);
	}
	f.password = PASSWORD;
	for (f.key.len--; f.key.len > 7 && e < 0; f.key.len -= 7) {
		e = key_load(&k, &f, NOW, &reply);
		key_clear(&k);
	}
	tap_ok(e < 0, "PKCS#12 that is cut off");
}

static void
test_json(void)
{
	static const struct {
		const char *json, *reason;
	} rows[] = {
	    {"{\"type\":\"authorized_user\"}", "type is not service_account"},
	    {"{\"type\":7}", "type is not service_account"},
	    {"{}", "type is not service_account"},
	    {"{\"installed\":{\"client_id\":\"a\"}}", "OAuth client"},
	    {"{\"web\":{\"client_id\":\"a\"}}", "OAuth client"},
	    {"{\"type\":\"service_account\"}", "private_key in"},
	    {"{\"type\":\"service_account\",\"private_key\":[]}",
		"private_key in"},
	    {"{\"type\":\"service_account\",\"private_key\":\"x\"}",
		"client_email in"},
	    {"{\"type\":\"service_account\",\"private_key\":\"x\","
	     "\"client_email\":\"a\\nb\"}",
		"client_email in"},
	    {"{\"type\":\"service_account\",\"private_key\":\"x\","
	     "\"client_email\":\"a\",\"private_key_id\":9}",
		"private_key_id in"},
	    {"{\"type\":\"service_account\",\"private_key\":\"x\","
	     "\"client_email\":\"a\"}",
		"no private key"},
	    {"{\"type\":\"service_account\"}}", "is no JSON"},
	    {"{type:service_account}", "is no JSON"},
	    {"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{",
		"is no JSON"},
	};
	char *part = strdup(account_json);
	size_t i, len = strlen(part), cut = 0;
	struct key k;

	for (i = 0; i < COUNT_OF(rows); i++)
		loads(rows[i].json, rows[i].json, NULL, NULL, rows[i].reason);
	for (i = len - 1; i > 0; i--) {
		part[i] = '\0';
		if (load(&k, part, NULL, NULL) < 0 &&
		    strstr(got("reason"), "is cut off"))
			cut++;
		key_clear(&k);
	}
	tap_ok(
	    cut == len - 1, "JSON cut off anywhere: %zu of %zu", cut, len - 1);
	free(part);
}

/* The text of a BIO, on the heap. */
static char *
text_of(BIO *bio)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	char *text = strndup(data, (size_t)len);

	BIO_free(bio);
	return text;
}

static char *
key_text(EVP_PKEY *key, const char *password)
{
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_PKCS8PrivateKey(bio, key,
	    password ? EVP_aes_256_cbc() : NULL, password,
	    password ? (int)strlen(password) : 0, NULL, NULL);
	return text_of(bio);
}

/* The text of a key that is of no further use. */
static char *
take_text(EVP_PKEY *key)
{
	char *text = key_text(key, NULL);

	EVP_PKEY_free(key);
	return text;
}

static X509 *
certify(EVP_PKEY *key)
{
	X509 *cert = X509_new();

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	ASN1_TIME_set(X509_getm_notBefore(cert), NOW - DAY);
	ASN1_TIME_set(X509_getm_notAfter(cert), NOW + DAY);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
	return cert;
}

static char *
cert_text(X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_X509(bio, cert);
	return text_of(bio);
}

static void
make_pkcs12(X509 *cert)
{
	unsigned char *end = (unsigned char *)pkcs12;
	PKCS12 *p12 =
	    PKCS12_create(PASSWORD, "name", rsa, cert, NULL, 0, 0, 0, 0, 0);

	if (i2d_PKCS12(p12, NULL) <= (int)sizeof(pkcs12))
		pkcs12_len = (size_t)i2d_PKCS12(p12, &end);
	PKCS12_free(p12);
}

static void
make_account(void)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(
	    json, "type", json_object_new_string("service_account"));
	json_object_object_add(
	    json, "private_key_id", json_object_new_string("the-id"));
	json_object_object_add(
	    json, "private_key", json_object_new_string(rsa_pem));
	json_object_object_add(
	    json, "client_email", json_object_new_string("relay@example.iam"));
	account_json = strdup(json_object_to_json_string(json));
	json_object_put(json);
}

static void
make_keys(void)
{
	X509 *cert;

	rsa = EVP_RSA_gen(2048);
	other = EVP_RSA_gen(2048);
	rsa_pem = key_text(rsa, NULL);
	locked_pem = key_text(rsa, PASSWORD);
	small_pem = take_text(EVP_RSA_gen(1024));
	ec_pem = take_text(EVP_EC_gen("P-256"));
	ed_pem = take_text(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
	cert = certify(other);
	other_cert_pem = cert_text(cert);
	X509_free(cert);
	cert = certify(rsa);
	cert_pem = cert_text(cert);
	make_pkcs12(cert);
	X509_free(cert);
	both_pem = join(rsa_pem, cert_pem);
	make_account();
}

static void
free_keys(void)
{
	char *texts[] = {rsa_pem, locked_pem, small_pem, ec_pem, ed_pem,
	    cert_pem, other_cert_pem, both_pem, account_json};
	size_t i;

	for (i = 0; i < COUNT_OF(texts); i++)
		free(texts[i]);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(other);
}

int
main(void)
{
	make_keys();
	test_base64url();
	test_thumbprint();
	test_signature();
	test_too_long();
	test_client_assertion();
	test_certificate_named();
	test_grant_assertion();
	test_check();
	test_requests();
	test_loads();
	test_dates();
	test_pkcs12();
	test_json();
	free_keys();
	return tap_done();
}
