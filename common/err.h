/* SPDX-License-Identifier: MIT */
/* err.h - our own error codes, and the statuses of a reply */
#ifndef SASL_BEARER_ERR_H
#define SASL_BEARER_ERR_H

#include <stddef.h>

/*
 * Functions return 0 or a negative code: an errno value, or one of these.
 * They start above every errno of every system.
 */
enum err {
	ERR_FORMAT = 4097, /* not name=value lines, or the end is missing */
	ERR_CONTROL,	   /* a control byte, or not UTF-8 */
	ERR_TWICE,	   /* a name stands twice */
	ERR_VERSION,	   /* first line is not protocol=1 */
	ERR_TOOBIG,	   /* longer than the limit for it */
	ERR_NUMBER,	   /* not a number, or out of its bounds */
	ERR_PEER,	   /* the other end runs under a foreign uid */
	ERR_CLOSED,	   /* the other end closed before its reply was whole */
	ERR_KEY,	   /* sealed with a key that is not here */
	ERR_SEAL,	   /* sealed, and not as it was made */
};

/*
 * Describe an error code in a few lower-case words, no full stop.
 *
 *	code	an errno or ERR_ value, of either sign
 *	buf	at least 64 bytes; used for errno texts
 *
 * Returns buf or a constant string. Thread safe, never NULL.
 */
const char *err_text(int code, char *buf, size_t size);

/*
 * Whether a code, of either sign, is about the machine and may pass: it lacks
 * memory or descriptors, or its disk fails.
 */
int err_passes(int code);

/* What a reply says: the value of its status attribute. */
enum status {
	STATUS_OK,
	STATUS_TEMPORARY,
	STATUS_LOGIN_REQUIRED,
	STATUS_DENIED,
	STATUS_CONFIG,
	STATUS_BAD,
};

/* The word for a status on the wire, for example "login_required". */
const char *status_name(enum status s);

/*
 * The status a word stands for. NULL and unknown words are STATUS_BAD: a reply
 * that is not understood must not pass for success.
 */
enum status status_parse(const char *name);

/* The exit code of a command that ends with this status (sysexits.h). */
int status_exit(enum status s);

#endif
