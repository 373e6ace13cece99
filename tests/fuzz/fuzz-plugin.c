/* SPDX-License-Identifier: MIT */
/*
 * fuzz-plugin - logins through the real libsasl2 and our plugin
 *
 * Fields: letters that choose (see choose()), the user, the user to act for,
 * the server's name, its address and port, the helper's reply, and then what
 * the server says, one field a step.
 *
 * The helper is this program: the plugin is linked with its socket calls wrapped,
 * and when it waits, there is an answer. Whatever comes, nothing but a whole
 * response with the token of an "ok" goes to the server, and nothing of it
 * after the first step.
 */
#include "config.h"

#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#ifdef __GLIBC__
#include <nss.h>
#endif

#include <sasl/sasl.h>
#include <sasl/saslplug.h>

#include "common/err.h"
#include "common/msg.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/wire-read.h"

#define INPUT_MAX (2 * MSG_MAX)
#define HELLO "protocol=1\nstatus=ok\n\n"
#define STEPS_MAX 8

int sasl_client_plug_init(const sasl_utils_t *utils, int max_version,
    int *ret_version, sasl_client_plug_t **ret_list, int *ret_count);
int __real_poll(struct pollfd *p, nfds_t n, int timeout_ms);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_connect(int fd, const struct sockaddr *a, socklen_t len);
int __wrap_poll(struct pollfd *p, nfds_t n, int timeout_ms);

/* ---- the helper: the other end of the one connection there is */

static struct {
	int fd;
	const char *reply;
	size_t len;
	size_t sent;
	int fragments; /* a byte comes first, and the rest later */
} helper = {.fd = -1, .reply = HELLO, .len = sizeof(HELLO) - 1};

static void
helper_close(void)
{
	if (helper.fd >= 0)
		close(helper.fd);
	helper.fd = -1;
}

int
__wrap_socket(int domain, int type, int protocol)
{
	int fd[2];

	helper_close();
	if (socketpair(domain, type, protocol, fd) < 0)
		abort();
	helper.fd = fd[1];
	helper.sent = 0;
	return fd[0];
}

int
__wrap_connect(int fd, const struct sockaddr *a, socklen_t len)
{
	(void)fd;
	(void)a;
	(void)len;
	return 0;
}

/* What the plugin asks must be a request, without a secret. */
static void
check_request(void)
{
	static char buf[8192];
	ssize_t n = recv(helper.fd, buf, sizeof(buf), 0);
	struct msg m;

	if (n > 0 &&
	    (msg_parse(&m, buf, (size_t)n) < 0 || !msg_get(&m, "request") ||
		msg_get(&m, "token")))
		abort();
}

/* Whenever the plugin waits, something comes. */
int
__wrap_poll(struct pollfd *p, nfds_t n, int timeout_ms)
{
	size_t more = helper.len - helper.sent;

	if (helper.fd >= 0) {
		check_request();
		if (helper.fragments && helper.sent == 0 && more > 1)
			more = 1;
		(void)!send(
		    helper.fd, helper.reply + helper.sent, more, MSG_NOSIGNAL);
		helper.sent += more;
		if (helper.sent == helper.len)
			helper_close();
	}
	return __real_poll(p, n, timeout_ms);
}

/* ---- the program */

struct program {
	const char *service;
	const char *mechs;
	int asks; /* it prompts for the user name */
	int null; /* an empty challenge is none */
	char *user, *authzid, *host, *address;
};

static int
get_name(void *context, int id, const char **ret, unsigned *len)
{
	const struct program *p = context;

	(void)len;
	*ret = id == SASL_CB_AUTHNAME ? p->user : p->authzid;
	return SASL_OK;
}

static int
no_log(void *context, int level, const char *text)
{
	(void)context;
	(void)level;
	(void)text;
	return SASL_OK;
}

typedef int (*proc)(void);
#define PROC(f) ((proc)(void (*)(void))(f))

static void
init(void)
{
	static const sasl_callback_t quiet[] = {
	    {SASL_CB_LOG, PROC(no_log), NULL},
	    {SASL_CB_LIST_END, NULL, NULL},
	};

#ifdef __GLIBC__
	/* sasl_client_new() looks up this machine's name */
	__nss_configure_lookup("hosts", "files");
#endif
	setenv("SASL_PATH", "/nowhere", 1);
	setenv("SASL_BEARER_SOCKET", "/nowhere/socket", 1);
	if (sasl_client_init(quiet) != SASL_OK ||
	    sasl_client_add_plugin("saslbearer", sasl_client_plug_init) !=
		SASL_OK)
		abort();
}

/* i, s or p is the service; x or o the one mechanism; the rest as here. */
static void
choose(const char *letters, struct program *p)
{
	p->service = strchr(letters, 'i') ? "imap"
	    : strchr(letters, 's')	  ? "smtp"
	    : strchr(letters, 'p')	  ? "pop"
					  : "sieve";
	p->mechs = strchr(letters, 'x') ? "XOAUTH2"
	    : strchr(letters, 'o')	? "OAUTHBEARER"
					: "PLAIN XOAUTH2 OAUTHBEARER";
	p->asks = strchr(letters, 'a') != NULL;
	p->null = strchr(letters, 'n') != NULL;
	helper.fragments = strchr(letters, 'f') != NULL;
}

