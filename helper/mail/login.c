/* SPDX-License-Identifier: MIT */
/* login - the SASL exchange, by libsasl2 and the plugin */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/evp.h>
#include <sasl/sasl.h>
#include <sasl/saslutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "helper/mail/session.h"

#define ROUNDS_MAX 8 /* ours need two */

typedef int (*proc)(void);

/* One exchange. */
struct login {
	struct session *s;
	sasl_conn_t *conn;
	const char *out; /* libsasl2's; a secret */
	unsigned len;
	int sent; /* out is on its way */
};

static const char *const ours[] = {"OAUTHBEARER", "XOAUTH2"};

static int
get_user(void *context, int id, const char **ret, unsigned *len)
{
	const struct session *s = context;

	(void)id;
	*ret = s->user;
	if (len)
		*len = (unsigned)strlen(s->user);
	return SASL_OK;
}

/* What libsasl2 has to say is in sasl_errdetail(); syslog need not have it. */
static int
ignore(void *context, int level, const char *text)
{
	(void)context;
	(void)level;
	(void)text;
	return SASL_OK;
}

/* Those of ours in a list. */
static void
choose(const char *list, char *buf, size_t size)
{
	size_t i;

	buf[0] = '\0';
	for (i = 0; i < COUNT_OF(ours); i++)
		if (util_has_word(list, ours[i]))
			snprintf(buf + strlen(buf), size - strlen(buf), "%s%s",
			    *buf ? " " : "", ours[i]);
}

/* Those of ours that libsasl2 has: its own list is of all plugins there are. */
static void
plugin_has(char *buf, size_t size)
{
	const char **list = sasl_global_listmech();
	char all[1024] = "";
	size_t len;

	for (; list && *list; list++) {
		len = strlen(all);
		snprintf(all + len, sizeof(all) - len, " %s", *list);
	}
	choose(all, buf, size);
}

/* The exit code of what the plugin says: common/err.h, the other way round. */
static int
exit_code(int code)
{
	switch (code) {
	case SASL_EXPIRED:
		return EX_UNAVAILABLE;
	case SASL_NOUSER:
		return EX_NOPERM;
	case SASL_CONFIGERR:
	case SASL_NOMECH:
		return EX_CONFIG;
	case SASL_UNAVAIL:
		return EX_TEMPFAIL;
	default:
		return EX_SOFTWARE;
	}
}

/* The plugin's own words, which libsasl2 puts behind its own. */
static const char *
detail(const struct login *l, int code)
{
	const char *text = sasl_errdetail(l->conn);
	const char *prefix = sasl_errstring(code, NULL, NULL), *found;

	found = text && prefix ? strstr(text, prefix) : NULL;
	if (found && strncmp(found + strlen(prefix), ": ", 2) == 0)
		return found + strlen(prefix) + 2;
	return text ? text : prefix;
}

static int
sasl_failed(struct login *l, int code)
{
	char has[64];

	if (code != SASL_NOMECH)
		return session_fail(
		    l->s, exit_code(code), "%s", detail(l, code));
	plugin_has(has, sizeof(has));
	return session_fail(l->s, EX_CONFIG,
	    "libsasl2 has no mechanism for this: %s",
	    *has
		? detail(l, code)
		: "the plugin is not installed where libsasl2 looks (SASL_PATH "
		  "names other places), or the helper has no account for "
		  "you");
}

/* "127.0.0.1;993", as libsasl2 wants it; OAUTHBEARER tells the port. */
static int
remote_address(const struct session *s, char *buf, size_t size)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getpeername(s->stream.in, (struct sockaddr *)&a, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&a, len, host, sizeof(host), port,
		sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return -1;
	return snprintf(buf, size, "%s;%s", host, port) < (int)size ? 0 : -1;
}

/* Send out in base64, after the words of a command, or none. */
static int
send_response(struct login *l, const char *command)
{
	size_t head = strlen(command), room = head + (size_t)l->len * 4 / 3 + 8;
	char *line = malloc(room);
	int r;

	if (!line)
		return session_fail(l->s, EX_OSERR, "out of memory");
	memcpy(line, command, head);
	if (l->len > 0)
		EVP_EncodeBlock((unsigned char *)line + head,
		    (const unsigned char *)l->out, (int)l->len);
	else /* an empty response is "=" where it goes along: RFC 4954 */
		snprintf(line + head, room - head, "%s", head ? "=" : "");
	r = session_send(l->s, line, strlen(line));
	util_wipe(line, room);
	free(line);
	l->sent = 1;
	return r;
}

/* The command, with the response if it may go along. */
static int
send_command(struct login *l)
{
	struct session *s = l->s;
	const struct protocol *p = s->protocol;
	char line[128];
	int len;

	len = snprintf(
	    line, sizeof(line), "%s %s", p->authenticate, s->mechanism);
	if (!l->out || (p->tagged && !s->offer.initial) ||
	    (size_t)len + 3 + (size_t)l->len * 4 / 3 + 4 > p->initial_max)
		return session_command(s, line);
	snprintf(line, sizeof(line), "%s%s %s ", session_tag(s),
	    p->authenticate, s->mechanism);
	return send_response(l, line);
}

/* Let the mechanism answer a challenge. */
static int
step(struct login *l, const char *challenge, unsigned len)
{
	int code;

	session_trace(l->s, "challenge", "%.*s", (int)len, challenge);
	code =
	    sasl_client_step(l->conn, challenge, len, NULL, &l->out, &l->len);
	if (code == SASL_OK || code == SASL_CONTINUE)
		return send_response(l, "");
	session_send(l->s, "*", 1); /* RFC 4422: not this way */
	return sasl_failed(l, code);
}

