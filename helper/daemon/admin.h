/* SPDX-License-Identifier: MIT */
/* admin.h - requests about accounts: list, store, forget, refresh, reload */
#ifndef SASL_BEARER_ADMIN_H
#define SASL_BEARER_ADMIN_H

#include "helper/daemon/server.h"

/* Each serves one request, now or later; request.c says who may ask. */
void admin_list(struct conn *c, const struct msg *m);
void admin_store(struct conn *c, const struct msg *m);
void admin_forget(struct conn *c, const struct msg *m);
void admin_refresh(struct conn *c, const struct msg *m);
void admin_reload(struct conn *c, const struct msg *m);

#endif
