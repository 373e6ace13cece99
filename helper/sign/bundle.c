/* SPDX-License-Identifier: MIT */
/* bundle - the private key and the certificates that a file holds */
#include "config.h"

#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "helper/sign/bundle.h"

#define CONVERT_PEM "openssl pkcs8 -provider legacy -provider default -topk8"
#define CONVERT_PKCS12 "openssl pkcs12 -legacy -aes256"
#define ROUNDS_MAX 1000000 /* of hashing a password: a second or so */

/* What libcrypto is told when it wants a password. */
struct password {
	const char *text;
	int wanted;
};

static int
on_password(char *buf, int size, int writing, void *arg)
{
	struct password *p = arg;
	size_t len = p->text ? strlen(p->text) : 0;

	(void)writing;
	p->wanted = 1;
	if (!p->text || len >= (size_t)size)
		return -1;
	memcpy(buf, p->text, len);
	return (int)len;
}

/* Whether an error was about an algorithm that libcrypto does not have. */
static int
algorithm_missing(void)
{
	unsigned long e;
	int found = 0;

	while ((e = ERR_get_error()) != 0)
		if (ERR_GET_LIB(e) == ERR_LIB_EVP &&
		    ERR_GET_REASON(e) == ERR_R_UNSUPPORTED)
			found = 1;
	return found;
}

static int
fail_password(
    const struct bundle_file *f, const char *password, struct reply *r)
{
	if (password)
		reply_fail(r, STATUS_CONFIG,
		    "the password in client_key_password_file does not open "
		    "\"%.400s\"",
		    f->path);
	else
		reply_fail(r, STATUS_CONFIG,
		    "\"%.400s\" is encrypted; put its password into a file, "
		    "and name that in client_key_password_file",
		    f->path);
	return -EACCES;
}

/* The commands ask for the old password, and for a new one. */
static int
fail_algorithm(
    const struct bundle_file *f, const char *command, struct reply *r)
{
	reply_fail(r, STATUS_CONFIG,
	    "\"%.400s\" is encrypted by an algorithm that is too old or too "
	    "slow; convert it: %s -in \"%.400s\" -out new.pem",
	    f->path, command, f->path);
	return -ENOTSUP;
}

static int
read_pem_key(struct bundle *b, BIO *bio, const struct bundle_file *f,
    const char *password, struct reply *r)
{
	struct password p = {password, 0};

	b->key = PEM_read_bio_PrivateKey(bio, NULL, on_password, &p);
	if (b->key || !p.wanted)
		return 0;
	if (password && algorithm_missing())
		return fail_algorithm(f, CONVERT_PEM, r);
	return fail_password(f, password, r);
}

static int
read_pem(struct bundle *b, const struct bundle_file *f, const char *password,
    enum bundle_want want, struct reply *r)
{
	struct password none = {NULL, 0};
	BIO *bio = BIO_new_mem_buf(f->data, (int)f->len);
	X509 *cert;
	int e = 0;

	if (!bio) {
		reply_fail(r, STATUS_TEMPORARY, "out of memory");
		return -ENOMEM;
	}
	b->certs = sk_X509_new_null();
	if (want == BUNDLE_KEY)
		e = read_pem_key(b, bio, f, password, r);
	(void)BIO_reset(bio);
	while (e == 0 &&
	    (cert = PEM_read_bio_X509(bio, NULL, on_password, &none)) != NULL)
		if (sk_X509_push(b->certs, cert) <= 0) {
			X509_free(cert);
			break;
		}
	BIO_free(bio);
	return e;
}

/* Whether the file is whole and the password, which may be NULL, is its own. */
static int
password_fits(PKCS12 *p12, const char *password)
{
	if (!PKCS12_mac_present(p12))
		return 1;
	if (password)
		return PKCS12_verify_mac(p12, password, -1);
	/* there are two ways to write no password */
	return PKCS12_verify_mac(p12, NULL, 0) || PKCS12_verify_mac(p12, "", 0);
}

static int
rounds_bounded(PKCS12 *p12)
{
	const ASN1_INTEGER *rounds = NULL;

	PKCS12_get0_mac(NULL, NULL, NULL, &rounds, p12);
	return !rounds ||
	    (ASN1_INTEGER_get(rounds) >= 0 &&
		ASN1_INTEGER_get(rounds) <= ROUNDS_MAX);
}

static int
open_pkcs12(struct bundle *b, PKCS12 *p12, const struct bundle_file *f,
    const char *password, struct reply *r)
{
	X509 *cert = NULL;

	if (!rounds_bounded(p12))
		return fail_algorithm(f, CONVERT_PKCS12, r);
	if (!password_fits(p12, password))
		return fail_password(f, password, r);
	ERR_clear_error();
	if (!PKCS12_parse(p12, password, &b->key, &cert, &b->certs))
		return algorithm_missing()
		    ? fail_algorithm(f, CONVERT_PKCS12, r)
		    : fail_password(f, password, r);
	if (!b->certs)
		b->certs = sk_X509_new_null();
	if (cert && sk_X509_push(b->certs, cert) <= 0)
		X509_free(cert);
	return 0;
}

int
bundle_read(struct bundle *b, const struct bundle_file *f, const char *password,
    enum bundle_want want, struct reply *r)
{
	const unsigned char *data = (const unsigned char *)f->data;
	PKCS12 *p12 = d2i_PKCS12(NULL, &data, (long)f->len);
	int e;

	ERR_clear_error();
	if (p12)
		e = open_pkcs12(b, p12, f, password, r);
	else
		e = read_pem(b, f, password, want, r);
	PKCS12_free(p12);
	return e;
}

void
bundle_clear(struct bundle *b)
{
	EVP_PKEY_free(b->key);
	sk_X509_pop_free(b->certs, X509_free);
	*b = (struct bundle){0};
}
