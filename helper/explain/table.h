/* SPDX-License-Identifier: MIT */
/* table.h - the parts of the table; for explain.c alone */
#ifndef SASL_BEARER_EXPLAIN_TABLE_H
#define SASL_BEARER_EXPLAIN_TABLE_H

#include "helper/explain/explain.h"

/* Each ends with a row whose match is NULL; the first row that fits counts. */
extern const struct explanation explain_people[];  /* codes: who signs in */
extern const struct explanation explain_clients[]; /* codes: the application */
extern const struct explanation explain_replies[]; /* of mail servers */
extern const struct explanation explain_lines[];   /* of logs, and our own */
extern const struct explanation explain_words[];   /* of OAuth */

#endif
