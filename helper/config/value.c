/* SPDX-License-Identifier: MIT */
/* value - one value of a configuration file */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/util.h"
#include "helper/config/hostport.h"
#include "helper/config/settings.h"
#include "helper/config/value.h"

#define URL_MAX 2048
#define WORDS_MAX 256
#define METADATA_HOST "169.254.169.254" /* of clouds, never beyond the host */

static const struct {
	char letter;
	int64_t seconds;
} units[] = {
    {'d', 86400},
    {'h', 3600},
    {'m', 60},
    {'s', 1},
};

static void *
member(const struct conf_key *key, void *into)
{
	return (char *)into + key->offset;
}

static int
has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* What an example shows in place of a value. Domains may begin with your-. */
static int
is_placeholder(const char *text)
{
	size_t len = strlen(text);

	return has_prefix(text, "YOUR_") || has_prefix(text, "YOUR-") ||
	    (len > 5 && strcmp(text + len - 5, "_HERE") == 0) ||
	    (len > 1 && text[0] == '<' && text[len - 1] == '>');
}

static int
is_loopback(const char *host)
{
	struct in_addr in;

	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	    (has_prefix(host, "127.") && inet_pton(AF_INET, host, &in) == 1);
}

/*
 * A user name before the host is refused too: in http://127.0.0.1@evil.example
 * the host is not what it seems.
 */
static int
url_valid(const char *url, int flags)
{
	char host[HOST_MAX + 1];
	const char *start;
	size_t len;
	int plain;

	plain = has_prefix(url, "http://");
	if (!plain && !has_prefix(url, "https://"))
		return 0;
	start = strstr(url, "://") + 3;
	len = strcspn(start, "/?#");
	if (memchr(start, '@', len) || strpbrk(url, " \\\"<>") ||
	    strlen(url) > URL_MAX)
		return 0;
	if (*start == '[')
		len = strcspn(start, "]/?#") + 1;
	else
		len = strcspn(start, ":/?#");
	if (len == 0 || len >= sizeof(host) || len > strlen(start))
		return 0;
	memcpy(host, start, len);
	host[len] = '\0';
	return !plain || is_loopback(host) ||
	    ((flags & CONF_METADATA) && strcmp(host, METADATA_HOST) == 0);
}

/* Seconds of a text such as 90, 90s, 15m, 12h or 7d. */
static int
duration_parse(const char *text, int64_t *ret)
{
	char digits[16];
	size_t i, len = strspn(text, "0123456789");
	int64_t n, unit = 0;

	if (len == 0 || len >= sizeof(digits) || strlen(text) > len + 1)
		return -EINVAL;
	memcpy(digits, text, len);
	digits[len] = '\0';
	for (i = 0; i < COUNT_OF(units); i++)
		if (text[len] == units[i].letter)
			unit = units[i].seconds;
	if (!text[len])
		unit = 1;
	if (!unit || util_number_parse(digits, 0, INT64_MAX / 86400, &n) < 0)
		return -EINVAL;
	*ret = n * unit;
	return 0;
}

static void
duration_format(int64_t n, char *buf, size_t size)
{
	size_t i = 0;

	while (i + 1 < COUNT_OF(units) && n % units[i].seconds != 0)
		i++;
	snprintf(
	    buf, size, "%" PRId64 "%c", n / units[i].seconds, units[i].letter);
}

static int
store_duration(const struct conf_key *key, const char *text, void *into,
    char why[CONF_TEXT_MAX])
{
	int64_t *ret = member(key, into), n;
	char min[24], max[24];

	if (duration_parse(text, &n) < 0) {
		snprintf(why, CONF_TEXT_MAX,
		    "%s \"%.64s\" is not a duration such as 90s, 15m, 12h "
		    "or 7d",
		    key->name, text);
		return -EINVAL;
	}
	if (n < key->min || n > key->max) {
		duration_format(key->min, min, sizeof(min));
		duration_format(key->max, max, sizeof(max));
		snprintf(why, CONF_TEXT_MAX, "%s %.64s is not within %s..%s",
		    key->name, text, min, max);
		return -EINVAL;
	}
	*ret = n;
	return 0;
}

