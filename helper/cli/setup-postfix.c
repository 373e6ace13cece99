/* SPDX-License-Identifier: MIT */
/* setup-postfix - Postfix as a client of a smarthost */
#include "config.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/util.h"
#include "helper/cli/setup-postfix-layout.h"
#include "helper/cli/setup.h"

#define SMTP 2 /* by service_names */

/* Everything about one smarthost. */
struct relay {
	const char *nexthop; /* [HOST]:PORT */
	const struct server *server;
	struct postfix_layout layout;
};

static void
put_tls(struct setup *s, const struct relay *r)
{
	const char *ca = s->ca_file ? s->ca_file : postfix_layout_ca_file();

	setup_note(s,
	    "secure: the server's certificate must be its own. With \"encrypt\" "
	    "anybody on the way could take the token, and use it until it "
	    "expires.");
	setup_put(s, "smtp_tls_security_level = secure");
	if (r->server->implicit_tls)
		setup_put(s, "smtp_tls_wrappermode = yes");
	if (ca)
		setup_put(s, "smtp_tls_CAfile = %s", ca);
	else
		setup_note(s,
		    "smtp_tls_CAfile must name the file with the system's CA "
		    "certificates, which was not found");
}

static void
put_sasl(struct setup *s, const char *dir)
{
	setup_put(s, "smtp_sasl_auth_enable = yes");
	setup_put(s, "smtp_sasl_password_maps = texthash:%s/sasl_passwd", dir);
	setup_note(s,
	    "OAuth counts as plain text, so \"noplaintext\" would leave no "
	    "mechanism. smtp_sasl_security_options stays as it is: then no token "
	    "is sent without TLS.");
	setup_put(s, "smtp_sasl_tls_security_options = noanonymous");
	setup_put(s, "smtp_sasl_mechanism_filter = %s",
	    setup_mechanism(s, "xoauth2, oauthbearer"));
	setup_note(s,
	    "Relays that want a password need a transport of their own in "
	    "master.cf, a copy of \"smtp unix\" with -o "
	    "smtp_sasl_mechanism_filter=!xoauth2,!oauthbearer,static:all");
	if (!s->socket_is_usual)
		setup_put(s,
		    "import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ "
		    "LANG=C { SASL_BEARER_SOCKET=%s }",
		    s->socket);
}

/* Which relay, by the sender of a message. */
static void
put_senders(struct setup *s, const char *dir)
{
	setup_note(s,
	    "The envelope sender picks the mailbox, so nobody may send as "
	    "somebody else:");
	setup_put(s, "smtp_sender_dependent_authentication = yes");
	setup_put(s,
	    "sender_dependent_relayhost_maps = "
	    "texthash:%s/sender_relay",
	    dir);
	setup_put(s, "smtpd_sender_login_maps = texthash:%s/sender_login", dir);
	setup_put(s,
	    "smtpd_sender_restrictions = "
	    "reject_sender_login_mismatch");
	setup_put(s, "local_login_sender_maps = texthash:%s/login_sender", dir);
}

static void
put_main(struct setup *s, const struct relay *r)
{
	const char *dir = r->layout.config_dir;

	setup_file(s, "%s/main.cf", dir);
	if (s->sender_dependent)
		put_senders(s, dir);
	else
		setup_put(s, "relayhost = %s", r->nexthop);
	put_sasl(s, dir);
	put_tls(s, r);
}

