/* SPDX-License-Identifier: MIT */
/* seal - bytes that only the holder of a key can read or change */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/seal/seal.h"

#define SEAL_VERSION "v1"
#define PREFIX SEAL_VERSION ":"
#define ID_LABEL "sasl-bearer state key"
#define NONCE_SIZE 12
#define TAG_SIZE 16
#define ID_DIGITS "0123456789abcdef"

/* The id of a key: so much of a hash that one can tell keys apart. */
static int
make_id(struct seal_key *k)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned char text[sizeof(ID_LABEL) - 1 + SEAL_KEY_SIZE];
	int ok;

	memcpy(text, ID_LABEL, sizeof(ID_LABEL) - 1);
	memcpy(text + sizeof(ID_LABEL) - 1, k->key, SEAL_KEY_SIZE);
	ok = EVP_Digest(text, sizeof(text), md, NULL, EVP_sha256(), NULL);
	util_wipe(text, sizeof(text));
	if (ok)
		util_hex_format(k->id, md, (SEAL_ID_SIZE - 1) / 2);
	return ok ? 0 : -ENOMEM;
}

int
seal_add(struct seal_ring *ring, const char *hex)
{
	struct seal_key *k = &ring->keys[ring->count];
	int high, low, r = strlen(hex) == SEAL_KEY_DIGITS ? 0 : -EINVAL;
	size_t i;

	if (ring->count == SEAL_RING_MAX)
		return -ENOSPC;
	for (i = 0; r == 0 && i < SEAL_KEY_SIZE; i++) {
		high = util_hex_digit(hex[2 * i]);
		low = util_hex_digit(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			r = -EINVAL;
		else
			k->key[i] = (unsigned char)(high << 4 | low);
	}
	if (r == 0)
		r = make_id(k);
	if (r == 0)
		ring->count++;
	else
		util_wipe(k, sizeof(*k));
	return r;
}

int
seal_derive(
    const struct seal_ring *ring, const char *purpose, struct seal_ring *ret)
{
	struct seal_key *k;
	size_t i;

	*ret = (struct seal_ring){.seals = ring->seals};
	for (i = 0; i < ring->count; i++) {
		k = &ret->keys[i];
		if (!HMAC(EVP_sha256(), ring->keys[i].key, SEAL_KEY_SIZE,
			(const void *)purpose, strlen(purpose), k->key, NULL) ||
		    make_id(k) < 0)
			return -ENOMEM;
		ret->count++;
	}
	return 0;
}

/* Hand over what must be the same when the seal is opened. */
static int
put_bond(EVP_CIPHER_CTX *c, const struct seal_bond *bond)
{
	const char *const parts[] = {
	    SEAL_VERSION, bond->name, bond->config_id ? bond->config_id : ""};
	size_t i, len;
	int n;

	for (i = 0; i < COUNT_OF(parts); i++) {
		/* the NUL between them is in none of them */
		len = strlen(parts[i]) + (i + 1 < COUNT_OF(parts));
		if (!EVP_CipherUpdate(
			c, NULL, &n, (const void *)parts[i], (int)len))
			return 0;
	}
	return 1;
}

/* Encrypt into raw: nonce, ciphertext, tag. */
static int
encrypt(const struct seal_key *key, const struct seal_bond *bond,
    const char *plain, size_t len, unsigned char *raw)
{
	unsigned char *text = raw + NONCE_SIZE;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n, ok;

	ok = c && RAND_bytes(raw, NONCE_SIZE) == 1 &&
	    EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key->key, raw) &&
	    put_bond(c, bond) &&
	    EVP_EncryptUpdate(c, text, &n, (const void *)plain, (int)len) &&
	    EVP_EncryptFinal_ex(c, text + len, &n) &&
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, text + len);
	EVP_CIPHER_CTX_free(c);
	return ok ? 0 : -ENOMEM;
}

