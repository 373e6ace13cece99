/* SPDX-License-Identifier: MIT */
/* granted.h - what an answer grants, wherever it came from */
#ifndef SASL_BEARER_DAEMON_GRANTED_H
#define SASL_BEARER_DAEMON_GRANTED_H

#include <stdint.h>

#include "common/msg.h"

#define SCOPE_MAX 4096 /* bytes of a scope that is kept */

struct granted {
	const char *access_token;
	const char *refresh_token;  /* NULL: the one that is there stays */
	const char *scope;	    /* NULL: what was asked for */
	int64_t expires_in;	    /* seconds */
	int64_t refresh_in;	    /* seconds; 0: nobody said */
	int64_t refresh_expires_in; /* of the refresh token, likewise */
};

/*
 * Read a reply of sasl-bearer-fetch with status=ok. It has been in touch with
 * strangers, so what it says is checked again.
 *
 *	ret	points into the reply; written only on success
 *
 * Returns 0, or -ERR_FORMAT when there is no token, or a token, scope or time
 * is beyond its limits.
 */
int granted_parse(const struct msg *reply, struct granted *ret);

#endif
