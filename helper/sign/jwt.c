/* SPDX-License-Identifier: MIT */
/* jwt - signed JSON: base64url, thumbprints and signatures */
#include "config.h"

#include <errno.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "common/err.h"
#include "helper/sign/jwt.h"

#define SALT_LEN 32
#define SIGNATURE_MAX 2048 /* bytes: libcrypto's largest RSA key */

const char *
jwt_alg_name(enum jwt_alg alg)
{
	return alg == JWT_RS256 ? "RS256" : "PS256";
}

ssize_t
jwt_base64url(char *dst, size_t size, const unsigned char *src, size_t len)
{
	size_t i, n;

	if (len > TOKEN_MAX || size < (len + 2) / 3 * 4 + 1)
		return -ERR_TOOBIG;
	n = (size_t)EVP_EncodeBlock((unsigned char *)dst, src, (int)len);
	while (n > 0 && dst[n - 1] == '=')
		n--;
	for (i = 0; i < n; i++)
		if (dst[i] == '+')
			dst[i] = '-';
		else if (dst[i] == '/')
			dst[i] = '_';
	dst[n] = '\0';
	return (ssize_t)n;
}

int
jwt_thumbprint(char buf[JWT_THUMBPRINT], const X509 *cert, const EVP_MD *digest)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (!X509_digest(cert, digest, md, &len) ||
	    jwt_base64url(buf, JWT_THUMBPRINT + 1, md, len) < 0)
		return -EIO;
	return 0;
}

/* Add an object, in base64url, to the *len bytes in buf. */
static int
put_object(char *buf, size_t *len, struct json_object *json)
{
	const char *text = json_object_to_json_string_ext(
	    json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	ssize_t n;

	if (!text)
		return -EIO;
	n = jwt_base64url(buf + *len, JWT_SIZE - *len,
	    (const unsigned char *)text, strlen(text));
	if (n < 0)
		return (int)n;
	*len += (size_t)n;
	return 0;
}

/* Returns 1 when libcrypto is ready to sign. */
static int
prepare(EVP_MD_CTX *ctx, EVP_PKEY *key, enum jwt_alg alg)
{
	EVP_PKEY_CTX *how = NULL;

	if (EVP_DigestSignInit(ctx, &how, EVP_sha256(), NULL, key) <= 0)
		return 0;
	if (alg == JWT_RS256)
		return EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PADDING) > 0;
	return EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) > 0 &&
	    EVP_PKEY_CTX_set_rsa_mgf1_md(how, EVP_sha256()) > 0 &&
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(how, SALT_LEN) > 0;
}

/* Put the signature of the len bytes in buf behind them. */
static int
put_signature(char *buf, size_t len, EVP_PKEY *key, enum jwt_alg alg)
{
	unsigned char signature[SIGNATURE_MAX];
	size_t n = sizeof(signature);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int good = ctx && prepare(ctx, key, alg) &&
	    EVP_DigestSign(ctx, signature, &n, (unsigned char *)buf, len) > 0;

	EVP_MD_CTX_free(ctx);
	if (!good)
		return -EIO;
	if (len + 1 >= JWT_SIZE)
		return -ERR_TOOBIG;
	buf[len++] = '.';
	return jwt_base64url(buf + len, JWT_SIZE - len, signature, n) < 0
	    ? -ERR_TOOBIG
	    : 0;
}

int
jwt_sign(char *buf, struct json_object *header, struct json_object *claims,
    EVP_PKEY *key, enum jwt_alg alg)
{
	size_t len = 0;
	int e;

	json_object_object_add(
	    header, "alg", json_object_new_string(jwt_alg_name(alg)));
	e = put_object(buf, &len, header);
	if (e < 0)
		return e;
	buf[len++] = '.'; /* in the place of the NUL */
	e = put_object(buf, &len, claims);
	if (e < 0)
		return e;
	return put_signature(buf, len, key, alg);
}
