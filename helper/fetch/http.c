/* SPDX-License-Identifier: MIT */
/* http - one bounded exchange with a provider */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#include "common/util.h"
#include "helper/fetch/clock.h"
#include "helper/fetch/http.h"

#define AGENT "sasl-bearer/" PACKAGE_VERSION
#define CHECK_ADDRESS "check the address of the endpoint"

/* One exchange under way. */
struct exchange {
	const struct http *h;
	const struct url *to;
	struct http_answer *answer;
	size_t header_len;
	int64_t start_ms;
	char error[CURL_ERROR_SIZE]; /* libcurl's words */
	char *why;
	size_t size;
};

static size_t
on_body(char *data, size_t one, size_t len, void *arg)
{
	struct exchange *x = arg;
	struct http_answer *a = x->answer;

	if (len > sizeof(a->body) - a->len) {
		a->len = 0; /* so that nobody takes a part for the whole */
		return 0;   /* libcurl gives up; one is always 1 */
	}
	memcpy(a->body + a->len, data, len * one);
	a->len += len;
	return len;
}

/* Keep the value of a header line, if it is the named one and fits. */
static void
keep(char *dst, size_t size, const char *name, const char *line, size_t len)
{
	size_t n = strlen(name), i;

	if (len <= n || line[n] != ':')
		return;
	for (i = 0; i < n; i++)
		if ((line[i] | 0x20) != name[i])
			return;
	for (n++; n < len && (line[n] == ' ' || line[n] == '\t'); n++)
		continue;
	while (len > n && (unsigned char)line[len - 1] <= ' ')
		len--;
	if (len - n >= size)
		return;
	memcpy(dst, line + n, len - n);
	dst[len - n] = '\0';
}

static size_t
on_header(char *data, size_t one, size_t len, void *arg)
{
	struct exchange *x = arg;
	struct http_answer *a = x->answer;

	x->header_len += len * one;
	if (x->header_len > HTTP_HEADER_MAX)
		return 0;
	keep(a->content_type, sizeof(a->content_type), "content-type", data,
	    len);
	keep(a->retry_after, sizeof(a->retry_after), "retry-after", data, len);
	keep(a->date, sizeof(a->date), "date", data, len);
	return len;
}

