/* SPDX-License-Identifier: MIT */
/* request.h - what clients may ask for */
#ifndef SASL_BEARER_REQUEST_H
#define SASL_BEARER_REQUEST_H

#include "helper/daemon/server.h"

/* Serve a request; the reply is sent now or later. */
void request_serve(struct conn *c, const struct msg *m);

/* Send a reply of a status and a reason, and finish. */
void request_refuse(struct conn *c, enum status s, const char *reason);

/* Send status=ok, with one attribute more unless name is NULL, and finish. */
void request_ok(struct conn *c, const char *name, const char *value);

#endif
