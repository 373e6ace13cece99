/* SPDX-License-Identifier: MIT */
/* oauth.h - what a provider's answer means; no network, no clock */
#ifndef SASL_BEARER_OAUTH_H
#define SASL_BEARER_OAUTH_H

#include "helper/fetch/http.h"
#include "helper/fetch/operation.h"
#include "helper/fetch/reply.h"

/*
 * Turn an answer into a reply.
 *
 *	op	what was asked
 *	host	the provider's name, for reasons
 *	http	the answer; its body may be anything
 *	r	with its request; becomes success or failure
 *
 * An error is found by the word in it, also in an answer with status 200;
 * meaning_find() has what it means.
 */
void oauth_read(const struct operation *op, const char *host,
    const struct http_answer *http, struct reply *r);

#endif
