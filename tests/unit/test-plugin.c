/* SPDX-License-Identifier: MIT */
/* test-plugin - the plugin through the real libsasl2, with a scripted helper */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <nss.h>
#endif
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sasl/sasl.h>
#include <sasl/saslplug.h>

#include "common/msg.h"
#include "common/util.h"
#include "tests/unit/tap.h"

#define GOOD "\001auth=Bearer tok-1\001\001"
#define OUTAGE "{\"status\":\"internal_failure\",\"scope\":\"mail\"}"
#define JSON "{\"status\":\"401\",\"scope\":\"mail\"}\n"

/* What the helper has been asked; shared with its process. */
struct seen {
	unsigned tokens, rejects;
	char request[4096];
};

static struct seen *seen;
static char dir[] = "/tmp/sb-plugin-XXXXXX";
static char socket_path[64];

/* ---- the scripted helper: the user name says how to answer */

static void
answer_token(const struct msg *m, struct msg_writer *w)
{
	const char *user = msg_get(m, "user"), *authzid = msg_get(m, "authzid");
	static const char *const statuses[] = {
	    "temporary", "login_required", "denied", "config", "bad"};
	char too_long[USER_MAX + 2];
	size_t i;

	for (i = 0; i < COUNT_OF(statuses); i++)
		if (strcmp(user, statuses[i]) == 0) {
			msg_put(w, "status", user);
			msg_put(w, "reason", "because 100%s of it");
			return;
		}
	memset(too_long, 'u', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	msg_put(w, "status", "ok");
	msg_put(
	    w, "token", strcmp(user, "badtoken") == 0 ? "tok 1, x" : "tok-1");
	msg_put(w, "token_id", "0123456789abcdef");
	if (strcmp(user, "longuser") == 0)
		msg_put(w, "sasl_user", too_long);
	else if (strcmp(user, "nouser") != 0)
		msg_put(w, "sasl_user", authzid ? authzid : user);
}

static void
answer(const struct msg *m, struct msg_writer *w)
{
	const char *request = msg_get(m, "request");

	if (strcmp(request, "hello") == 0) {
		msg_put(
		    w, "status", access("denied", F_OK) == 0 ? "denied" : "ok");
	} else if (strcmp(request, "reject") == 0) {
		seen->rejects++;
		msg_put(w, "status", "ok");
	} else {
		seen->tokens++;
		answer_token(m, w);
	}
}

static void
serve_one(int fd)
{
	char in[4096], out[4096];
	struct msg_writer w;
	struct msg m;
	ssize_t n = recv(fd, in, sizeof(in), 0);
	size_t i;

	if (n <= 0)
		return;
	memcpy(seen->request, in, (size_t)n);
	seen->request[n] = '\0';
	if (msg_parse(&m, in, (size_t)n) < 0)
		return;
	msg_begin(&w, out, sizeof(out));
	answer(&m, &w);
	msg_end(&w);
	if (msg_get(&m, "user") && strcmp(msg_get(&m, "user"), "more") == 0)
		w.buf[w.len++] = 'x';
	if (msg_get(&m, "user") && strcmp(msg_get(&m, "user"), "cut") == 0)
		w.len -= 2;
	/* in fragments, as a slow machine would */
	for (i = 0; i < w.len; i += 7)
		(void)!send(
		    fd, out + i, w.len - i < 7 ? w.len - i : 7, MSG_NOSIGNAL);
}

static pid_t
start_helper(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), client;
	pid_t pid;

	memcpy(addr.sun_path, socket_path, strlen(socket_path) + 1);
	unlink(socket_path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, 64) < 0)
		exit(1);
	pid = fork();
	if (pid == 0) {
		(void)!chdir(dir);
		while ((client = accept(fd, NULL, NULL)) >= 0) {
			serve_one(client);
			close(client);
		}
		_exit(0);
	}
	close(fd);
	return pid;
}

