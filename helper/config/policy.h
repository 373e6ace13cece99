/* SPDX-License-Identifier: MIT */
/* policy.h - which names match which patterns; pure */
#ifndef SASL_BEARER_POLICY_H
#define SASL_BEARER_POLICY_H

enum match { MATCH_NONE, MATCH_GLOB, MATCH_EXACT };

/*
 * Whether a server's name is in a list of hosts.
 *
 *	hosts	names, "*.domain" or IP literals; NULL at the end
 *	host	as the SASL program has it; one trailing dot is not counted
 *
 * Without regard to ASCII case. "*.x" stands for exactly one label and never
 * for an address; an address, or a name with ':', '[' or '/', matches only
 * itself. Nothing is resolved.
 */
enum match policy_host(char *const *hosts, const char *host);

/*
 * Whether a user name is what an account serves.
 *
 *	pattern	a name, or "*@domain": then the local part must be 1..64
 *		bytes of an address's ordinary characters
 */
enum match policy_user(const char *pattern, const char *user);

#endif
