/* SPDX-License-Identifier: MIT */
/* tls.h - what OpenSSL needs to be told */
#ifndef SASL_BEARER_TLS_H
#define SASL_BEARER_TLS_H

#include <openssl/ssl.h>

/*
 * Make a client's TLS for a connected socket that does not block: TLS 1.2 or
 * later, the certificate verified and good for host, RFC 9525; SNI for names.
 *
 *	host	a name, or an address
 *	ca_file	certificates to trust, or NULL: the system's, or those that the
 *		variable SSL_CERT_FILE names
 *
 * Returns 0, -ENOMEM, or -ERR_FORMAT: the certificates are not usable, and
 * tls_reason(NULL) knows why.
 */
int tls_new(int fd, const char *host, const char *ca_file, SSL **ret);

/* Why a handshake failed, in words; ssl may be NULL. Returns buf. */
const char *tls_reason(const SSL *ssl, char *buf, size_t size);

/*
 * The protocol and until when the certificate is good, for people: "TLSv1.3,
 * certificate good until 2027-01-31". Returns buf.
 */
const char *tls_describe(const SSL *ssl, char *buf, size_t size);

#endif
