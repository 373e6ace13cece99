/* SPDX-License-Identifier: MIT */
/* confine.h - shut sasl-bearer-fetch in with what TLS and DNS need */
#ifndef SASL_BEARER_CONFINE_H
#define SASL_BEARER_CONFINE_H

#include "common/reply.h"

/*
 * Let the kernel refuse system calls that an exchange does not need. Call it
 * before the request is read, and when libcurl is initialised.
 *
 * Returns 0 or a negative code, after reply_fail().
 */
int confine_calls(struct reply *r);

/*
 * Let the kernel refuse all files but those of the system that are about
 * certificates, names and libraries: not the secrets of other accounts, which
 * belong to the same user. Nothing can be written.
 *
 *	ca_file		one more, or NULL
 *
 * Returns 0 or a negative code, after reply_fail().
 */
int confine_files(const char *ca_file, struct reply *r);

#endif
