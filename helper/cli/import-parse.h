/* SPDX-License-Identifier: MIT */
/* import-parse.h - read the token files of other programs; pure but for TZ */
#ifndef SASL_BEARER_IMPORT_PARSE_H
#define SASL_BEARER_IMPORT_PARSE_H

#include <stddef.h>
#include <stdint.h>

#define IMPORT_MAX 65536 /* bytes of a file */
#define IMPORT_WHY 256	 /* bytes of a reason */

enum import_kind {
	IMPORT_CONFIG, /* sasl-xoauth2.conf: what its token files may leave out */
	IMPORT_TOKENS, /* a token file of sasl-xoauth2 */
	IMPORT_MUTT,   /* one of mutt_oauth2.py, decrypted */
};

struct json_object;

/* What a file has. A text is NULL where it has none, or an empty one. */
struct import_file {
	struct json_object *json; /* what the texts are in */
	enum import_kind kind;
	const char *client_id;
	const char *client_secret;
	const char *token_endpoint;
	const char *user;	  /* whom the tokens are for */
	const char *registration; /* mutt_oauth2.py's name of the provider */
	const char *scope;
	const char *proxy;
	const char *ca_bundle_file;
	const char *ca_certs_dir;
	const char *refresh_token;
	const char *access_token; /* NULL as well if it is none of RFC 6750 */
	int64_t expires_at;	  /* of access_token; 0: not known */
	int64_t refresh_window_s; /* 0: not set */
	int client_credentials;	  /* the application's own: no refresh token */
};

/*
 * Whether a file is encrypted by OpenPGP (RFC 4880): armored, or it begins with
 * a packet that holds a session key.
 */
int import_is_encrypted(const char *text, size_t len);

/*
 * Read a file: which kind it is, its contents tell.
 *
 *	text	len bytes, anything, at most IMPORT_MAX
 *	ret	written only on success; import_file_clear() it
 *	why	on failure: a few words to follow the file's name; no secret
 *
 * A token file of an application that has client_id and client_secret, but none
 * of refresh_token, access_token, expiry and user, looks like the configuration,
 * and is told to be that.
 *
 * JSON as jsoncpp takes it: with comments. mutt_oauth2.py writes local time
 * without its zone; that of TZ is taken.
 *
 * Returns 0, -ERR_FORMAT or -ERR_TOOBIG.
 */
int import_parse(const char *text, size_t len, struct import_file *ret,
    char why[IMPORT_WHY]);

/* Free; back to { 0 }. json-c wipes nothing: let the process end soon. */
void import_file_clear(struct import_file *f);

#endif