static void
stop_helper(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* ---- a program with callbacks */

struct program {
	const char *user, *authzid;
};

static int
get_name(void *context, int id, const char **ret, unsigned *len)
{
	const struct program *p = context;

	(void)len; /* some programs do not set it */
	*ret = id == SASL_CB_AUTHNAME ? p->user : p->authzid;
	return SASL_OK;
}

/* As a password callback with the wrong type would: it must not be called. */
static int
get_password(void)
{
	abort();
}

typedef int (*proc)(void);
#define PROC(f) ((proc)(void (*)(void))(f))

struct session {
	sasl_conn_t *conn;
	sasl_callback_t callbacks[4];
	struct program program;
	const char *out;
	unsigned len;
	const char *mech;
};

static void
open_session(
    struct session *s, const char *service, const char *host, const char *user)
{
	s->program.user = user;
	s->callbacks[0] =
	    (sasl_callback_t){SASL_CB_AUTHNAME, PROC(get_name), &s->program};
	s->callbacks[1] =
	    (sasl_callback_t){SASL_CB_PASS, PROC(get_password), NULL};
	s->callbacks[2] = (sasl_callback_t){
	    s->program.authzid ? SASL_CB_USER : SASL_CB_LIST_END,
	    PROC(get_name), &s->program};
	s->callbacks[3] = (sasl_callback_t){SASL_CB_LIST_END, NULL, NULL};
	sasl_client_new(service, host, NULL, NULL, s->callbacks, 0, &s->conn);
}

static int
start(struct session *s, const char *mechs)
{
	return sasl_client_start(
	    s->conn, mechs, NULL, &s->out, &s->len, &s->mech);
}

static int
step(struct session *s, const char *in, size_t len)
{
	s->out = "unset";
	s->len = 99;
	return sasl_client_step(
	    s->conn, in, (unsigned)len, NULL, &s->out, &s->len);
}

static int
sent(const struct session *s, const char *want)
{
	return s->out && s->len == strlen(want) &&
	    memcmp(s->out, want, s->len) == 0;
}

/* ---- the promises */

static void
test_response(void)
{
	static const struct {
		const char *service, *host, *user, *authzid, *mech, *response;
		int result;
	} rows[] = {
	    {"imap", "localhost", "a@b", NULL, "XOAUTH2", "user=a@b" GOOD,
		SASL_CONTINUE},
	    {"smtp", "localhost", "a@b", NULL, "XOAUTH2", "user=a@b" GOOD,
		SASL_OK},
	    {"pop", "localhost", "a@b", NULL, "XOAUTH2", "user=a@b" GOOD,
		SASL_OK},
	    {"ldap", "localhost", "a@b", NULL, "XOAUTH2", "user=a@b" GOOD,
		SASL_OK},
	    {"imap", "localhost", "a@b", NULL, "OAUTHBEARER",
		"n,a=a@b,\001host=localhost" GOOD, SASL_CONTINUE},
	    {"smtp", "mail.example.com.", "a@b", NULL, "OAUTHBEARER",
		"n,a=a@b,\001host=mail.example.com" GOOD, SASL_OK},
	    {"smtp", "h", "a@b", "shared@b", "XOAUTH2", "user=shared@b" GOOD,
		SASL_OK},
	    {"smtp", "h", "a@b", "a@b", "XOAUTH2", "user=a@b" GOOD, SASL_OK},
	    {"smtp", "h", "a@b", "", "XOAUTH2", "user=a@b" GOOD, SASL_OK},
	};
	struct session s = {0};
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(rows); i++) {
		s = (struct session){.program.authzid = rows[i].authzid};
		open_session(&s, rows[i].service, rows[i].host, rows[i].user);
		r = start(&s, rows[i].mech);
		tap_ok(r == rows[i].result && sent(&s, rows[i].response),
		    "%s, %s, user %s, authzid %s: %d", rows[i].mech,
		    rows[i].service, rows[i].user,
		    rows[i].authzid ? rows[i].authzid : "-", r);
		sasl_dispose(&s.conn);
	}
	tap_ok(strstr(seen->request, "\nmechanism=XOAUTH2\n") &&
		strstr(seen->request, "\nhost=h\n") &&
		strstr(seen->request, "\nservice=smtp\n") &&
		strstr(seen->request, "\ndeadline_ms="),
	    "the helper is told mechanism, service, host and deadline");
	tap_ok(!strstr(seen->request, "authzid"),
	    "an authzid equal to the user, or empty, is not sent");
}

static void
test_port(void)
{
	static const struct {
		const char *remote, *response;
	} rows[] = {
	    {"192.0.2.1;143", "n,a=a@b,\001host=h\001port=143" GOOD},
	    {"2001:db8::1;993", "n,a=a@b,\001host=h\001port=993" GOOD},
	};
	struct session s = {0};
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		open_session(&s, "smtp", "h", "a@b");
		sasl_setprop(s.conn, SASL_IPREMOTEPORT, rows[i].remote);
		tap_ok(start(&s, "OAUTHBEARER") == SASL_OK &&
			sent(&s, rows[i].response) &&
			strstr(seen->request, "\nport="),
		    "port of %s", rows[i].remote);
		sasl_dispose(&s.conn);
	}
}