/* What the server gets must be what the helper's reply says. */
static void
check_response(
    const struct program *p, const char *mech, const char *out, size_t len)
{
	static struct wire_read r;
	char *text = fuzz_copy(helper.reply, helper.len);
	ssize_t n = msg_length(text, helper.len);
	size_t host = strlen(p->host);
	struct msg m;

	wire_read(
	    strcmp(mech, "XOAUTH2") == 0 ? WIRE_XOAUTH2 : WIRE_OAUTHBEARER, out,
	    len, &r);
	if (n <= 0 || msg_parse(&m, text, (size_t)n) < 0 ||
	    status_parse(msg_get(&m, "status")) != STATUS_OK ||
	    strcmp(r.token, msg_get(&m, "token")) != 0 ||
	    strcmp(r.user, msg_get(&m, "sasl_user")) != 0)
		abort();
	if (host > 0 && p->host[host - 1] == '.')
		host--;
	if (*r.host &&
	    (strlen(r.host) != host || strncasecmp(r.host, p->host, host) != 0))
		abort();
	if (*r.port && !strstr(p->address, r.port))
		abort();
	free(text);
}

static void
check_error(sasl_conn_t *conn, const char *out, unsigned len)
{
	const char *why = sasl_errdetail(conn);

	if (out && len > 0)
		abort();
	if (why && !util_text_valid(why, strlen(why)))
		abort();
}

/* Returns whether the login has begun. */
static int
start(sasl_conn_t *conn, struct program *p, const char **mech)
{
	sasl_interact_t *prompts = NULL;
	const char *out = NULL;
	unsigned len = 0;
	int r = sasl_client_start(conn, p->mechs, &prompts, &out, &len, mech);

	if (r == SASL_INTERACT) {
		if (prompts[0].id != SASL_CB_AUTHNAME ||
		    prompts[1].id != SASL_CB_LIST_END)
			abort();
		prompts[0].result = p->user;
		r = sasl_client_start(
		    conn, p->mechs, &prompts, &out, &len, mech);
	}
	if (r == SASL_OK || r == SASL_CONTINUE) {
		check_response(p, *mech, out, len);
		if ((r == SASL_CONTINUE) != (strcmp(p->service, "imap") == 0))
			abort();
		return 1;
	}
	check_error(conn, out, len);
	return 0;
}

static void
step(sasl_conn_t *conn, const struct program *p, const char *mech, int number,
    const char *in, size_t size)
{
	const char *out = NULL;
	unsigned len = 0;
	int r = sasl_client_step(conn, size == 0 && p->null ? NULL : in,
	    (unsigned)size, NULL, &out, &len);

	if ((r == SASL_OK) != (number == 1))
		abort();
	if (r != SASL_OK)
		check_error(conn, out, len);
	else if (len > 0 &&
	    (len != 1 || *out != 1 || *in != '{' ||
		strcmp(mech, "OAUTHBEARER") != 0))
		abort();
}

static void
run(struct program *p, struct fuzz_input *in)
{
	const sasl_callback_t callbacks[] = {
	    {SASL_CB_AUTHNAME, p->asks ? NULL : PROC(get_name), p},
	    {*p->authzid ? SASL_CB_USER : SASL_CB_LIST_END, PROC(get_name), p},
	    {SASL_CB_LIST_END, NULL, NULL},
	};
	sasl_conn_t *conn = NULL;
	const char *mech = NULL;
	char *challenge, *exact;
	size_t len;
	int i;

	if (sasl_client_new(p->service, *p->host ? p->host : NULL, NULL, NULL,
		callbacks, 0, &conn) != SASL_OK)
		return;
	sasl_setprop(conn, SASL_IPREMOTEPORT, p->address);
	if (start(conn, p, &mech))
		for (i = 1; i <= STEPS_MAX; i++) {
			challenge = fuzz_field(in, &len);
			if (!challenge)
				break;
			/* libsasl2 wants no NUL; a byte beyond is an error */
			exact = malloc(len);
			if (len > 0)
				memcpy(exact, challenge, len);
			step(conn, p, mech, i, exact, len);
			free(exact);
			free(challenge);
		}
	sasl_dispose(&conn);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int ready;
	struct fuzz_input in = {data, size};
	char *letters = fuzz_field(&in, NULL), *reply;
	struct program p = {0};

	if (!ready++)
		init();
	p.user = fuzz_field(&in, NULL);
	p.authzid = fuzz_field(&in, NULL);
	p.host = fuzz_field(&in, NULL);
	p.address = fuzz_field(&in, NULL);
	reply = fuzz_field(&in, &helper.len);
	if (reply) {
		choose(letters, &p);
		helper.reply = reply;
		run(&p, &in);
		helper_close();
	}
	free(letters);
	free(p.user);
	free(p.authzid);
	free(p.host);
	free(p.address);
	free(reply);
	return 0;
}

FUZZ_MAIN(INPUT_MAX)
