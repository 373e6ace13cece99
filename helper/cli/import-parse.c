/* SPDX-License-Identifier: MIT */
/* import-parse - read the token files of other programs; pure but for TZ */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <json-c/json_object.h>
#include <json-c/json_tokener.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/import-parse.h"

#define DEPTH 8
#define TEXT_MAX 4096		       /* bytes of all but tokens */
#define SECONDS_MAX 86400	       /* of refresh_window */
#define TIME_MAX INT64_C(253402300799) /* the end of the year 9999 */

/* The texts of a file: by its own names, of any kind. */
static const struct {
	const char *name;
	size_t offset;
	size_t max;
} texts[] = {
#define TEXT(name, member, max)                                 \
	{                                                       \
		name, offsetof(struct import_file, member), max \
	}
    TEXT("client_id", client_id, TEXT_MAX),
    TEXT("client_secret", client_secret, TEXT_MAX),
    TEXT("token_endpoint", token_endpoint, TEXT_MAX),
    TEXT("user", user, USER_MAX),
    TEXT("email", user, USER_MAX),
    TEXT("registration", registration, TEXT_MAX),
    TEXT("scope", scope, TEXT_MAX),
    TEXT("proxy", proxy, TEXT_MAX),
    TEXT("ca_bundle_file", ca_bundle_file, TEXT_MAX),
    TEXT("ca_certs_dir", ca_certs_dir, TEXT_MAX),
    TEXT("refresh_token", refresh_token, TOKEN_MAX),
    TEXT("access_token", access_token, TOKEN_MAX),
#undef TEXT
};

static const char **
member_of(struct import_file *f, size_t i)
{
	return (const char **)(void *)((char *)f + texts[i].offset);
}

int
import_is_encrypted(const char *text, size_t len)
{
	static const char armor[] = "-----BEGIN PGP MESSAGE-----";
	/* RFC 4880 sections 4.2 and 5.1, 5.3: tags 1 and 3, old and new */
	static const unsigned char packets[] = {
	    0x84, 0x85, 0x86, 0x8c, 0x8d, 0x8e, 0xc1, 0xc3};

	if (len >= sizeof(armor) - 1 &&
	    memcmp(text, armor, sizeof(armor) - 1) == 0)
		return 1;
	return len > 0 &&
	    memchr(packets, (unsigned char)*text, sizeof(packets)) != NULL;
}

static int
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The object that all of the text is, or NULL. */
static struct json_object *
parse_object(const char *text, size_t len)
{
	struct json_tokener *tok = json_tokener_new_ex(DEPTH);
	struct json_object *json = NULL;

	if (!tok)
		return NULL;
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	json_tokener_set_flags(tok, JSON_TOKENER_VALIDATE_UTF8);
	if (len > 0)
		json = json_tokener_parse_ex(tok, text, (int)len);
	if (json &&
	    (json_tokener_get_parse_end(tok) < len ||
		!json_object_is_type(json, json_type_object))) {
		json_object_put(json);
		json = NULL;
	}
	json_tokener_free(tok);
	return json;
}

/* Take one text; null and an empty one are none. */
static int
take_text(struct import_file *f, size_t i, char why[IMPORT_WHY])
{
	struct json_object *value =
	    json_object_object_get(f->json, texts[i].name);
	const char *text = value ? json_object_get_string(value) : NULL;

	if (!text || !*text)
		return 0;
	if (!json_object_is_type(value, json_type_string) ||
	    strlen(text) != (size_t)json_object_get_string_len(value) ||
	    !util_text_valid(text, strlen(text))) {
		snprintf(
		    why, IMPORT_WHY, "%s is not a line of text", texts[i].name);
		return -ERR_FORMAT;
	}
	if (strlen(text) > texts[i].max) {
		snprintf(why, IMPORT_WHY, "%s is longer than %zu bytes",
		    texts[i].name, texts[i].max);
		return -ERR_TOOBIG;
	}
	*member_of(f, i) = text;
	return 0;
}

/* A number, or its digits in a text; 0 where it is neither. */
static int64_t
number_of(struct json_object *json, const char *name, int64_t max)
{
	struct json_object *value = json_object_object_get(json, name);
	int64_t number = 0;

	if (value)
		util_number_parse(
		    json_object_get_string(value), 0, max, &number);
	return number;
}

/* "yes" and "true", as sasl-xoauth2 reads it. */
static int
flag_of(struct json_object *json, const char *name)
{
	struct json_object *value = json_object_object_get(json, name);
	const char *text = value ? json_object_get_string(value) : NULL;

	return text &&
	    (util_case_equal(text, "yes") || util_case_equal(text, "true"));
}