int
seal_make(const struct seal_key *key, const struct seal_bond *bond,
    const char *plain, size_t len, char *out)
{
	size_t size = NONCE_SIZE + len + TAG_SIZE;
	unsigned char *raw = len <= INT_MAX / 2 ? malloc(size) : NULL;
	int n, r = -ENOMEM;

	if (raw)
		r = encrypt(key, bond, plain, len, raw);
	if (r == 0) {
		n = sprintf(out, PREFIX "%s:", key->id);
		EVP_EncodeBlock((unsigned char *)out + n, raw, (int)size);
	}
	free(raw);
	return r;
}

/* Where the base64 of a seal begins, or NULL when it is no seal. */
static const char *
body_of(const char *seal)
{
	const char *id = seal + sizeof(PREFIX) - 1;

	if (strncmp(seal, PREFIX, sizeof(PREFIX) - 1) != 0 ||
	    strspn(id, ID_DIGITS) != SEAL_ID_SIZE - 1 ||
	    id[SEAL_ID_SIZE - 1] != ':')
		return NULL;
	return id + SEAL_ID_SIZE;
}

int
seal_id(const char *seal, char id[SEAL_ID_SIZE])
{
	if (!body_of(seal))
		return -ERR_SEAL;
	memcpy(id, seal + sizeof(PREFIX) - 1, SEAL_ID_SIZE - 1);
	id[SEAL_ID_SIZE - 1] = '\0';
	return 0;
}

/*
 * Take the base64 away. EVP_DecodeBlock() lets pass what is not base64 to the
 * letter, so it is encoded again and compared.
 *
 * Returns how many bytes raw has then, or a negative code.
 */
static int
decode(const char *body, unsigned char *raw)
{
	size_t len = strlen(body), tail = 0;
	char *again;
	int n = -1, same;

	if (len <= INT_MAX / 2)
		n = EVP_DecodeBlock(raw, (const unsigned char *)body, (int)len);
	while (tail < 2 && tail < len && body[len - 1 - tail] == '=')
		tail++;
	n -= (int)tail;
	if (n < NONCE_SIZE + TAG_SIZE)
		return -ERR_SEAL;
	again = malloc(len + 4);
	if (!again)
		return -ENOMEM;
	EVP_EncodeBlock((unsigned char *)again, raw, n);
	same = strcmp(again, body) == 0;
	free(again);
	return same ? n : -ERR_SEAL;
}

/* Decrypt size bytes of raw. Returns the length of plain, or a negative code. */
static int
decrypt(const struct seal_key *key, const struct seal_bond *bond,
    unsigned char *raw, int size, char *plain)
{
	const int len = size - NONCE_SIZE - TAG_SIZE;
	unsigned char *text = raw + NONCE_SIZE;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n, ok = 0, ready;

	ready = c &&
	    EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key->key, raw) &&
	    put_bond(c, bond) &&
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, text + len);
	if (ready)
		ok = EVP_DecryptUpdate(c, (void *)plain, &n, text, len) &&
		    EVP_DecryptFinal_ex(c, (unsigned char *)plain + len, &n);
	EVP_CIPHER_CTX_free(c);
	if (ready && !ok)
		util_wipe(plain, (size_t)len); /* unverified */
	return !ready ? -ENOMEM : ok ? len : -ERR_SEAL;
}

int
seal_open(const struct seal_ring *ring, const struct seal_bond *bond,
    const char *seal, char *plain, size_t *ret_len)
{
	const char *body = body_of(seal);
	char id[SEAL_ID_SIZE];
	unsigned char *raw;
	int size, r = -ERR_KEY;
	size_t i;

	if (!body || seal_id(seal, id) < 0)
		return -ERR_SEAL;
	raw = malloc(strlen(body) + 1);
	size = raw ? decode(body, raw) : -ENOMEM;
	if (size < 0)
		r = size;
	for (i = 0; size >= 0 && r < 0 && ring && i < ring->count; i++)
		if (strcmp(ring->keys[i].id, id) == 0)
			r = decrypt(&ring->keys[i], bond, raw, size, plain);
	free(raw);
	if (r < 0)
		return r;
	*ret_len = (size_t)r;
	return (int)i - 1;
}
