/* SPDX-License-Identifier: MIT */
/* health.h - what is wrong with an account, or soon will be */
#ifndef SASL_BEARER_HEALTH_H
#define SASL_BEARER_HEALTH_H

#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"

#define HEALTH_MAX 8	   /* problems of one account */
#define HEALTH_TEXT 1400   /* bytes of a text; a reason and then some */
#define HEALTH_REMEDY 320  /* bytes of a remedy */
#define HEALTH_GRACE_S 300 /* trouble of a provider that is no news yet */
#define HEALTH_WARNING_S (INT64_C(86400) * 14)
#define HEALTH_CRITICAL_S (INT64_C(86400) * 3)

enum health_severity { HEALTH_OK, HEALTH_WARNING, HEALTH_CRITICAL };

/* How long before the end of something it is a problem. */
struct health_limits {
	int64_t warning_s;
	int64_t critical_s; /* at most warning_s */
};

/*
 * What can be wrong; by health_name(), which never changes, since metrics,
 * scripts and rules of alerts have it.
 */
enum health_what {
	HEALTH_LOGIN_REQUIRED,	      /* a person must sign in */
	HEALTH_CONFIG,		      /* the files or the registration */
	HEALTH_NO_TOKEN,	      /* the provider fails, nothing is left */
	HEALTH_BACKOFF,		      /* it fails, the token lasts for now */
	HEALTH_REJECTED,	      /* a server refuses fresh tokens too */
	HEALTH_UNSAVED,		      /* the disk does not take the tokens */
	HEALTH_GRANT_EXPIRES,	      /* the sign-in dies of its age */
	HEALTH_CLIENT_SECRET_EXPIRES, /* the application's secret */
	HEALTH_CERTIFICATE_EXPIRES,   /* the application's certificate */
	HEALTH_KINDS,
};

struct health_problem {
	enum health_what what;
	enum health_severity severity; /* never HEALTH_OK */
	int64_t at; /* Unix seconds: when it will be, or since when; or 0 */
	char text[HEALTH_TEXT];	    /* one line: what is wrong */
	char remedy[HEALTH_REMEDY]; /* one line: what to do */
};

/*
 * Find the problems of an account.
 *
 *	m	a message about it in a reply to "list"
 *	now	Unix seconds
 *	limits	for what expires; NULL: HEALTH_WARNING_S, HEALTH_CRITICAL_S.
 *		A sign-in that never lives long is a problem only in its last
 *		quarter and eighth
 *	ret	the problems, in the order of enum health_what
 *
 * Returns how many there are.
 */
size_t health_check(const struct msg *m, int64_t now,
    const struct health_limits *limits, struct health_problem ret[HEALTH_MAX]);

/*
 * The first moment at which something of the account expires that is not
 * replaced by itself: certificate, secret or sign-in.
 *
 * Returns Unix seconds, or 0: nothing is known to.
 */
int64_t health_next_expiry(const struct msg *m);

/* "login_required", for example. */
const char *health_name(enum health_what what);

/* "ok", "warning" or "critical". */
const char *health_severity_name(enum health_severity severity);

#endif