/* The begin of a day such as 2027-12-31, in UTC; of one there is. */
static int
date_parse(const char *text, int64_t *ret)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y-%m-%d", &tm);
	int day = tm.tm_mday;
	time_t at;

	if (!end || *end || strlen(text) != strlen("YYYY-MM-DD"))
		return -EINVAL;
	at = timegm(&tm); /* the 31st of a shorter month becomes the 1st */
	if (at <= 0 || tm.tm_mday != day)
		return -EINVAL;
	*ret = at;
	return 0;
}

static int
store_date(const struct conf_key *key, const char *text, void *into,
    char why[CONF_TEXT_MAX])
{
	int64_t *ret = member(key, into);

	if (date_parse(text, ret) == 0)
		return 0;
	snprintf(why, CONF_TEXT_MAX,
	    "%s \"%.64s\" is not a date such as 2027-12-31", key->name, text);
	return -EINVAL;
}

static int
choice_find(const struct conf_key *key, const char *word)
{
	int i;

	for (i = 0; key->choices[i]; i++)
		if (strcmp(key->choices[i], word) == 0)
			return i;
	return -1;
}

/* "NAME "WORD" is not one of: A, B, C" */
static int
choice_refuse(
    const struct conf_key *key, const char *word, char why[CONF_TEXT_MAX])
{
	size_t i, len;

	snprintf(
	    why, CONF_TEXT_MAX, "%s \"%.64s\" is not one of:", key->name, word);
	for (i = 0; key->choices[i]; i++) {
		len = strlen(why);
		snprintf(why + len, CONF_TEXT_MAX - len, "%s %s", i ? "," : "",
		    key->choices[i]);
	}
	return -EINVAL;
}

static int
store_list(const struct conf_key *key, const char *text, void *into,
    char why[CONF_TEXT_MAX])
{
	char ***ret = member(key, into), **list;
	size_t i;
	int r = 0;

	if (list_parse(text, " ", &list) < 0)
		return -ENOMEM;
	for (i = 0; r == 0 && list && list[i]; i++) {
		if (is_placeholder(list[i])) {
			snprintf(why, CONF_TEXT_MAX,
			    "%s is still a placeholder", key->name);
			r = -EINVAL;
		} else if (i >= WORDS_MAX) {
			snprintf(why, CONF_TEXT_MAX,
			    "%s has more than %d words", key->name, WORDS_MAX);
			r = -EINVAL;
		}
	}
	if (r < 0)
		list_free(list);
	else
		*ret = list;
	return r;
}

static int
store_set(const struct conf_key *key, const char *text, void *into,
    char why[CONF_TEXT_MAX])
{
	unsigned *ret = member(key, into), bits = 0;
	char **list;
	size_t i;
	int bit, r = 0;

	if (list_parse(text, " ", &list) < 0)
		return -ENOMEM;
	for (i = 0; r == 0 && list && list[i]; i++) {
		bit = choice_find(key, list[i]);
		if (bit < 0)
			r = choice_refuse(key, list[i], why);
		else
			bits |= 1U << bit;
	}
	list_free(list);
	if (r == 0)
		*ret = bits;
	return r;
}

static int
store_choice(const struct conf_key *key, const char *text, void *into,
    char why[CONF_TEXT_MAX])
{
	int *ret = member(key, into), i = choice_find(key, text);

	if (i < 0)
		return choice_refuse(key, text, why);
	*ret = i;
	return 0;
}

