/* SPDX-License-Identifier: MIT */
/* redirect - the address to which a sign-in sends the browser back */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/redirect.h"

#define HTTP_PORT 80

static const struct {
	const char *name;
	enum redirect_host host;
} hosts[] = {
    {"127.0.0.1", REDIRECT_IPV4},
    {"[::1]", REDIRECT_IPV6},
    {"localhost", REDIRECT_LOCALHOST},
};

/* The length of the host of this machine at the begin of a text, or 0. */
static size_t
find_host(struct redirect *r, const char *text)
{
	size_t i, len;

	for (i = 0; i < COUNT_OF(hosts); i++) {
		len = strlen(hosts[i].name);
		if (strncmp(text, hosts[i].name, len) != 0 ||
		    (text[len] && !strchr(":/?", text[len])))
			continue;
		memcpy(r->name, hosts[i].name, len + 1);
		r->host = hosts[i].host;
		return len;
	}
	return 0;
}

/* Read ":PORT", if it is there, and go behind it. */
static int
read_port(struct redirect *r, const char **text)
{
	char digits[8] = "";
	int64_t port;
	size_t len;

	if (**text != ':')
		return 0;
	len = strcspn(++*text, "/?");
	if (len >= sizeof(digits))
		return -ERR_NUMBER;
	memcpy(digits, *text, len);
	if (util_number_parse(digits, 1, 65535, &port) < 0)
		return -ERR_NUMBER;
	r->port = (int)port;
	*text += len;
	return 0;
}

int
redirect_parse(struct redirect *ret, const char *uri)
{
	static const char scheme[] = "http://";
	struct redirect r = {0};
	const char *rest = uri + strlen(scheme);
	size_t len;

	/* room for a port, which may be added */
	if (strlen(uri) + 16 > REDIRECT_MAX)
		return -ERR_TOOBIG;
	if (strchr(uri, '#'))
		return -ERR_FORMAT;
	len =
	    strncmp(uri, scheme, strlen(scheme)) == 0 ? find_host(&r, rest) : 0;
	if (len > 0) {
		rest += len;
		if (read_port(&r, &rest) < 0)
			return -ERR_NUMBER;
		memcpy(r.tail, rest, strlen(rest) + 1);
		len = strcspn(rest, "?");
		memcpy(r.path, len ? rest : "/", len ? len : 1);
	}
	*ret = r;
	return 0;
}

void
redirect_format(const struct redirect *r, int port, char *buf, char host[32])
{
	snprintf(host, 32, "%s:%d", r->name, port);
	snprintf(buf, REDIRECT_MAX, "http://%s%.480s", host, r->tail);
	if (port == HTTP_PORT) /* then browsers do not name it */
		snprintf(host, 32, "%s", r->name);
}
