/* SPDX-License-Identifier: MIT */
/* reply - the message that a one-shot child gives back */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/reply.h"
#include "common/util.h"

void
reply_ok(struct reply *r)
{
	r->status = STATUS_OK;
	msg_begin(&r->w, r->buf, sizeof(r->buf));
	msg_put(&r->w, "status", status_name(STATUS_OK));
}

void
reply_fail(struct reply *r, enum status s, const char *format, ...)
{
	char line[DETAIL_MAX + 1], reason[DETAIL_MAX + 1];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	util_sanitise(reason, sizeof(reason), line, strlen(line));
	r->status = s;
	msg_begin(&r->w, r->buf, sizeof(r->buf));
	msg_put(&r->w, "status", status_name(s));
	msg_put(&r->w, "reason", reason);
}