static int
store_string(const struct conf_key *key, const char *text, void *into,
    char why[CONF_TEXT_MAX])
{
	char **ret = member(key, into), *copy;
	const char *wrong = NULL;
	struct hostport server;

	if (is_placeholder(text))
		wrong = "is still a placeholder";
	else if (key->type == CONF_PATH && *text != '/')
		wrong = "is not an absolute path";
	else if (key->type == CONF_URL && !url_valid(text, key->flags))
		wrong = "is not an https URL (http only to 127.0.0.1, [::1] "
			"or localhost)";
	else if (key->type == CONF_SERVER && hostport_parse(text, &server) < 0)
		wrong = "is not a server such as mail.example.com, "
			"mail.example.com:993 or [2001:db8::1]:993";
	if (wrong) {
		snprintf(why, CONF_TEXT_MAX, "%s %s", key->name, wrong);
		return -EINVAL;
	}
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

int
value_parse(const struct conf_key *key, const char *text, void *into,
    char why[CONF_TEXT_MAX])
{
	int r = -EINVAL;

	switch (key->type) {
	case CONF_STRING:
	case CONF_PATH:
	case CONF_URL:
	case CONF_SERVER:
		r = store_string(key, text, into, why);
		break;
	case CONF_LIST:
		r = store_list(key, text, into, why);
		break;
	case CONF_DURATION:
		r = store_duration(key, text, into, why);
		break;
	case CONF_DATE:
		r = store_date(key, text, into, why);
		break;
	case CONF_CHOICE:
		r = store_choice(key, text, into, why);
		break;
	case CONF_SET:
		r = store_set(key, text, into, why);
		break;
	}
	if (r == -ENOMEM)
		snprintf(why, CONF_TEXT_MAX, "out of memory");
	return r;
}

/* The name in a "${NAME}" at text; its length, or 0 when it is none. */
static size_t
variable(const char *text, char *name, size_t size)
{
	size_t len = strcspn(text + 2, "}");

	if (!text[2 + len] || len >= size)
		return 0;
	memcpy(name, text + 2, len);
	name[len] = '\0';
	return len;
}

int
value_expand(const struct conf_key *key, const char *text,
    char buf[VALUE_EXPANDED_MAX], char why[CONF_TEXT_MAX])
{
	char name[64] = "";
	const char *value;
	size_t len = 0, n, skip = 0;

	while (*text) {
		if (strncmp(text, "${", 2) == 0) {
			skip = variable(text, name, sizeof(name));
			if (skip == 0) {
				snprintf(why, CONF_TEXT_MAX,
				    "%s has a \"${\" without \"NAME}\"",
				    key->name);
				return -EINVAL;
			}
			skip += strlen("${}");
			value = getenv(name);
			if (!value || !*value ||
			    !util_text_valid(value, strlen(value))) {
				snprintf(why, CONF_TEXT_MAX,
				    "%s needs ${%s}, which is not set in the "
				    "environment of this process",
				    key->name, name);
				return -EINVAL;
			}
			n = strlen(value);
		} else {
			value = text;
			n = skip = 1;
		}
		if (n >= VALUE_EXPANDED_MAX - len) {
			snprintf(
			    why, CONF_TEXT_MAX, "%s is too long", key->name);
			return -EINVAL;
		}
		memcpy(buf + len, value, n);
		len += n;
		text += skip;
	}
	buf[len] = '\0';
	return 0;
}

void
value_clear(const struct conf_key *key, void *into)
{
	void *m = member(key, into);

	switch (key->type) {
	case CONF_STRING:
	case CONF_PATH:
	case CONF_URL:
	case CONF_SERVER:
		util_secret_free(*(char **)m);
		*(char **)m = NULL;
		break;
	case CONF_LIST:
		list_free(*(char ***)m);
		*(char ***)m = NULL;
		break;
	case CONF_DURATION:
	case CONF_DATE:
		*(int64_t *)m = 0;
		break;
	case CONF_CHOICE:
		*(int *)m = 0;
		break;
	case CONF_SET:
		*(unsigned *)m = 0;
		break;
	}
}
