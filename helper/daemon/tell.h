/* SPDX-License-Identifier: MIT */
/* tell.h - run notify_command when an account needs somebody */
#ifndef SASL_BEARER_TELL_H
#define SASL_BEARER_TELL_H

#include "helper/daemon/account.h"

#define TELL_TIMEOUT_MS 60000 /* then the command is killed */
#define TELL_MAX 4	      /* commands at a time; one of an account */

/*
 * Look at an account, and tell what is due. To be called now and then, of an
 * account of the table; table_each() takes it. What cannot be told now is told
 * next time.
 */
void tell(struct account *a, void *context);

#endif
