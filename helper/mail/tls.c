/* SPDX-License-Identifier: MIT */
/* tls - what OpenSSL needs to be told */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/mail/tls.h"

static int
is_address(const char *host)
{
	struct in6_addr buf;

	return inet_pton(AF_INET, host, &buf) == 1 ||
	    inet_pton(AF_INET6, host, &buf) == 1;
}

/* Settings for all connections. Returns NULL where memory lacks. */
static SSL_CTX *
new_context(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	if (!context)
		return NULL;
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(context,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF
	/* mail protocols have ends of their own, and some servers just close */
	SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
#endif
	return context;
}

/* Which name the certificate must have. */
static int
set_name(SSL *ssl, const char *host)
{
	char name[HOST_MAX + 1]; /* OpenSSL's type is not const */

	snprintf(name, sizeof(name), "%s", host);
	if (is_address(host))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, name);
}

int
tls_new(int fd, const char *host, const char *ca_file, SSL **ret)
{
	SSL_CTX *context;
	SSL *ssl = NULL;
	int good;

	ERR_clear_error();
	context = new_context();
	if (!context)
		return -ENOMEM;
	good = ca_file ? SSL_CTX_load_verify_locations(context, ca_file, NULL)
		       : SSL_CTX_set_default_verify_paths(context);
	if (!good) {
		SSL_CTX_free(context);
		return -ERR_FORMAT;
	}
	ssl = SSL_new(context);
	SSL_CTX_free(context);
	if (!ssl || !set_name(ssl, host) || !SSL_set_fd(ssl, fd)) {
		SSL_free(ssl);
		return -ENOMEM;
	}
	*ret = ssl;
	return 0;
}

const char *
tls_reason(const SSL *ssl, char *buf, size_t size)
{
	long verify = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	if (verify != X509_V_OK)
		snprintf(buf, size, "its certificate is no good: %s",
		    X509_verify_cert_error_string(verify));
	else
		snprintf(buf, size, "%s", reason ? reason : "no reason given");
	return buf;
}

const char *
tls_describe(const SSL *ssl, char *buf, size_t size)
{
	X509 *certificate = SSL_get0_peer_certificate(ssl);
	struct tm end = {0};
	size_t len;

	snprintf(buf, size, "%s", SSL_get_version(ssl));
	len = strlen(buf);
	if (certificate &&
	    ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1)
		strftime(buf + len, size - len,
		    ", certificate good until %Y-%m-%d", &end);
	return buf;
}