/* What is the same for every exchange. */
static CURLcode
set_fixed(CURL *easy)
{
	/* clang-format off */
	static const struct {
		CURLoption option;
		long value;
	} fixed[] = {
		{CURLOPT_NOSIGNAL, 1},
		{CURLOPT_FOLLOWLOCATION, 0},
		{CURLOPT_SSL_VERIFYPEER, 1},
		{CURLOPT_SSL_VERIFYHOST, 2},
		{CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
		{CURLOPT_PROXY_SSL_VERIFYPEER, 1},
		{CURLOPT_PROXY_SSL_VERIFYHOST, 2},
		{CURLOPT_PROXY_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
		{CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
		{CURLOPT_NETRC, CURL_NETRC_IGNORED},
		{CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
		{CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
#if LIBCURL_VERSION_NUM >= 0x075700
		/* do not wait for a resolver thread beyond the deadline */
		{CURLOPT_QUICK_EXIT, 1},
#endif
	};
	/* clang-format on */
	CURLcode r = CURLE_OK;
	size_t i;

	for (i = 0; r == CURLE_OK && i < COUNT_OF(fixed); i++)
		r = curl_easy_setopt(easy, fixed[i].option, fixed[i].value);
	return r;
}

/* NULL leaves libcurl's default, which for these is never the environment. */
static CURLcode
set_texts(CURL *easy, const struct http *h, const struct url *to)
{
	const struct {
		CURLoption option;
		const char *value;
	} texts[] = {
	    {CURLOPT_URL, to->text},
	    {CURLOPT_PROTOCOLS_STR, to->tls ? "https" : "http"},
	    {CURLOPT_PROXY, h->proxy && !to->loopback ? h->proxy : ""},
	    {CURLOPT_NOPROXY, ""},
	    {CURLOPT_USERAGENT, AGENT},
	    {CURLOPT_CAINFO, h->ca_file},
	    {CURLOPT_PROXY_CAINFO, h->ca_file},
	};
	CURLcode r = CURLE_OK;
	size_t i;

	for (i = 0; r == CURLE_OK && i < COUNT_OF(texts); i++)
		if (texts[i].value)
			r = curl_easy_setopt(
			    easy, texts[i].option, texts[i].value);
	/* a private CA instead of the public ones, not besides them */
	if (r == CURLE_OK && h->ca_file)
		r = curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	if (r == CURLE_OK && h->ca_file)
		r = curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
	return r;
}

static CURLcode
set_form(CURL *easy, const struct form *form)
{
	CURLcode r = curl_easy_setopt(
	    easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)form->len);

	if (r == CURLE_OK)
		r = curl_easy_setopt(easy, CURLOPT_POSTFIELDS, form->body);
	if (r != CURLE_OK || !form->basic)
		return r;
	r = curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
	if (r == CURLE_OK)
		r = curl_easy_setopt(easy, CURLOPT_USERNAME, form->user);
	if (r == CURLE_OK)
		r = curl_easy_setopt(easy, CURLOPT_PASSWORD, form->password);
	return r;
}

static CURLcode
set_exchange(CURL *easy, struct exchange *x, struct curl_slist *headers)
{
	long left = (long)(x->h->deadline_ms - x->start_ms);
	CURLcode r = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->error);

	if (r == CURLE_OK)
		r = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	if (r == CURLE_OK)
		r = curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
	if (r == CURLE_OK)
		r = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	if (r == CURLE_OK)
		r = curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
	if (r == CURLE_OK)
		r = curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	if (r == CURLE_OK)
		r = curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, left);
	if (r == CURLE_OK)
		r = curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
		    left < HTTP_CONNECT_MS ? left : HTTP_CONNECT_MS);
	return r;
}

static int
add_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

static CURLcode
perform(CURL *easy, struct exchange *x, const struct form *form)
{
	struct curl_slist *headers = NULL;
	curl_off_t connect_us = 0;
	CURLcode r = CURLE_OUT_OF_MEMORY;

	if (add_header(&headers, "Accept: application/json") < 0 ||
	    add_header(&headers, "Expect:") < 0 ||
	    (x->h->header && add_header(&headers, x->h->header) < 0))
		goto out;
	r = set_fixed(easy);
	if (r == CURLE_OK)
		r = set_texts(easy, x->h, x->to);
	if (r == CURLE_OK && form)
		r = set_form(easy, form);
	if (r == CURLE_OK)
		r = set_exchange(easy, x, headers);
	if (r == CURLE_OK)
		r = curl_easy_perform(easy);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &x->answer->status);
	curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connect_us);
	x->answer->connected = connect_us > 0 || x->answer->status != 0;
out:
	curl_slist_free_all(headers);
	return r;
}

/* Whether there is nothing to resolve. */
static int
is_address(const char *host)
{
	return strpbrk(host, ":[") ||
	    strspn(host, "0123456789.") == strlen(host);
}

/* Name the phase in which the time was up. */
static void
explain_timeout(const struct exchange *x, CURL *easy)
{
	int64_t tenths = (util_now_ms() - x->start_ms + 50) / 100;
	double after = (double)tenths / 10;
	const char *host = x->to->host;
	curl_off_t resolved = 0, ready = 0;

	curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
	curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
	if (resolved == 0 && !is_address(host))
		snprintf(x->why, x->size,
		    "cannot resolve %s: no answer from the DNS after %g s",
		    host, after);
	else if (ready == 0)
		snprintf(x->why, x->size,
		    "cannot connect to %s: no answer after %g s", host, after);
	else if (x->header_len == 0)
		snprintf(x->why, x->size, "%s did not answer after %g s", host,
		    after);
	else
		snprintf(x->why, x->size,
		    "the answer of %s was not complete after %g s", host,
		    after);
}

static void
explain_connect(const struct exchange *x, CURL *easy)
{
	char buf[64];
	long code = 0;

	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &code);
	snprintf(x->why, x->size, "cannot connect to %s%s: %s",
	    x->h->proxy && !x->to->loopback ? "the proxy for " : "",
	    x->to->host,
	    code ? err_text((int)code, buf, sizeof(buf)) : x->error);
}

/* What a certificate is by the clock of this machine, or NULL. */
static const char *
out_of_time(const char *error)
{
	if (strstr(error, "not yet valid"))
		return "is not valid yet";
	return strstr(error, "expired") ? "has expired" : NULL;
}

