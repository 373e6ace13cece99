/* SPDX-License-Identifier: MIT */
/* pump.h - carry bytes both ways */
#ifndef SASL_BEARER_PUMP_H
#define SASL_BEARER_PUMP_H

#include "helper/mail/stream.h"

#define PUMP_LINGER_MS 30000

/*
 * Carry bytes between a server and a local program, unchanged, until one of
 * them has gone. What is in their buffers goes first.
 *
 * A program that says that it sends no more still gets what the server sends,
 * until that closes or is silent for PUMP_LINGER_MS.
 *
 * Returns 0, or EX_TEMPFAIL: the connection to the server broke; its error says
 * how.
 */
int pump(struct stream *server, struct stream *local);

#endif
