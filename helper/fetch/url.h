/* SPDX-License-Identifier: MIT */
/* url.h - which addresses may be talked to */
#ifndef SASL_BEARER_URL_H
#define SASL_BEARER_URL_H

#include "common/util.h"

#define URL_MAX 2048 /* bytes of a URL, its NUL included */

struct url {
	char text[URL_MAX];
	char host[HOST_MAX + 1]; /* an IPv6 address with its brackets */
	int tls;		 /* https */
	int loopback;		 /* localhost, 127.0.0.0/8, [::1] */
};

/*
 * Read a URL and judge it: https, or http to loopback, and nothing else. The
 * parser is libcurl's own, so that what is judged is what is connected to.
 *
 *	ret	written only on success
 *	text	may be anything
 *
 * User names, passwords and fragments are refused (RFC 6749 section 3.2).
 *
 * Returns 0; -ERR_FORMAT when it is not such a URL; -EACCES when it is plain
 * http to somewhere else. url_problem() has the words.
 */
int url_parse(struct url *ret, const char *text);

/*
 * As url_parse(), but plain http to 169.254.169.254 is good, too: there clouds
 * tell their virtual machines who they are, and it never leaves the host.
 */
int url_parse_identity(struct url *ret, const char *text);

/* What is wrong, to follow a name: "is not a URL ...". */
const char *url_problem(int code);

/*
 * Insert a prefix before the path of a URL, and drop the path's last slash
 * (RFC 8414 section 3.1); or append a suffix (OpenID Connect Discovery 4).
 *
 *	ret	written only on success; may not be base
 *	base	the URL; one with a query is refused
 *	prefix	goes before the path; "" for none
 *	suffix	goes after it; "" for none
 *
 * Returns 0 or the errors of url_parse().
 */
int url_extend(struct url *ret, const struct url *base, const char *prefix,
    const char *suffix);

/*
 * Append fields to the query of a URL.
 *
 *	ret	written only on success; may not be base
 *	base	from url_parse() or url_parse_identity()
 *	query	encoded, from form_build()
 *
 * Returns 0, -ENOMEM or, when it gets too long, -ERR_FORMAT.
 */
int url_query(struct url *ret, const struct url *base, const char *query);

#endif