static void
test_outcome(void)
{
	static const struct {
		const char *what, *mech, *in;
		size_t len;
		const char *out;
		unsigned rejects;
	} rows[] = {
	    {"nothing", "XOAUTH2", NULL, 0, "", 0},
	    {"an empty string", "OAUTHBEARER", "", 0, "", 0},
	    {"stale bytes", "XOAUTH2", "AUTHENTICATE XOAUTH2 ", 21, "", 0},
	    {"an outage", "XOAUTH2", OUTAGE, sizeof(OUTAGE) - 1, "", 0},
	    {"an error", "XOAUTH2", JSON, sizeof(JSON) - 1, "", 1},
	    {"an error", "OAUTHBEARER", JSON, sizeof(JSON) - 1, "\001", 1},
	};
	struct session s = {0};
	unsigned before;
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(rows); i++) {
		before = seen->rejects;
		open_session(&s, "imap", "h", "a@b");
		start(&s, rows[i].mech);
		r = step(&s, rows[i].in, rows[i].len);
		tap_ok(r == SASL_OK && s.len == strlen(rows[i].out) &&
			(s.len == 0 || sent(&s, rows[i].out)),
		    "W5: %s: then comes %s: SASL_OK, %u bytes", rows[i].mech,
		    rows[i].what, s.len);
		tap_ok(seen->rejects - before == rows[i].rejects,
		    "the helper is told of a rejection %u times",
		    rows[i].rejects);
		tap_ok(step(&s, JSON, sizeof(JSON) - 1) == SASL_BADAUTH,
		    "a third step is SASL_BADAUTH");
		sasl_dispose(&s.conn);
	}
	tap_ok(strstr(seen->request, "\ntoken_id=0123456789abcdef\n") &&
		strstr(
		    seen->request, "\ndetail=status 401, scope \"mail\"\n") &&
		!strstr(seen->request, "tok-1"),
	    "a rejection names the token by its id, and the server's words");
}

/* Whether a login goes on after a challenge that says nothing of use. */
static int
survives(const char *in, size_t len)
{
	struct session s = {0};
	int good;

	open_session(&s, "smtp", "h", "a@b");
	start(&s, "XOAUTH2");
	good = step(&s, in, len) == SASL_OK && s.len == 0;
	sasl_dispose(&s.conn);
	return good;
}