/* The maps: the user and no password, by relay or by sender. */
static void
put_maps(struct setup *s, const struct relay *r)
{
	const char *dir = r->layout.config_dir, *user = s->account.user;

	setup_file(s, "%s/sasl_passwd", dir);
	setup_put(s, "%s %s", s->sender_dependent ? user : r->nexthop, user);
	if (!s->sender_dependent)
		return;
	setup_file(s, "%s/sender_relay", dir);
	setup_put(s, "%s %s", user, r->nexthop);
	setup_file(s, "%s/sender_login", dir);
	setup_note(
	    s, "over SMTP: the login that smtpd knows, and the sender it owns");
	setup_put(s, "%s %s", user, user);
	setup_file(s, "%s/login_sender", dir);
	setup_note(s,
	    "on this machine: what each login may send as. One that is not "
	    "here cannot send with sendmail(1); so add those that shall: LOGIN "
	    "%s",
	    user);
	setup_note(s,
	    "it must be readable by all users, whose rights postdrop(1) has: "
	    "else no local mail is taken");
	setup_put(s, "root *");
	setup_put(s, "%s *", r->layout.owner);
}

static void
put_allow(struct setup *s, const struct relay *r)
{
	const struct passwd *pw = getpwnam(r->layout.owner);

	if (!pw)
		setup_note(s,
		    "There is no user \"%s\" here, as which smtp(8) runs. Is "
		    "Postfix installed?",
		    r->layout.owner);
	else if (resolved_allows(&s->account, pw->pw_uid))
		setup_note(s, "The account allows user \"%s\": good.",
		    r->layout.owner);
	else
		setup_note(s,
		    "The account does NOT allow user \"%s\" yet: add that name "
		    "to \"allow\" in its file %s.conf, then: systemctl reload "
		    "sasl-bearerd",
		    r->layout.owner, s->account.account);
}

/* A socket for those in the chroot, by the same name in there. */
static void
put_jail(struct setup *s, const struct relay *r)
{
	const char *path =
	    setup_format(s, "%s%s", r->layout.queue_dir, s->socket);
	struct stat st;

	if (stat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
		setup_note(s,
		    "In a chroot, by master.cf: %s. The helper's socket is in "
		    "there: good.",
		    r->layout.jailed);
		return;
	}
	setup_note(s,
	    "In a chroot, by master.cf: %s. The helper's socket is NOT in "
	    "there yet, so:",
	    r->layout.jailed);
	if (s->socket_is_usual &&
	    strcmp(r->layout.queue_dir, "/var/spool/postfix") == 0) {
		setup_put(s, "systemctl stop sasl-bearerd.service");
		setup_put(
		    s, "systemctl enable --now sasl-bearerd-postfix.socket");
		setup_put(s, "systemctl start sasl-bearerd.service");
	}
	setup_note(s,
	    "without that unit: make the directory of %s, add this path to "
	    "\"listen\" in sasl-bearer.conf, and restart the helper",
	    path);
}

static void
put_state(struct setup *s, const struct relay *r)
{
	const struct postfix_layout *layout = &r->layout;

	put_allow(s, r);
	if (!layout->found)
		setup_note(s,
		    "There is no %s/master.cf to read: MAIL_CONFIG can name "
		    "another directory. If smtp(8) runs in a chroot, the "
		    "helper's socket must be in there as well.",
		    layout->config_dir);
	if (*layout->jailed)
		put_jail(s, r);
	if (*layout->free)
		setup_note(s, "Not in a chroot, by master.cf: %s. Good.",
		    layout->free);
}

int
setup_postfix(struct setup *s)
{
	struct relay r = {.server = setup_server(s, SMTP)};

	if (s->cli->user_mode && call_is_default(s->cli))
		return cli_error(EX_USAGE,
		    "Postfix cannot use your own helper: add --system to set "
		    "it up with an account of the system's");
	if (setup_check(s, "user", s->account.user, " \t:#") != 0)
		return EX_DATAERR;
	r.nexthop = setup_format(s, "[%s]:%u", r.server->host, r.server->port);
	postfix_layout_read(&r.layout);
	put_main(s, &r);
	put_maps(s, &r);
	setup_file(s, "run");
	put_state(s, &r);
	setup_put(s, "postfix -c %s reload",
	    setup_quote(s, QUOTE_SHELL, r.layout.config_dir));
	return 0;
}
