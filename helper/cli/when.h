/* SPDX-License-Identifier: MIT */
/* when.h - points in time, for people */
#ifndef SASL_BEARER_WHEN_H
#define SASL_BEARER_WHEN_H

#include <stddef.h>
#include <stdint.h>

#define WHEN_SIZE 48

/*
 * Write a time as "in 52 min" or "3 days ago".
 *
 *	at	Unix seconds; 0: "-"
 */
void when_format(int64_t at, int64_t now, char buf[WHEN_SIZE]);

#endif