/* Challenges end where memory does, so that one byte too many is fatal. */
static void
test_odd_challenges(void)
{
	static const char *const cut[] = {"{", "{\"", "{\"status",
	    "{\"status\"", "{\"status\":", "{\"status\":\"4",
	    "{\"status\":\"4\\", "{\"status\":4", "{\"status\":\"401\"",
	    "{\"a\":1,", "{\xc3"};
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 32 * page, i, len;
	char *at = mmap(NULL, size + page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned good = 0;

	if (at == MAP_FAILED || mprotect(at + size, page, PROT_NONE) < 0)
		exit(1);
	for (i = 0; i < COUNT_OF(cut); i++) {
		len = strlen(cut[i]);
		memcpy(at + size - len, cut[i], len);
		good += (unsigned)survives(at + size - len, len);
	}
	tap_ok(good == COUNT_OF(cut),
	    "H6: challenges without an end, at the end of memory");
	memset(at, '{', size);
	tap_ok(survives(at, size), "H6: a challenge of %zu bytes", size);
	memcpy(at, "{\"status\":\"", 11);
	tap_ok(survives(at, size), "H6: and one with a status of that size");
	munmap(at, size + page);
}

static void
test_failures(void)
{
	static const struct {
		const char *user;
		int result;
		const char *words;
	} rows[] = {
	    {"temporary", SASL_UNAVAIL, "because 100%s of it"},
	    {"login_required", SASL_EXPIRED, "because 100%s of it"},
	    {"denied", SASL_NOUSER, "because 100%s of it"},
	    {"config", SASL_CONFIGERR, "because 100%s of it"},
	    {"bad", SASL_FAIL, "because 100%s of it"},
	    {"badtoken", SASL_FAIL, "makes no sense"},
	    {"nouser", SASL_FAIL, "makes no sense"},
	    {"cut", SASL_UNAVAIL, "connection closed before the reply"},
	    {"more", SASL_UNAVAIL, "malformed message"},
	    {"", SASL_BADPARAM, "no user name"},
	};
	static const char *const odd[] = {"a\001b", "a\rb", "a\nb"};
	struct session s = {0};
	char long_user[400];
	size_t i;
	int r;

	for (i = 0; i < COUNT_OF(rows); i++) {
		open_session(&s, "smtp", "h", rows[i].user);
		r = start(&s, "XOAUTH2");
		tap_ok(r == rows[i].result &&
			strstr(sasl_errdetail(s.conn), rows[i].words),
		    "W2: user \"%s\": %d, %s", rows[i].user, r,
		    sasl_errdetail(s.conn));
		sasl_dispose(&s.conn);
	}
	memset(long_user, 'u', sizeof(long_user) - 1);
	long_user[sizeof(long_user) - 1] = '\0';
	open_session(&s, "smtp", "h", long_user);
	tap_ok(start(&s, "XOAUTH2") == SASL_BADPARAM,
	    "a user name of 399 bytes is refused");
	sasl_dispose(&s.conn);
	for (i = 0; i < COUNT_OF(odd); i++) {
		open_session(&s, "smtp", "h", odd[i]);
		r = start(&s, "XOAUTH2");
		tap_ok(r != SASL_OK && r != SASL_CONTINUE,
		    "R6: a user name with 0x%02x is refused: %d", odd[i][1], r);
		sasl_dispose(&s.conn);
	}
	s.program.authzid = long_user;
	open_session(&s, "smtp", "h", "a@b");
	tap_ok(start(&s, "XOAUTH2") == SASL_BADPARAM &&
		strstr(sasl_errdetail(s.conn), "longer than 320 bytes"),
	    "and an authzid of 399 bytes: %s", sasl_errdetail(s.conn));
	sasl_dispose(&s.conn);
	s.program.authzid = NULL;
}

/* What would not fit into a response, or would add something to it. */
static void
test_unfit(void)
{
	char long_host[300];
	const struct {
		const char *host, *user;
		int result;
		const char *words;
	} rows[] = {
	    {long_host, "a@b", SASL_BADPARAM, "longer than 255 bytes"},
	    {"h\001port=25", "a@b", SASL_BADPARAM, "has a control byte"},
	    {"h", "longuser", SASL_FAIL, "longer than the protocol allows"},
	};
	struct session s = {0};
	size_t i;
	int r;

	memset(long_host, 'h', sizeof(long_host) - 1);
	long_host[sizeof(long_host) - 1] = '\0';
	for (i = 0; i < COUNT_OF(rows); i++) {
		open_session(&s, "smtp", rows[i].host, rows[i].user);
		r = start(&s, "OAUTHBEARER");
		tap_ok(r == rows[i].result && !s.out &&
			strstr(sasl_errdetail(s.conn), rows[i].words),
		    "nothing is sent: %d, %s", r, sasl_errdetail(s.conn));
		sasl_dispose(&s.conn);
	}
}

static void
test_prompts(void)
{
	static const sasl_callback_t ask[] = {
	    {SASL_CB_AUTHNAME, NULL, NULL},
	    {SASL_CB_USER, NULL, NULL},
	    {SASL_CB_PASS, NULL, NULL},
	    {SASL_CB_LIST_END, NULL, NULL},
	};
	sasl_interact_t *prompts = NULL;
	struct session s = {0};
	int r;

	sasl_client_new("imap", "h", NULL, NULL, ask, 0, &s.conn);
	r = sasl_client_start(
	    s.conn, "XOAUTH2", &prompts, &s.out, &s.len, &s.mech);
	tap_ok(r == SASL_INTERACT && prompts &&
		prompts[0].id == SASL_CB_AUTHNAME &&
		prompts[1].id == SASL_CB_LIST_END,
	    "a program with prompts is asked for the user name only");
	prompts[0].result = "a@b";
	prompts[0].len = 4; /* some programs count the NUL, some set nothing */
	r = sasl_client_start(
	    s.conn, "XOAUTH2", &prompts, &s.out, &s.len, &s.mech);
	tap_ok(r == SASL_CONTINUE && sent(&s, "user=a@b" GOOD) && !prompts,
	    "then it goes on");
	sasl_dispose(&s.conn);

	sasl_client_new("imap", "h", NULL, NULL, ask, 0, &s.conn);
	r = start(&s, "XOAUTH2");
	tap_ok(r != SASL_OK && r != SASL_CONTINUE && r != SASL_INTERACT,
	    "H5: prompts, but no place for them: an error (%d)", r);
	sasl_dispose(&s.conn);
}

/* Without a callback for it libsasl2 answers $USER. */
static void
test_no_callbacks(void)
{
	static const sasl_callback_t none[] = {{SASL_CB_LIST_END, NULL, NULL}};
	struct session s = {0};

	setenv("USER", "env@b", 1);
	sasl_client_new("imap", "h", NULL, NULL, none, 0, &s.conn);
	tap_ok(start(&s, "XOAUTH2") == SASL_CONTINUE &&
		sent(&s, "user=env@b" GOOD),
	    "a program without callbacks: $USER");
	sasl_dispose(&s.conn);
}

static void
test_choice(void)
{
	sasl_security_properties_t strong = {
	    .min_ssf = 56, .max_ssf = 256, .maxbufsize = 65536};
	sasl_security_properties_t noplain = {
	    .max_ssf = 256, .security_flags = SASL_SEC_NOPLAINTEXT};
	sasl_security_properties_t noanon = {
	    .max_ssf = 256, .security_flags = SASL_SEC_NOANONYMOUS};
	struct session s = {0};
	sasl_ssf_t tls = 256;

	open_session(&s, "smtp", "h", "a@b");
	start(&s, "PLAIN LOGIN XOAUTH2 OAUTHBEARER");
	tap_is(s.mech, "OAUTHBEARER", "OAUTHBEARER before XOAUTH2");
	sasl_dispose(&s.conn);
	open_session(&s, "smtp", "h", "a@b");
	start(&s, "LOGIN XOAUTH2 PLAIN");
	tap_is(s.mech, "XOAUTH2", "XOAUTH2 before PLAIN and LOGIN");
	sasl_dispose(&s.conn);

	open_session(&s, "smtp", "h", "a@b");
	sasl_setprop(s.conn, SASL_SEC_PROPS, &strong);
	tap_ok(start(&s, "XOAUTH2") < 0,
	    "H9: no encryption claimed: min_ssf 56 refuses it");
	sasl_dispose(&s.conn);
	open_session(&s, "smtp", "h", "a@b");
	sasl_setprop(s.conn, SASL_SEC_PROPS, &noplain);
	tap_ok(
	    start(&s, "XOAUTH2") == SASL_NOMECH, "H9: noplaintext refuses it");
	sasl_dispose(&s.conn);
	open_session(&s, "smtp", "h", "a@b");
	sasl_setprop(s.conn, SASL_SEC_PROPS, &noplain);
	sasl_setprop(s.conn, SASL_SSF_EXTERNAL, &tls);
	tap_ok(start(&s, "XOAUTH2") == SASL_OK,
	    "but not below TLS that the program tells of");
	sasl_dispose(&s.conn);
	open_session(&s, "smtp", "h", "a@b");
	sasl_setprop(s.conn, SASL_SEC_PROPS, &noanon);
	tap_ok(start(&s, "XOAUTH2") == SASL_OK, "noanonymous does not");
	sasl_dispose(&s.conn);
}

static void *
many_logins(void *arg)
{
	unsigned *good = arg;
	struct session s;
	int i;

	for (i = 0; i < 100; i++) {
		s = (struct session){0};
		open_session(&s, "imap", "h", "a@b");
		if (start(&s, "XOAUTH2") == SASL_CONTINUE &&
		    sent(&s, "user=a@b" GOOD))
			++*good;
		sasl_dispose(&s.conn);
	}
	return NULL;
}

/* Known failures H5 and H8. */
static void
test_guest(void)
{
	unsigned good[4] = {0};
	pthread_t thread[4];
	struct session s = {0};
	int i, status;
	pid_t pid;

	open_session(&s, "smtp", "h", "a@b");
	tap_ok(start(&s, "XOAUTH2") == SASL_OK && sent(&s, "user=a@b" GOOD),
	    "H5: a length that is not set, a password callback of another "
	    "type");
	sasl_dispose(&s.conn);
	for (i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, many_logins, &good[i]);
	for (i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	tap_ok(good[0] + good[1] + good[2] + good[3] == 400,
	    "H5: 400 logins in four threads");

	pid = fork();
	if (pid == 0) {
		close(0);
		close(1);
		close(2);
		s = (struct session){0};
		open_session(&s, "smtp", "h", "a@b");
		_exit(start(&s, "XOAUTH2") != SASL_OK);
	}
	waitpid(pid, &status, 0);
	tap_ok(status == 0,
	    "H5, H8: after a fork, with descriptors 0 to 2 closed");
}

static void
test_no_helper(void)
{
	struct session s = {0};
	int r;

	open_session(&s, "smtp", "h", "a@b");
	r = start(&s, "XOAUTH2");
	tap_ok(r == SASL_UNAVAIL &&
		strstr(sasl_errdetail(s.conn), "is sasl-bearerd running?"),
	    "helper gone: %d, %s", r, sasl_errdetail(s.conn));
	sasl_dispose(&s.conn);
}

/* What a program is offered. */
static int
offers(void)
{
	static const sasl_callback_t none[] = {{SASL_CB_LIST_END, NULL, NULL}};
	sasl_conn_t *conn = NULL;
	const char *list = "";
	int has;

	sasl_client_init(NULL);
	sasl_client_new("imap", "h", NULL, NULL, none, 0, &conn);
	sasl_listmech(conn, NULL, "", " ", "", &list, NULL, NULL);
	has = list && strstr(list, "OAUTHBEARER") && strstr(list, "XOAUTH2");
	sasl_dispose(&conn);
	sasl_client_done();
	return has;
}

static void
make(const char *name)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (f)
		fclose(f);
}

static void
drop(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (unlink(path) < 0)
		rmdir(path);
}

static void
test_offers(void)
{
	char marker[64], path[128];
	int64_t before;
	pid_t pid;

	sasl_client_done();
	tap_ok(!offers(), "no socket: nothing is offered");
	pid = start_helper();
	tap_ok(offers(), "a helper that serves us: offered");
	make("denied");
	tap_ok(!offers(), "a helper without an account for us: not offered");
	drop("denied");
	stop_helper(pid);
	tap_ok(!offers(), "a dead socket, no marker: not offered");
	snprintf(path, sizeof(path), "%s/accounts", dir);
	mkdir(path, 0755);
	snprintf(
	    marker, sizeof(marker), "accounts/%lu", (unsigned long)geteuid());
	make(marker);
	tap_ok(offers(), "a dead socket, but a marker: offered");
	pid = start_helper();
	kill(pid, SIGSTOP);
	before = util_now_ms();
	tap_ok(offers(), "a helper that does not answer, a marker: offered");
	tap_ok(util_now_ms() - before < 2000, "and it does not take long");
	stop_helper(pid);
	drop(marker);
	drop("accounts");
}

/* How many descriptors are open. */
static unsigned
count_open(void)
{
	unsigned n = 0;
	int fd;

	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

int
main(void)
{
	const char *build = getenv("BUILDDIR");
	char plugins[4096];
	unsigned before;
	pid_t pid;

#ifdef __GLIBC__
	/* sasl_client_new() looks up this machine's name; no network for that
	 */
	__nss_configure_lookup("hosts", "files");
#endif
	snprintf(plugins, sizeof(plugins), "%s/plugin/.libs:%s",
	    build ? build : ".", SASL_PLUGIN_DIR);
	if (!mkdtemp(dir))
		return 1;
	snprintf(socket_path, sizeof(socket_path), "%s/s", dir);
	setenv("SASL_PATH", plugins, 1);
	setenv("SASL_BEARER_SOCKET", socket_path, 1);
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = start_helper();
	if (seen == MAP_FAILED || sasl_client_init(NULL) != SASL_OK)
		return 1;
	before = count_open();
	test_response();
	test_port();
	test_outcome();
	test_odd_challenges();
	test_failures();
	test_unfit();
	test_prompts();
	test_no_callbacks();
	test_choice();
	test_guest();
	tap_ok(count_open() == before, "no descriptor is left open");
	sasl_client_done();
	tap_ok(offers() && sasl_client_init(NULL) == SASL_OK,
	    "H8: done, and init again");
	test_choice();
	stop_helper(pid);
	test_no_helper();
	drop("s");
	test_offers();
	drop("s");
	rmdir(dir);
	return tap_done();
}