/* The seconds of "+01:00" at the end of a time; -1: it is something else. */
static int
zone_of(const char *text, int64_t *ret)
{
	int hours, minutes, end = 0;

	if (strcmp(text, "Z") == 0) {
		*ret = 0;
		return 0;
	}
	if ((*text != '+' && *text != '-') ||
	    sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &end) != 2 ||
	    text[1 + end])
		return -1;
	*ret = (hours * 60 + minutes) * (*text == '-' ? -60 : 60);
	return 0;
}

/* Python's datetime.isoformat(); 0: it is not. */
static int64_t
iso_time(const char *text)
{
	struct tm tm = {.tm_isdst = -1};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t zone, at;

	if (!rest)
		return 0;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (!*rest)
		at = mktime(&tm);
	else if (zone_of(rest, &zone) == 0)
		at = timegm(&tm) - zone;
	else
		at = 0;
	return at > 0 ? at : 0;
}

/* Whether an object has one of some members; words ends with NULL. */
static int
has_one(struct json_object *json, const char *const *words)
{
	for (; *words; words++)
		if (json_object_object_get(json, *words))
			return 1;
	return 0;
}

/*
 * Which kind of file it is. An application's token file needs no member at all
 * where the configuration says that it is one.
 *
 * Returns 0, or -ERR_FORMAT with the reason.
 */
static int
find_kind(struct import_file *f, char why[IMPORT_WHY])
{
	static const char *const mutt[] = {
	    "registration", "access_token_expiration", NULL};
	static const char *const tokens[] = {
	    "refresh_token", "access_token", "expiry", "user", NULL};
	static const char *const application[] = {
	    "use_client_credentials", "scope", NULL};
	struct json_object *json = f->json;

	if (has_one(json, mutt))
		f->kind = IMPORT_MUTT;
	else if (has_one(json, tokens))
		f->kind = IMPORT_TOKENS;
	else if (json_object_object_get(json, "client_secret") && f->client_id)
		f->kind = IMPORT_CONFIG;
	else if (has_one(json, application) ||
	    json_object_object_length(json) == 0)
		f->kind = IMPORT_TOKENS;
	else {
		snprintf(why, IMPORT_WHY,
		    "no file of sasl-xoauth2 or mutt_oauth2.py: it has none of "
		    "refresh_token, registration and client_secret");
		return -ERR_FORMAT;
	}
	return 0;
}

static int
take_all(struct import_file *f, char why[IMPORT_WHY])
{
	struct json_object *json = f->json, *expiration;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < COUNT_OF(texts); i++)
		r = take_text(f, i, why);
	if (r == 0)
		r = find_kind(f, why);
	if (r < 0)
		return r;
	f->client_credentials = flag_of(json, "use_client_credentials");
	f->refresh_window_s = number_of(json, "refresh_window", SECONDS_MAX);
	f->expires_at = number_of(json, "expiry", TIME_MAX);
	expiration = json_object_object_get(json, "access_token_expiration");
	if (expiration)
		f->expires_at = iso_time(json_object_get_string(expiration));
	if (flag_of(json, "manage_token_externally")) {
		snprintf(why, IMPORT_WHY,
		    "another program keeps the token in it "
		    "(manage_token_externally): see grant = file in "
		    "sasl-bearer.conf(5)");
		return -ERR_FORMAT;
	}
	if (f->access_token && !util_b64token_valid(f->access_token))
		f->access_token = NULL;
	return 0;
}

int
import_parse(
    const char *text, size_t len, struct import_file *ret, char why[IMPORT_WHY])
{
	struct import_file f = {.kind = IMPORT_CONFIG};
	int r;

	if (len > IMPORT_MAX) {
		snprintf(why, IMPORT_WHY, "longer than %d bytes", IMPORT_MAX);
		return -ERR_TOOBIG;
	}
	f.json = parse_object(text, len);
	if (!f.json) {
		snprintf(why, IMPORT_WHY, "%s",
		    len > 0 ? "not JSON, in which sasl-xoauth2 and "
			      "mutt_oauth2.py write their files"
			    : "empty");
		return -ERR_FORMAT;
	}
	r = take_all(&f, why);
	if (r == 0)
		*ret = f;
	else
		import_file_clear(&f);
	return r;
}

void
import_file_clear(struct import_file *f)
{
	json_object_put(f->json);
	*f = (struct import_file){.kind = IMPORT_CONFIG};
}
