/* SPDX-License-Identifier: MIT */
/* url - which addresses may be talked to */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#include "common/err.h"
#include "helper/fetch/url.h"

#define IDENTITY_HOST "169.254.169.254"

/* libcurl has already written 127.1 and 0x7f000001 as 127.0.0.1. */
static int
is_loopback(const char *host)
{
	struct in_addr a;

	if (inet_pton(AF_INET, host, &a) == 1)
		return ntohl(a.s_addr) >> 24 == 127;
	return util_case_equal(host, "localhost") || strcmp(host, "[::1]") == 0;
}

/* Copy one part of a URL. Returns 0, or -ERR_FORMAT when there is no room. */
static int
copy_part(CURLU *u, CURLUPart part, char *buf, size_t size)
{
	char *text = NULL;
	int r = -ERR_FORMAT;

	if (curl_url_get(u, part, &text, 0) == CURLUE_OK &&
	    strlen(text) < size && util_text_valid(text, strlen(text))) {
		memcpy(buf, text, strlen(text) + 1);
		r = 0;
	}
	curl_free(text);
	return r;
}

static int
has_part(CURLU *u, CURLUPart part)
{
	char *text = NULL;
	int has = curl_url_get(u, part, &text, 0) == CURLUE_OK;

	curl_free(text);
	return has;
}

static int
fill(struct url *ret, CURLU *u)
{
	char scheme[8];

	if (copy_part(u, CURLUPART_SCHEME, scheme, sizeof(scheme)) < 0 ||
	    copy_part(u, CURLUPART_HOST, ret->host, sizeof(ret->host)) < 0 ||
	    copy_part(u, CURLUPART_URL, ret->text, sizeof(ret->text)) < 0 ||
	    has_part(u, CURLUPART_FRAGMENT))
		return -ERR_FORMAT;
	ret->tls = strcmp(scheme, "https") == 0;
	ret->loopback = is_loopback(ret->host);
	return ret->tls || strcmp(scheme, "http") == 0 ? 0 : -ERR_FORMAT;
}

/* Parse and judge: plain http is for loopback, and one more host. */
static int
parse(struct url *ret, const char *text, const char *host)
{
	struct url new = {0};
	CURLU *u = curl_url();
	int r = -ENOMEM;

	if (!u)
		return r;
	r = -ERR_FORMAT;
	if (curl_url_set(u, CURLUPART_URL, text, CURLU_DISALLOW_USER) ==
	    CURLUE_OK)
		r = fill(&new, u);
	curl_url_cleanup(u);
	if (r == 0 && !new.tls && !new.loopback && strcmp(new.host, host) != 0)
		r = -EACCES;
	if (r == 0)
		*ret = new;
	return r;
}

int
url_parse(struct url *ret, const char *text)
{
	return parse(ret, text, "");
}

int
url_parse_identity(struct url *ret, const char *text)
{
	return parse(ret, text, IDENTITY_HOST);
}

const char *
url_problem(int code)
{
	if (code == -EACCES)
		return "is plain http, which is for loopback only: use https";
	return "is not a URL like https://HOST/PATH";
}

int
url_extend(struct url *ret, const struct url *base, const char *prefix,
    const char *suffix)
{
	char path[URL_MAX], whole[URL_MAX];
	struct url new = {0};
	CURLU *u = curl_url();
	size_t len;
	int n, r = -ERR_FORMAT;

	if (!u)
		return -ENOMEM;
	if (curl_url_set(u, CURLUPART_URL, base->text, 0) != CURLUE_OK ||
	    has_part(u, CURLUPART_QUERY) ||
	    copy_part(u, CURLUPART_PATH, path, sizeof(path)) < 0)
		goto out;
	len = strlen(path);
	if (len > 0 && path[len - 1] == '/')
		path[len - 1] = '\0';
	n = snprintf(whole, sizeof(whole), "%s%s%s", prefix, path, suffix);
	if (n < (int)sizeof(whole) &&
	    curl_url_set(u, CURLUPART_PATH, whole, 0) == CURLUE_OK)
		r = fill(&new, u);
	if (r == 0)
		*ret = new;
out:
	curl_url_cleanup(u);
	return r;
}

int
url_query(struct url *ret, const struct url *base, const char *query)
{
	struct url new = {0};
	CURLU *u = curl_url();
	int r = -ERR_FORMAT;

	if (!u)
		return -ENOMEM;
	if (curl_url_set(u, CURLUPART_URL, base->text, 0) == CURLUE_OK &&
	    curl_url_set(u, CURLUPART_QUERY, query, CURLU_APPENDQUERY) ==
		CURLUE_OK)
		r = fill(&new, u);
	curl_url_cleanup(u);
	if (r == 0)
		*ret = new;
	return r;
}