/* libcurl has one code for all, and the same words in all its TLS backends. */
static void
explain_certificate(const struct exchange *x)
{
	const char *when = out_of_time(x->error);
	char clock[CLOCK_SIZE];

	clock_text(time(NULL), clock);
	if (when)
		snprintf(x->why, x->size,
		    "the certificate of %s %s; is this machine's clock right? "
		    "it says %s UTC",
		    x->to->host, when, clock);
	else if (strstr(x->error, "subject name"))
		snprintf(x->why, x->size,
		    "the certificate of %s is not for that name: %s",
		    x->to->host, x->error);
	else
		snprintf(x->why, x->size,
		    "the certificate of %s is not trusted: %s (set ca_file if "
		    "it is a private CA)",
		    x->to->host, x->error);
}

/* OpenSSL puts its name, a number and a library before its words. */
static void
explain_tls(const struct exchange *x)
{
	static const struct {
		const char *word, *advice;
	} table[] = {
	    {"protocol", "; it must speak TLS 1.2 or later"},
	    {"handshake failure",
		"; it accepts none of this machine's ciphers, or wants a "
		"certificate"},
	    {"version number", ": it answers, but not in TLS; " CHECK_ADDRESS},
	    {"", ""},
	};
	const char *colon = strrchr(x->error, ':'), *words = x->error;
	size_t i = 0;

	if (strstr(x->error, "error:") && colon[1])
		words = colon + 1;
	while (!strstr(words, table[i].word))
		i++;
	snprintf(x->why, x->size, "TLS with %s failed: %s%s", x->to->host,
	    words, table[i].advice);
}

/* Say why an exchange failed, and whose trouble that is. */
static enum status
explain(const struct exchange *x, CURL *easy, CURLcode code)
{
	const char *host = x->to->host;

	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		snprintf(x->why, x->size,
		    "cannot resolve %s: there is no such name, or the DNS does "
		    "not answer",
		    host);
		break;
	case CURLE_COULDNT_RESOLVE_PROXY:
		snprintf(x->why, x->size,
		    "cannot resolve the name of the proxy for %s", host);
		break;
	case CURLE_COULDNT_CONNECT:
		explain_connect(x, easy);
		break;
	case CURLE_OPERATION_TIMEDOUT:
		explain_timeout(x, easy);
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
		explain_certificate(x);
		break;
	case CURLE_SSL_CACERT_BADFILE:
		snprintf(x->why, x->size,
		    "the CA certificates cannot be used: %s", x->error);
		return STATUS_CONFIG;
	case CURLE_SSL_CONNECT_ERROR:
		explain_tls(x);
		break;
	case CURLE_UNSUPPORTED_PROTOCOL:
		snprintf(x->why, x->size,
		    "%s answers, but not in HTTP; " CHECK_ADDRESS, host);
		break;
	case CURLE_WEIRD_SERVER_REPLY:
		snprintf(x->why, x->size,
		    "the answer of %s is not proper HTTP: %s", host, x->error);
		break;
#if LIBCURL_VERSION_NUM >= 0x080600
	case CURLE_TOO_LARGE:
#endif
	case CURLE_OUT_OF_MEMORY: /* so older ones call a line of 100 KiB */
	case CURLE_WRITE_ERROR:
		snprintf(x->why, x->size, "the answer of %s is too long", host);
		break;
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		snprintf(x->why, x->size, "the connection to %s broke off: %s",
		    host, x->error);
		break;
	default:
		snprintf(x->why, x->size, "%s: %s", host, x->error);
	}
	return STATUS_TEMPORARY;
}

enum status
http_exchange(struct http *h, const struct url *to, const struct form *form,
    struct http_answer *ret, char *why, size_t size)
{
	struct exchange x = {
	    .h = h,
	    .to = to,
	    .answer = ret,
	    .start_ms = util_now_ms(),
	    .why = why,
	    .size = size,
	};
	CURLcode r;

	*ret = (struct http_answer){.now_s = time(NULL)};
	if (x.start_ms >= h->deadline_ms) {
		snprintf(why, size, "no time is left to ask %s", to->host);
		return STATUS_TEMPORARY;
	}
	if (!h->easy)
		h->easy = curl_easy_init();
	if (!h->easy) {
		snprintf(why, size, "libcurl does not start");
		return STATUS_TEMPORARY;
	}
	curl_easy_reset(h->easy);
	r = perform(h->easy, &x, form);
	ret->now_s = time(NULL);
	if (r == CURLE_OK)
		return STATUS_OK;
	if (!x.error[0])
		snprintf(x.error, sizeof(x.error), "%s", curl_easy_strerror(r));
	return explain(&x, h->easy, r);
}
