/* SPDX-License-Identifier: MIT */
/* test-wire - responses against published and computed examples */
#include "config.h"

#include <stdlib.h>
#include <openssl/evp.h>

#include "common/err.h"
#include "common/util.h"
#include "common/wire.h"
#include "tests/unit/tap.h"

static const struct {
	const char *what;
	enum wire_mech mech;
	struct wire_response r;
	const char *base64;
} rows[] = {
    {"Google's XOAUTH2 example", WIRE_XOAUTH2,
	{"someuser@example.com", NULL, NULL,
	    "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"},
	"dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRx"
	"bVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ=="},
    {"Microsoft's XOAUTH2 example", WIRE_XOAUTH2,
	{"test@contoso.onmicrosoft.com", NULL, NULL,
	    "EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA"},
	"dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFB"
	"bDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ=="},
    {"RFC 7628 section 4.1, IMAP", WIRE_OAUTHBEARER,
	{"user@example.com", "server.example.com", "143",
	    "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="},
	"bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9"
	"MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZ"
	"Mjl0Q2c9PQEB"},
    {"RFC 7628 section 4.1, SMTP", WIRE_OAUTHBEARER,
	{"user@example.com", "server.example.com", "587",
	    "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="},
	"bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9"
	"NTg3AWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZ"
	"Mjl0Q2c9PQEB"},
    {"',' and '=' escaped", WIRE_OAUTHBEARER,
	{"a,b=c@example.com", NULL, NULL, "tok"},
	"bixhPWE9MkNiPTNEY0BleGFtcGxlLmNvbSwBYXV0aD1CZWFyZXIgdG9rAQE="},
    {"smallest OAUTHBEARER", WIRE_OAUTHBEARER,
	{"user@example.com", NULL, NULL, "tok"},
	"bixhPXVzZXJAZXhhbXBsZS5jb20sAWF1dGg9QmVhcmVyIHRvawEB"},
    {"smallest XOAUTH2", WIRE_XOAUTH2, {"u@e.com", NULL, NULL, "tok"},
	"dXNlcj11QGUuY29tAWF1dGg9QmVhcmVyIHRvawEB"},
    {"a UTF-8 user", WIRE_XOAUTH2,
	{"\xea\xb4\x80\xeb\xa6\xac\xec\x9e\x90@example.com", NULL, NULL, "tok"},
	"dXNlcj3qtIDrpqzsnpBAZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgdG9rAQE="},
    {"Dovecot's OAUTHBEARER example", WIRE_OAUTHBEARER,
	{"user@example.com", "localhost", "143", "1234567890"},
	"bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9bG9jYWxob3N0AXBvcnQ9MTQzAWF1dGg9"
	"QmVhcmVyIDEyMzQ1Njc4OTABAQ=="},
    {"Dovecot's XOAUTH2 example; host is not sent", WIRE_XOAUTH2,
	{"user@example.com", "localhost", "143", "1234567890"},
	"dXNlcj11c2VyQGV4YW1wbGUuY29tAWF1dGg9QmVhcmVyIDEyMzQ1Njc4OTABAQ=="},
};

static const struct {
	const char *what;
	struct wire_response r;
} bad_rows[] = {
    {"0x01 in the user", {"a\001auth=Bearer x", NULL, NULL, "tok"}},
    {"LF in the user", {"a\nb", NULL, NULL, "tok"}},
    {"no user", {"", NULL, NULL, "tok"}},
    {"0x01 in the host", {"u", "h\001x", NULL, "tok"}},
    {"a port with a leading zero", {"u", "h", "0143", "tok"}},
    {"a port that is no number", {"u", "h", "14x", "tok"}},
    {"0x01 in the token", {"u", NULL, NULL, "to\001k"}},
    {"CR in the token", {"u", NULL, NULL, "tok\r"}},
    {"an empty token", {"u", NULL, NULL, ""}},
};

static void
test_vectors(void)
{
	unsigned char base64[1024];
	char buf[512];
	size_t i;
	ssize_t n;

	for (i = 0; i < COUNT_OF(rows); i++) {
		n = wire_format(rows[i].mech, &rows[i].r, buf);
		tap_ok(n > 0 && (size_t)n <= wire_size(&rows[i].r),
		    "%s: fits wire_size", rows[i].what);
		EVP_EncodeBlock(base64, (unsigned char *)buf, n > 0 ? (int)n : 0);
		tap_is((char *)base64, rows[i].base64, rows[i].what);
	}
}

static void
test_refused(void)
{
	char buf[512];
	size_t i;

	for (i = 0; i < COUNT_OF(bad_rows); i++)
		tap_ok(wire_format(WIRE_OAUTHBEARER, &bad_rows[i].r, buf) ==
			-ERR_CONTROL,
		    "R6: refused: %s", bad_rows[i].what);
}

static void
test_limits(void)
{
	char user[USER_MAX + 2], host[HOST_MAX + 2];
	char *token = malloc(TOKEN_MAX + 2), *buf;
	struct wire_response r = {user, host, "65535", token};
	size_t size;
	ssize_t n;

	memset(user, '=', USER_MAX + 1);
	memset(host, 'h', HOST_MAX + 1);
	memset(token, 't', TOKEN_MAX + 1);
	user[USER_MAX + 1] = host[HOST_MAX + 1] = token[TOKEN_MAX + 1] = '\0';
	tap_ok(wire_size(&r) == 0, "a user above the limit is refused");
	user[USER_MAX] = '\0';
	tap_ok(wire_size(&r) == 0, "a host above the limit is refused");
	host[HOST_MAX] = '\0';
	tap_ok(wire_size(&r) == 0, "a token above the limit is refused");
	token[TOKEN_MAX] = '\0';
	size = wire_size(&r);
	buf = malloc(size);
	n = wire_format(WIRE_OAUTHBEARER, &r, buf);
	tap_ok(n > 0 && (size_t)n <= size, "the largest fits: %zd of %zu", n,
	    size);
	free(buf);
	free(token);
}

int
main(void)
{
	test_vectors();
	test_refused();
	test_limits();
	return tap_done();
}
