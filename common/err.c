/* SPDX-License-Identifier: MIT */
/* err - our own error codes, and the statuses of a reply */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "common/err.h"

static const char *const texts[] = {
	[ERR_FORMAT - ERR_FORMAT] = "malformed message",
	[ERR_CONTROL - ERR_FORMAT] = "control byte or invalid UTF-8 in a value",
	[ERR_TWICE - ERR_FORMAT] = "the same name twice",
	[ERR_VERSION - ERR_FORMAT] = "not protocol version 1",
	[ERR_TOOBIG - ERR_FORMAT] = "too long",
	[ERR_NUMBER - ERR_FORMAT] = "not a number in its bounds",
	[ERR_PEER - ERR_FORMAT] = "the socket belongs to another user",
	[ERR_CLOSED - ERR_FORMAT] = "connection closed before the reply",
	[ERR_KEY - ERR_FORMAT] = "sealed with a key that is not given",
	[ERR_SEAL - ERR_FORMAT] = "the seal is broken",
};

static const struct {
	const char *name;
	int exit;
} statuses[] = {
	[STATUS_OK] = {"ok", EX_OK},
	[STATUS_TEMPORARY] = {"temporary", EX_TEMPFAIL},
	[STATUS_LOGIN_REQUIRED] = {"login_required", EX_UNAVAILABLE},
	[STATUS_DENIED] = {"denied", EX_NOPERM},
	[STATUS_CONFIG] = {"config", EX_CONFIG},
	[STATUS_BAD] = {"bad", EX_SOFTWARE},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const char *
err_text(int code, char *buf, size_t size)
{
	if (code < 0)
		code = -code;
	if (code >= ERR_FORMAT && (size_t)(code - ERR_FORMAT) < COUNT(texts))
		return texts[code - ERR_FORMAT];
#ifdef STRERROR_R_CHAR_P
	return strerror_r(code, buf, size);
#else
	if (strerror_r(code, buf, size) != 0)
		return "unknown error";
	return buf;
#endif
}

int
err_passes(int code)
{
	if (code < 0)
		code = -code;
	return code == ENOMEM || code == EMFILE || code == ENFILE ||
	    code == EAGAIN || code == EIO;
}

const char *
status_name(enum status s)
{
	return statuses[s].name;
}

enum status
status_parse(const char *name)
{
	size_t i;

	for (i = 0; name && i < COUNT(statuses); i++)
		if (strcmp(name, statuses[i].name) == 0)
			return (enum status)i;
	return STATUS_BAD;
}

int
status_exit(enum status s)
{
	return statuses[s].exit;
}
