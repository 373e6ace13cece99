/* SPDX-License-Identifier: MIT */
/* wire - the client's response of XOAUTH2 and OAUTHBEARER */
#include "config.h"

#include <string.h>

#include "common/err.h"
#include "common/util.h"
#include "common/wire.h"

#define PORT_MAX 5
#define ESCAPED 3 /* bytes of an escaped ',' or '=' */
#define FIXED 64  /* all that is not user, host, port or token */
#define SEPARATOR "\001"

const char *
wire_name(enum wire_mech mech)
{
	return mech == WIRE_XOAUTH2 ? "XOAUTH2" : "OAUTHBEARER";
}

/* Length of a text that may be NULL, or max + 1 when it is longer. */
static size_t
bounded(const char *text, size_t max)
{
	return text ? strnlen(text, max + 1) : 0;
}

size_t
wire_size(const struct wire_response *r)
{
	size_t user = bounded(r->user, USER_MAX);
	size_t host = bounded(r->host, HOST_MAX);
	size_t port = bounded(r->port, PORT_MAX);
	size_t token = bounded(r->token, TOKEN_MAX);

	if (user > USER_MAX || host > HOST_MAX || port > PORT_MAX ||
	    token > TOKEN_MAX)
		return 0;
	return user * ESCAPED + host + port + token + FIXED;
}

static char *
append(char *pos, const char *text)
{
	size_t len = strlen(text);

	memcpy(pos, text, len);
	return pos + len;
}

/* saslname of RFC 5801 section 4. */
static char *
append_saslname(char *pos, const char *name)
{
	for (; *name; name++) {
		if (*name == ',')
			pos = append(pos, "=2C");
		else if (*name == '=')
			pos = append(pos, "=3D");
		else
			*pos++ = *name;
	}
	return pos;
}

static int
is_decimal(const char *text)
{
	return *text && *text != '0' &&
	    strspn(text, "0123456789") == strlen(text);
}

static int
is_clean(const struct wire_response *r)
{
	return r->user && *r->user &&
	    util_text_valid(r->user, strlen(r->user)) && r->token &&
	    util_b64token_valid(r->token) &&
	    (!r->host || util_text_valid(r->host, strlen(r->host))) &&
	    (!r->port || is_decimal(r->port));
}

ssize_t
wire_format(enum wire_mech mech, const struct wire_response *r, char *buf)
{
	char *pos = buf;

	if (wire_size(r) == 0)
		return -ERR_TOOBIG;
	if (!is_clean(r))
		return -ERR_CONTROL;
	if (mech == WIRE_XOAUTH2) {
		pos = append(pos, "user=");
		pos = append(pos, r->user);
	} else {
		pos = append(pos, "n,a=");
		pos = append_saslname(pos, r->user);
		pos = append(pos, ",");
		if (r->host) {
			pos = append(pos, SEPARATOR "host=");
			pos = append(pos, r->host);
		}
		if (r->port) {
			pos = append(pos, SEPARATOR "port=");
			pos = append(pos, r->port);
		}
	}
	pos = append(pos, SEPARATOR "auth=Bearer ");
	pos = append(pos, r->token);
	pos = append(pos, SEPARATOR SEPARATOR);
	return pos - buf;
}
