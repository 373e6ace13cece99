/* SPDX-License-Identifier: MIT */
/* issuer.h - whether an answer came from the provider that was asked */
#ifndef SASL_BEARER_ISSUER_H
#define SASL_BEARER_ISSUER_H

/*
 * Compare the iss of an answer with the issuer that is expected (RFC 9207
 * section 2.4).
 *
 *	expected	as the provider's metadata have it; "{tenantid}" in it,
 *			as Microsoft writes, stands for any one part of a path
 *
 * A slash at the end does not matter. Returns whether they agree.
 */
int issuer_matches(const char *expected, const char *iss);

#endif