/* Answer the server's "go on": with the response, if it waits for that. */
static int
answer(struct login *l, const char *base64)
{
	size_t size = strlen(base64) + 1;
	unsigned len = 0;
	char *challenge;
	int r;

	if (!l->sent)
		return send_response(l, "");
	challenge = malloc(size);
	if (!challenge)
		return session_fail(l->s, EX_OSERR, "out of memory");
	if (sasl_decode64(base64, (unsigned)size - 1, challenge, (unsigned)size,
		&len) == SASL_OK)
		r = step(l, challenge, len);
	else
		r = session_fail(l->s, EX_PROTOCOL,
		    "the challenge of %s is not base64", l->s->host);
	free(challenge);
	return r;
}

/* Whether the server says that it is its own trouble, and will pass. */
static int
is_temporary(const struct session *s)
{
	static const char *const codes[] = {"[UNAVAILABLE]", "[SERVERBUG]",
	    "[INUSE]", "[IN-USE]", "[SYS/TEMP]", "[LOGIN-DELAY]"};
	size_t i;

	for (i = 0; i < COUNT_OF(codes); i++)
		if (strncasecmp(s->words, codes[i], strlen(codes[i])) == 0)
			return 1;
	return s->words[0] == '4' && strspn(s->words, "0123456789") == 3;
}

static int
refused(struct session *s)
{
	s->refused = 1;
	if (!*s->words)
		snprintf(s->words, sizeof(s->words), "no reason given");
	return session_fail(s, is_temporary(s) ? EX_TEMPFAIL : EX_NOPERM,
	    "%s does not let %s in: \"%s\"", s->host, s->user, s->words);
}

/* The exchange, up to the server's verdict. */
static int
exchange(struct login *l)
{
	struct session *s = l->s;
	enum reply reply = REPLY_BAD;
	char *text;
	int i, r = send_command(l);

	for (i = 0; r == 0 && i < ROUNDS_MAX; i++) {
		r = session_reply(s, s->protocol->authenticate, &reply, &text);
		if (r != 0)
			return r;
		if (reply != REPLY_MORE)
			session_trace(s, "answer", "%s", s->words);
		if (reply == REPLY_GOOD)
			return 0;
		if (reply == REPLY_BAD)
			return refused(s);
		r = answer(l, text);
	}
	return r == 0 ? session_fail(s, EX_PROTOCOL,
			    "%s sends one challenge after the other", s->host)
		      : r;
}

/* Choose a mechanism and make the first response. */
static int
start(struct login *l)
{
	struct session *s = l->s;
	const char *mechanism = NULL;
	char list[64];
	int code;

	choose(s->offer.mechanisms, list, sizeof(list));
	if (!*list)
		return session_fail(s, EX_CONFIG,
		    "%s offers neither OAUTHBEARER nor XOAUTH2 for %s, but %s",
		    s->host, s->protocol->name,
		    *s->offer.mechanisms ? s->offer.mechanisms : "nothing");
	code = sasl_client_start(
	    l->conn, list, NULL, &l->out, &l->len, &mechanism);
	if (mechanism) {
		snprintf(s->mechanism, sizeof(s->mechanism), "%s", mechanism);
		session_trace(s, "mechanism", "%s", mechanism);
	}
	if (code != SASL_OK && code != SASL_CONTINUE)
		return sasl_failed(l, code);
	session_trace(s, "response", "%u bytes, with the token", l->len);
	return 0;
}

static int
set_properties(struct login *l)
{
	sasl_security_properties_t props = {
	    .security_flags = SASL_SEC_NOANONYMOUS};
	sasl_ssf_t ssf =
	    (sasl_ssf_t)SSL_get_cipher_bits(l->s->stream.ssl, NULL);
	int code = sasl_setprop(l->conn, SASL_SEC_PROPS, &props);

	return code == SASL_OK ? sasl_setprop(l->conn, SASL_SSF_EXTERNAL, &ssf)
			       : code;
}

static int
no_sasl(struct session *s, int code)
{
	return session_fail(
	    s, EX_SOFTWARE, "libsasl2: %s", sasl_errstring(code, NULL, NULL));
}

/* With a libsasl2 that is ready. */
static int
log_in(struct login *l, const sasl_callback_t *callbacks)
{
	struct session *s = l->s;
	char remote[NI_MAXHOST + NI_MAXSERV], has[64];
	int r, code;

	plugin_has(has, sizeof(has));
	session_trace(s, "plugin", "%s", *has ? has : "not found");
	code = sasl_client_new(s->protocol->name, s->host, NULL,
	    remote_address(s, remote, sizeof(remote)) == 0 ? remote : NULL,
	    callbacks, 0, &l->conn);
	if (code == SASL_OK)
		code = set_properties(l);
	if (code != SASL_OK)
		return no_sasl(s, code);
	r = start(l);
	return r == 0 ? exchange(l) : r;
}

int
session_login(struct session *s)
{
	const sasl_callback_t callbacks[] = {
	    {SASL_CB_AUTHNAME, (proc)(void (*)(void))get_user, s},
	    {SASL_CB_LOG, (proc)(void (*)(void))ignore, NULL},
	    {SASL_CB_LIST_END, NULL, NULL},
	};
	struct login l = {.s = s};
	int r, code = sasl_client_init(callbacks + 1);

	if (code != SASL_OK)
		return no_sasl(s, code);
	r = log_in(&l, callbacks);
	if (r == 0)
		s->error[0] = '\0';
	sasl_dispose(&l.conn);
	sasl_client_done();
	return r;
}
