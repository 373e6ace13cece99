/* SPDX-License-Identifier: MIT */
/* doctor-mail - what the mail servers offer, and whether they let one in */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "helper/cli/doctor.h"
#include "helper/cli/mail.h"
#include "helper/explain/explain.h"

/* The mechanisms of ours that a server offers, or "". */
static const char *
ours(const struct session *s)
{
	int bearer = util_has_word(s->offer.mechanisms, "OAUTHBEARER");
	int xoauth2 = util_has_word(s->offer.mechanisms, "XOAUTH2");

	return bearer && xoauth2 ? "OAUTHBEARER and XOAUTH2"
	    : bearer		 ? "OAUTHBEARER"
	    : xoauth2		 ? "XOAUTH2"
				 : "";
}

/* What to do where there is no TLS session with the server. */
static void
put_remedy(struct doctor *d, const struct mail *m, int code)
{
	const char *name = m->session.protocol->name;

	if (code == EX_NOHOST)
		doctor_remedy(d,
		    "mend %s_server in the account's file, or the DNS; try: "
		    "getent hosts %s",
		    name, m->server.host);
	else if (strstr(m->session.error, "certificate"))
		doctor_remedy(d,
		    "where it is of a private CA: SSL_CERT_FILE=/path/ca.pem "
		    "sasl-bearer doctor");
	else
		doctor_remedy(d,
		    "let this machine connect there, or name another server "
		    "with %s_server in the account's file",
		    name);
}

/* Connect, without a login. Returns whether our mechanisms are there. */
static int
ask_server(struct doctor *d, struct mail *m, const char *server)
{
	struct session *s = &m->session;
	int r = session_open(s);

	if (r != 0) {
		put_remedy(d, m, r);
		doctor_report(d, DOCTOR_FAILED, "%s", s->error);
		return 0;
	}
	if (*ours(s)) {
		doctor_report(
		    d, DOCTOR_OK, "%s offers %s after TLS", server, ours(s));
		return 1;
	}
	doctor_remedy(d,
	    "switch OAuth on at the server (Dovecot: auth_mechanisms), or name "
	    "another one with %s_server in the account's file",
	    s->protocol->name);
	doctor_report(d, DOCTOR_FAILED,
	    "%s offers neither OAUTHBEARER nor XOAUTH2 after TLS, but %s",
	    server,
	    *s->offer.mechanisms ? s->offer.mechanisms : "no mechanism");
	return 0;
}

/*
 * Ask a server, unless that was done for another account and is not needed for
 * a login. Returns whether our mechanisms are there.
 */
static int
check_offer(struct doctor *d, struct mail *m)
{
	char server[RESOLVED_SERVER], known[RESOLVED_SERVER + 16];
	size_t i;
	int r;

	server_format(&m->server, server);
	snprintf(
	    known, sizeof(known), " %s %s", m->session.protocol->name, server);
	for (i = 0; d->servers && d->servers[i]; i++) {
		if (strcmp(d->servers[i] + 1, known + 1) != 0 ||
		    (d->servers[i][0] == '+' && d->login))
			continue;
		r = d->servers[i][0] == '+';
		doctor_report(d, r ? DOCTOR_OK : DOCTOR_SKIPPED,
		    "%s: the same as before", server);
		return r;
	}
	r = ask_server(d, m, server);
	known[0] = r ? '+' : '-';
	/* where there is no memory it is asked again */
	(void)!list_add(&d->servers, known, strlen(known));
	return r;
}

/* A real login, and what the words of the server mean. */
static void
check_login(struct doctor *d, struct mail *m)
{
	struct session *s = &m->session;
	const struct explain_names names = {
	    .user = m->account.user,
	    .account = m->account.account,
	    .client_id = m->account.client_id,
	};
	const struct explanation *e;
	char means[EXPLAIN_TEXT_SIZE], remedy[EXPLAIN_TEXT_SIZE];
	int r = session_login(s);

	if (r == 0)
		r = mail_use(m);
	if (r == 0) {
		doctor_report(d, DOCTOR_OK, "%s lets %s in, by %s", s->host,
		    s->user, s->mechanism);
		return;
	}
	e = s->refused || r == EX_NOPERM ? explain_reply(s->words) : NULL;
	if (!e) {
		doctor_remedy(d, "see each step: sasl-bearer probe %s %s",
		    s->user, s->protocol->name);
		doctor_report(d, DOCTOR_FAILED, "%s", s->error);
		return;
	}
	explain_means(means, sizeof(means), e, &names);
	explain_remedy(remedy, sizeof(remedy), e, &names);
	doctor_remedy(d, "%s%s%s",
	    e->who >= EXPLAIN_TENANT ? explain_who_text(e->who) : "",
	    e->who >= EXPLAIN_TENANT ? ": " : "", remedy);
	doctor_report(d, DOCTOR_FAILED, "%s: %s", s->error, means);
}

/* The server of one service. Returns a mail to look at, or NULL, reported. */
static struct mail *
find(struct doctor *d, const struct doctor_account *a, size_t service)
{
	enum service bit = (enum service)(1U << service);
	const char *name = service_names[service];
	struct mail *m;
	char why[DOCTOR_TEXT];
	int r;

	if (!server_is_known(&a->is, bit)) {
		/* an account for any service need not have them all */
		if (a->is.services) {
			doctor_remedy(d,
			    "name it with %s_server in the account's file",
			    name);
			doctor_report(d, DOCTOR_SKIPPED,
			    "it is not known which server it is");
		}
		return NULL;
	}
	m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	m->account = a->is;
	cli_catch(why, sizeof(why));
	r = resolve_server(&a->is, bit, NULL, &m->server);
	cli_catch(NULL, 0);
	mail_set(m, protocol_find(name), NULL);
	if (r == 0)
		return m;
	doctor_report_line(d, DOCTOR_FAILED, why);
	mail_free(m);
	return NULL;
}

static void
check_service(struct doctor *d, const struct doctor_account *a, size_t service)
{
	static const char *const checks[SERVICES] = {
	    "imap server", "pop server", "smtp server"};
	static const char *const logins[SERVICES] = {
	    "imap login", "pop login", "smtp login"};
	struct mail *m;
	int offered;

	d->check = checks[service];
	m = find(d, a, service);
	if (!m)
		return;
	offered = check_offer(d, m);
	d->check = logins[service];
	if (d->login && a->is.user[0] == '*')
		doctor_report(d, DOCTOR_SKIPPED,
		    "the account is for all of %s: name a mailbox", a->is.user);
	else if (d->login && !offered)
		doctor_report(d, DOCTOR_SKIPPED, "not without the server");
	else if (d->login)
		check_login(d, m);
	mail_free(m);
}

void
doctor_mail(struct doctor *d, const struct doctor_account *a)
{
	size_t i;

	for (i = 0; i < SERVICES; i++)
		if (!a->is.services || (a->is.services & 1U << i))
			check_service(d, a, i);
}
