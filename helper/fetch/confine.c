/* SPDX-License-Identifier: MIT */
/* confine - shut sasl-bearer-fetch in with what TLS and DNS need */
#include "config.h"

#include <stddef.h>

#include <curl/curl.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/fetch/confine.h"
#include "helper/sandbox/sandbox.h"

/*
 * Not /etc as a whole, where our own secrets are. A file that is replaced while
 * we run is lost to us, but that is for seconds.
 */
static const char *const places[] = {
    /* names: libc, its modules and their settings */
    "/etc/gai.conf", "/etc/host.conf", "/etc/hosts", "/etc/ld.so.cache",
    "/etc/nsswitch.conf", "/etc/protocols", "/etc/resolv.conf", "/etc/services",
    /* time, for the dates of certificates */
    "/etc/localtime",
    /* certificates and settings of TLS libraries, in various systems */
    "/etc/ca-certificates", "/etc/crypto-policies", "/etc/gnutls",
    "/etc/pkcs11", "/etc/pki", "/etc/ssl", "/var/lib/ca-certificates",
    "/dev/urandom", "/proc/sys/crypto/fips_enabled",
    /* libraries that are loaded late, zones, certificates again */
    "/lib", "/lib32", "/lib64", "/libx32", "/usr"};

static int
fail(struct reply *r, const char *what, int code)
{
	char text[64];

	reply_fail(r, STATUS_TEMPORARY,
	    "sasl-bearer-fetch cannot shut itself in: %s: %s", what,
	    err_text(code, text, sizeof(text)));
	return code;
}

int
confine_calls(struct reply *r)
{
	int code = sandbox_calls(SANDBOX_FETCH);

	return code < 0 ? fail(r, "seccomp", code) : 0;
}

int
confine_files(const char *ca_file, struct reply *r)
{
	const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
	const char *const more[] = {ca_file, curl->cainfo, curl->capath};
	struct sandbox_files files;
	int code, entered;
	size_t i;

	code = sandbox_files_open(&files, SANDBOX_CONNECT);
	if (code < 0)
		return fail(r, "landlock", code);
	for (i = 0; code == 0 && i < COUNT_OF(places); i++)
		code = sandbox_files_allow(&files, places[i], SANDBOX_READ);
	for (i = 0; code == 0 && i < COUNT_OF(more); i++)
		if (more[i])
			code =
			    sandbox_files_allow(&files, more[i], SANDBOX_READ);
	entered = sandbox_files_enter(&files);
	if (code == 0)
		code = entered;
	return code < 0 ? fail(r, "landlock", code) : 0;
}
