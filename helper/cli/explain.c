/* SPDX-License-Identifier: MIT */
/* explain - what the words of a mail server mean */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/util.h"
#include "helper/cli/explain.h"

#define USER "{user}"

/* The first that fits is taken, so what is special comes first. */
static const struct explanation replies[] = {
    {"SmtpClientAuthentication is disabled|Tenant",
	"Exchange Online has SMTP logins switched off for the organisation; "
	"they fail with a good token as well",
	"an Exchange administrator: Set-CASMailbox -Identity " USER
	" -SmtpClientAuthenticationDisabled $false, for this mailbox alone"},
    {"SmtpClientAuthentication is disabled|Mailbox",
	"Exchange Online has SMTP logins switched off for this mailbox",
	"an Exchange administrator: Set-CASMailbox -Identity " USER
	" -SmtpClientAuthenticationDisabled $false"},
    {"5.7.139|basic authentication is disabled",
	"a password was sent where only OAuth is allowed",
	"let the program use XOAUTH2: \"sasl-bearer setup\" prints how"},
    {"5.7.139|security defaults",
	"the organisation's security defaults forbid passwords",
	"let the program use XOAUTH2: \"sasl-bearer setup\" prints how"},
    {"5.7.139",
	"a rule of the organisation, such as Conditional Access or an "
	"authentication policy, forbids this login",
	"an administrator: the sign-in log of Entra names the rule"},
    {"5.7.30", "Exchange Online takes no passwords any more",
	"let the program use XOAUTH2: \"sasl-bearer setup\" prints how"},
    {"5.7.142", "the token ends too soon for High Volume Email",
	"set \"provider = microsoft-hve\", or a longer min_validity"},
    {"5.7.143", "the token has expired", "run: sasl-bearer refresh " USER},
    {"5.7.144", "the application lacks the permission for this",
	"grant it in Entra, and consent: \"sasl-bearer setup exchange " USER
	"\" prints which"},
    {"5.7.240", "the application is not on the mailbox's list",
	"an Exchange administrator: Add-HVEAppAccess -Identity " USER
	" -AppIds CLIENT_ID"},
    {"5.7.3", "Exchange Online does not accept the token for this mailbox",
	"the usual causes: no permission SMTP.Send or SMTP.SendAsApp, a "
	"service principal that Exchange does not know, another mailbox than "
	"who signed in: \"sasl-bearer setup exchange " USER
	"\" prints what it takes"},
    {"Authenticated but not connected",
	"the login is good, but the mailbox cannot be opened: no mailbox, no "
	"licence, no right on it, or IMAP is off",
	"an Exchange administrator: Set-CASMailbox -Identity " USER
	" -ImapEnabled $true, and the rights of who signed in"},
    {"AUTHENTICATE failed",
	"Exchange Online does not accept the token for this mailbox",
	"with a token that is good elsewhere: the rights on the mailbox, or "
	"the application's service principal, are missing: \"sasl-bearer "
	"setup exchange " USER "\" prints what it takes"},
    {"Authentication failure: unknown user name or bad password",
	"Exchange Online does not accept the token for this mailbox, or POP "
	"is off for it",
	"an Exchange administrator: Set-CASMailbox -Identity " USER
	" -PopEnabled $true; else as for IMAP: \"sasl-bearer setup exchange " USER
	"\""},
    {"Session invalidated|AccessTokenExpired",
	"Exchange Online ends a session with its token",
	"nobody: connect again"},
    {"concurrent connections limit",
	"a mailbox may have three connections for sending at a time",
	"limit the program: smtp_destination_concurrency_limit = 2 in "
	"Postfix"},
    {"throttled", "the server has had too many requests of this mailbox",
	"nobody: it passes; ask less often"},
    {"Application-specific password required", "Google was sent a password",
	"let the program use XOAUTH2: \"sasl-bearer setup\" prints how"},
    {"Invalid SASL argument", "the server did not understand the response",
	"the token may be damaged: sasl-bearer refresh " USER},
    {"5.7.8", "the server does not accept the token",
	"run: sasl-bearer refresh " USER
	"; if that does not help, the token is for another mailbox or lacks "
	"the scope for mail"},
    {"Invalid credentials", "the server does not accept the token",
	"run: sasl-bearer refresh " USER
	"; if that does not help, the token is for another mailbox or lacks "
	"the scope for mail"},
    {"[AUTHENTICATIONFAILED]", "the server does not accept the token",
	"run: sasl-bearer refresh " USER
	"; if that does not help, the token is for another mailbox or lacks "
	"the scope for mail"},
    {"[AUTH]", "the server does not accept the token",
	"run: sasl-bearer refresh " USER
	"; if that does not help, the token is for another mailbox or lacks "
	"the scope for mail"},
};

static int
contains(const char *text, const char *word, size_t len)
{
	for (; *text; text++)
		if (strncasecmp(text, word, len) == 0)
			return 1;
	return 0;
}

static int
contains_all(const char *text, const char *words)
{
	size_t len;

	for (;;) {
		len = strcspn(words, "|");
		if (!contains(text, words, len))
			return 0;
		if (!words[len])
			return 1;
		words += len + 1;
	}
}

const struct explanation *
explain_reply(const char *text)
{
	size_t i;

	for (i = 0; i < COUNT_OF(replies); i++)
		if (contains_all(text, replies[i].words))
			return &replies[i];
	return NULL;
}

void
explain_format(
    char *buf, unsigned long size, const char *text, const char *user)
{
	const char *place;

	*buf = '\0';
	while ((place = strstr(text, USER)) && strlen(buf) + 1 < size) {
		snprintf(buf + strlen(buf), size - strlen(buf), "%.*s%s",
		    (int)(place - text), text, user);
		text = place + strlen(USER);
	}
	snprintf(buf + strlen(buf), size - strlen(buf), "%s", text);
}
