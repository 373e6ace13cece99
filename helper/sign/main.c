/* SPDX-License-Identifier: MIT */
/* main - sasl-bearer-sign: one request and one key in, one assertion out */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "common/child.h"
#include "common/util.h"
#include "helper/sandbox/sandbox.h"
#include "helper/sign/assertion.h"

#define KEY_FD 3
#define CERT_FD 4
#define TIME_MS 10000 /* for all: files may be slow, and passwords costly */

/* All there is, and most of it secret. */
struct sign {
	char in[MSG_MAX];
	char key_data[KEY_FILE_MAX];
	char cert_data[KEY_FILE_MAX];
	struct msg request;
	struct assertion assertion;
	struct key_files files;
	struct key key;
	struct reply reply;
};

/* Read a file to f->data, KEY_FILE_MAX bytes. Returns 0 or a code. */
static int
read_file(int fd, char *data, struct bundle_file *f, struct reply *r)
{
	char text[64];
	int e = util_read_all(fd, data, KEY_FILE_MAX, &f->len);

	if (e == 0 && f->len > 0) {
		f->data = data;
		return 0;
	}
	if (e == -ERR_TOOBIG)
		reply_fail(r, STATUS_CONFIG,
		    "\"%.400s\" is longer than %d bytes, so it is neither a "
		    "key nor a certificate",
		    f->path, KEY_FILE_MAX);
	else
		reply_fail(r, STATUS_CONFIG, "\"%.400s\" %s%s", f->path,
		    e < 0 ? "cannot be read: " : "is empty",
		    e < 0 ? err_text(e, text, sizeof(text)) : "");
	return e < 0 ? e : -ENODATA;
}

/* Read key and certificate. Returns 0 or a code after reply_fail(). */
static int
read_files(struct sign *s)
{
	const char *key = msg_get(&s->request, "client_key");
	const char *cert = msg_get(&s->request, "client_certificate");
	int e;

	s->files.password = msg_get(&s->request, "password");
	s->files.key.path = key ? key : cert ? cert : "client_key";
	s->files.cert.path = cert ? cert : "client_certificate";
	if (fcntl(KEY_FD, F_GETFD) < 0) {
		reply_fail(&s->reply, STATUS_BAD,
		    "descriptor %d, the key, is not open", KEY_FD);
		return -EBADF;
	}
	e = read_file(KEY_FD, s->key_data, &s->files.key, &s->reply);
	if (e == 0 && fcntl(CERT_FD, F_GETFD) >= 0)
		e = read_file(CERT_FD, s->cert_data, &s->files.cert, &s->reply);
	return e;
}

static void
run(struct sign *s)
{
	int64_t now_s = (int64_t)time(NULL);

	if (assertion_parse(&s->assertion, &s->request, &s->reply) == 0 &&
	    read_files(s) == 0 &&
	    key_load(&s->key, &s->files, now_s, &s->reply) == 0)
		(void)assertion_make(&s->assertion, &s->key, now_s, &s->reply);
	key_clear(&s->key);
}

/*
 * No file, no network, no other process; nothing but what is open. Returns 0,
 * or a negative code after reply_fail().
 */
static int
confine(struct reply *r)
{
	struct sandbox_files none = {.fd = -1};
	char text[64];
	int code = sandbox_files_open(&none, 0);

	if (code == 0)
		code = sandbox_files_enter(&none);
	if (code == 0)
		code = sandbox_calls(SANDBOX_SIGN);
	if (code < 0)
		reply_fail(r, STATUS_TEMPORARY,
		    "sasl-bearer-sign cannot shut itself in: %s",
		    err_text(code, text, sizeof(text)));
	return code < 0 ? code : 0;
}

int
main(int argc, char **argv)
{
	static struct sign s;
	int code = child_usage("sasl-bearer-sign", argc, argv);

	if (code >= 0)
		return code;
	if (child_begin(CERT_FD) < 0)
		return EX_SOFTWARE;
	/* the system's openssl.cnf is a file more, and names modules to load */
	if (!OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL))
		return EX_SOFTWARE;
	/* some libcrypto read a file before they make the first number */
	if (!RAND_status())
		return EX_SOFTWARE;
	s.reply.request = &s.request;
	child_set_alarm(TIME_MS);
	if (confine(&s.reply) == 0 &&
	    child_receive(&s.request, s.in, &s.reply) == 0)
		run(&s);
	code = child_send(&s.reply);
	util_wipe(&s, sizeof(s));
	return code;
}
