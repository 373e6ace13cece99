/* SPDX-License-Identifier: MIT */
/* key - the key of an application, its certificate, and whether both do */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "helper/sign/account.h"
#include "helper/sign/key.h"

#define BOM "\xef\xbb\xbf" /* some editors put it first */
#define DATE_SIZE 40

/* For JSON; libcrypto does it for PEM. */
static struct bundle_file
without_bom(struct bundle_file f)
{
	if (f.len >= 3 && memcmp(f.data, BOM, 3) == 0) {
		f.data += 3;
		f.len -= 3;
	}
	return f;
}

/* Read the key's file, whatever kind it is. */
static int
read_key(
    struct key *k, struct bundle *b, const struct key_files *f, struct reply *r)
{
	struct bundle_file file = without_bom(f->key);

	if (!account_is_json(&file))
		return bundle_read(b, &file, f->password, BUNDLE_KEY, r);
	k->account = account_parse(&file, r);
	if (!k->account)
		return -EINVAL;
	file.data = account_text(k->account, "private_key");
	file.len = strlen(file.data);
	return bundle_read(b, &file, f->password, BUNDLE_KEY, r);
}

static int
check_key(EVP_PKEY *key, const char *path, struct reply *r)
{
	if (!key)
		reply_fail(r, STATUS_CONFIG,
		    "\"%.400s\" holds no private key that can be read; an RSA "
		    "key in PEM or PKCS#12, or the JSON key of a service "
		    "account is needed",
		    path);
	else if (!EVP_PKEY_is_a(key, "RSA"))
		reply_fail(r, STATUS_CONFIG,
		    "the key in \"%.400s\" is of type %s; an RSA key is needed",
		    path, EVP_PKEY_get0_type_name(key));
	else if (EVP_PKEY_get_bits(key) < KEY_BITS_MIN)
		reply_fail(r, STATUS_CONFIG,
		    "the RSA key in \"%.400s\" has %d bits; at least %d are "
		    "needed",
		    path, EVP_PKEY_get_bits(key), KEY_BITS_MIN);
	else
		return 0;
	return -EINVAL;
}

/* The certificate of a key; borrowed. */
static X509 *
find_cert(const struct bundle *b, const EVP_PKEY *key)
{
	X509 *cert;
	int i;

	for (i = 0; i < sk_X509_num(b->certs); i++) {
		cert = sk_X509_value(b->certs, i);
		if (X509_check_private_key(cert, key) == 1)
			return cert;
	}
	return NULL;
}

/* Take the certificate out of a bundle; path and key_path are the files. */
static int
take_cert(struct key *k, const struct bundle *b, const char *path,
    const char *key_path, struct reply *r)
{
	if (sk_X509_num(b->certs) <= 0) {
		reply_fail(r, STATUS_CONFIG,
		    "\"%.400s\" holds no certificate in PEM or PKCS#12", path);
		return -EINVAL;
	}
	k->cert = find_cert(b, k->key);
	if (!k->cert) {
		reply_fail(r, STATUS_CONFIG,
		    "the key in \"%.400s\" and the certificate in \"%.400s\" "
		    "do not belong together; name the pair that was made "
		    "together",
		    key_path, path);
		return -EINVAL;
	}
	X509_up_ref(k->cert);
	return 0;
}

/* Get the certificate, if there is one, from its own file or the key's. */
static int
load_cert(struct key *k, const struct bundle *of_key, const struct key_files *f,
    struct reply *r)
{
	struct bundle b = {0};
	int e;

	if (!f->cert.data) {
		if (sk_X509_num(of_key->certs) <= 0)
			return 0;
		return take_cert(k, of_key, f->key.path, f->key.path, r);
	}
	e = bundle_read(&b, &f->cert, f->password, BUNDLE_CERTS, r);
	if (e == 0)
		e = take_cert(k, &b, f->cert.path, f->key.path, r);
	bundle_clear(&b);
	return e;
}

/* Returns 0 with the date in words and in Unix seconds, or -EINVAL. */
static int
read_date(const ASN1_TIME *date, char text[DATE_SIZE], int64_t *ret)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(date, &tm))
		return -EINVAL;
	*ret = timegm(&tm);
	strftime(text, DATE_SIZE, "%Y-%m-%d %H:%M UTC", &tm);
	return 0;
}

static int
check_dates(struct key *k, const char *path, int64_t now_s, struct reply *r)
{
	char from[DATE_SIZE], until[DATE_SIZE];
	int64_t start = 0, end = 0;

	if (read_date(X509_get0_notBefore(k->cert), from, &start) < 0 ||
	    read_date(X509_get0_notAfter(k->cert), until, &end) < 0)
		reply_fail(r, STATUS_CONFIG,
		    "the certificate in \"%.400s\" has a date that cannot be "
		    "read",
		    path);
	else if (end <= now_s)
		reply_fail(r, STATUS_CONFIG,
		    "the certificate in \"%.400s\" expired on %s; make a new "
		    "one and add it to the application at the provider",
		    path, until);
	else if (start > now_s)
		reply_fail(r, STATUS_CONFIG,
		    "the certificate in \"%.400s\" is valid only from %s; "
		    "wait, or set the clock if it is wrong",
		    path, from);
	else {
		k->cert_expires_at = end;
		return 0;
	}
	return -EINVAL;
}

int
key_load(
    struct key *k, const struct key_files *f, int64_t now_s, struct reply *r)
{
	const char *cert_path = f->cert.data ? f->cert.path : f->key.path;
	struct bundle b = {0};
	int e = read_key(k, &b, f, r);

	if (e == 0)
		e = check_key(b.key, f->key.path, r);
	if (e == 0) {
		k->key = b.key;
		b.key = NULL;
		e = load_cert(k, &b, f, r);
	}
	if (e == 0 && k->cert)
		e = check_dates(k, cert_path, now_s, r);
	bundle_clear(&b);
	return e;
}

void
key_clear(struct key *k)
{
	EVP_PKEY_free(k->key);
	X509_free(k->cert);
	json_object_put(k->account);
	*k = (struct key){0};
}
