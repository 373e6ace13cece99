/* SPDX-License-Identifier: MIT */
/* replies - what mail servers say */
#include "config.h"

#include "helper/explain/table.h"

#define NO_PASSWORD \
	"let the program use XOAUTH2: \"sasl-bearer setup\" prints how"
#define SETUP "\"sasl-bearer setup exchange {user}\" prints what it takes"
#define REFRESH                                                           \
	"run \"sasl-bearer refresh {user}\"; if that does not help, the " \
	"token is for another mailbox, or lacks the scope for mail"

/* clang-format off */
const struct explanation explain_replies[] = {
	/* Exchange: the switches */
	{"SmtpClientAuthentication is disabled&Tenant", EXPLAIN_EXCHANGE,
	    "SMTP logins are switched off for the organisation; they fail with "
	    "a good token as well",
	    "for this mailbox alone: Set-CASMailbox -Identity {user} "
	    "-SmtpClientAuthenticationDisabled $false; for all: "
	    "Set-TransportConfig -SmtpClientAuthenticationDisabled $false, "
	    "and Get-TransportConfig shows it"},
	{"SmtpClientAuthentication is disabled&Mailbox", EXPLAIN_EXCHANGE,
	    "SMTP logins are switched off for this mailbox; they fail with a "
	    "good token as well",
	    "Set-CASMailbox -Identity {user} "
	    "-SmtpClientAuthenticationDisabled $false; Get-EXOCasMailbox "
	    "-Identity {user} -Properties SmtpClientAuthenticationDisabled "
	    "shows it"},
	{"IMAP is disabled|not enabled for IMAP", EXPLAIN_YOU,
	    "IMAP is switched off for this mailbox",
	    "at Google: Settings, Forwarding and POP/IMAP, Enable IMAP; an "
	    "administrator of the domain may have to allow it"},

	/* Exchange: passwords, which OAuth replaces */
	{"5.7.139&basic authentication is disabled", EXPLAIN_YOU,
	    "a password was sent where only OAuth is allowed", NO_PASSWORD},
	{"5.7.139&security defaults", EXPLAIN_YOU,
	    "the organisation's security defaults forbid passwords",
	    NO_PASSWORD "; security defaults can stay on"},
	{"5.7.139&organization configuration", EXPLAIN_YOU,
	    "a password was sent, which the authentication policy of the "
	    "organisation does not allow (AllowBasicAuthSmtp)", NO_PASSWORD},
	{"5.7.139&credentials were incorrect", EXPLAIN_YOU,
	    "a password was sent, and it is wrong or not enough", NO_PASSWORD},
	{"5.7.139&STS", EXPLAIN_TENANT,
	    "the organisation's own sign-in service (AD FS) cannot be reached, "
	    "or does not speak TLS 1.2", "mend it there; or " NO_PASSWORD},
	{"5.7.139", EXPLAIN_TENANT,
	    "a rule of the organisation forbids this login: Conditional "
	    "Access, an authentication policy, or SMTP is off",
	    "Entra, sign-in log: it names the rule; in PowerShell "
	    "Get-AuthenticationPolicy, and Get-CASMailbox -Identity {user}"},
	{"5.7.30|Basic authentication is not supported", EXPLAIN_YOU,
	    "Exchange Online takes no passwords any more", NO_PASSWORD},
	{"LOGIN failed|Logon failure: unknown user name", EXPLAIN_YOU,
	    "a password was sent, which Exchange Online does not take",
	    NO_PASSWORD},

	/* Exchange: High Volume Email */
	{"5.5.127|5.7.142", EXPLAIN_YOU,
	    "the token ends too soon for High Volume Email",
	    "set \"provider = microsoft-hve\", or a longer min_validity"},
	{"5.7.143", EXPLAIN_YOU, "the token has expired",
	    "run \"sasl-bearer refresh {user}\", and check this machine's "
	    "clock"},
	{"5.7.144", EXPLAIN_TENANT,
	    "the application lacks the permission Mail.Send, which High Volume "
	    "Email wants",
	    "Entra, App registrations, the application, API permissions: add "
	    "Mail.Send of Office 365 Exchange Online, Application "
	    "permissions, and grant admin consent"},
	{"5.7.240", EXPLAIN_EXCHANGE,
	    "the application is not on the list of this High Volume Email "
	    "account",
	    "Add-HVEAppAccess -Identity {user} -AppIds {client_id}; it takes "
	    "five minutes"},
	{"5.5.105", EXPLAIN_YOU,
	    "High Volume Email does not send out of the organisation",
	    "send this message through another server"},
	{"5.5.121|5.5.122|5.5.123|5.5.124|5.5.125|5.5.126", EXPLAIN_YOU,
	    "High Volume Email cannot read the login",
	    "user in the account's file must be the account's address"},

	/* Exchange: who may do what */
	{"5.7.57|not authenticated to send", EXPLAIN_YOU,
	    "the program sent mail without a login",
	    "in Postfix set smtp_sasl_auth_enable = yes and "
	    "smtp_sasl_tls_security_options = noanonymous; an earlier line of "
	    "its log may say why there was no login"},
	{"5.7.60|5.2.252|SendAsDenied", EXPLAIN_EXCHANGE,
	    "the sender's address is not that of the mailbox that logged in",
	    "Add-RecipientPermission -Identity SENDER -Trustee WHO "
	    "-AccessRights SendAs, where WHO signed in or is the service "
	    "principal; or send as {user}"},
	{"LogonDenied", EXPLAIN_EXCHANGE,
	    "the token is good, but gives no right on this mailbox",
	    "New-ServicePrincipal -AppId {client_id} -ObjectId that of the "
	    "enterprise application; Add-MailboxPermission -Identity {user} "
	    "-User OBJECT_ID -AccessRights FullAccess; " SETUP},
	{"5.7.3", EXPLAIN_EXCHANGE,
	    "Exchange Online does not accept the token for this mailbox",
	    "the usual causes: no permission SMTP.Send or SMTP.SendAsApp, no "
	    "New-ServicePrincipal or another -ObjectId than the enterprise "
	    "application's, no Add-MailboxPermission, another mailbox than "
	    "who signed in; " SETUP},
	{"Authenticated but not connected", EXPLAIN_EXCHANGE,
	    "the login is good, but the mailbox cannot be opened: none, no "
	    "licence, no right on it, or IMAP is off",
	    "Set-CASMailbox -Identity {user} -ImapEnabled $true; check the "
	    "licence, and the rights of who signed in; a personal account "
	    "has the switch in Outlook.com's settings"},
	{"AUTHENTICATE failed", EXPLAIN_EXCHANGE,
	    "Exchange Online does not accept the token for this mailbox",
	    "with a token that is good elsewhere the application is not in "
	    "Exchange, or has no right on the mailbox: New-ServicePrincipal, "
	    "Add-MailboxPermission; " SETUP},
	{"Authentication failure: unknown user name or bad password",
	    EXPLAIN_EXCHANGE,
	    "Exchange Online does not accept the token for this mailbox, or "
	    "POP is off for it",
	    "Set-CASMailbox -Identity {user} -PopEnabled $true; else as for "
	    "IMAP: " SETUP},

	/* Exchange: limits */
	{"concurrent connections limit|sender thread limit", EXPLAIN_YOU,
	    "a mailbox may have three connections for sending, and 30 messages "
	    "a minute",
	    "set smtp_destination_concurrency_limit = 2 in Postfix; the mail "
	    "is sent later"},
	{"throttled|Suggested Backoff", EXPLAIN_NOBODY,
	    "the server has had too many requests of this mailbox",
	    "let the program ask less often"},
	{"5.2.2&full|QuotaExceeded", EXPLAIN_EXCHANGE,
	    "the mailbox is full: sent mail is kept in Sent Items",
	    "empty that folder, or give the mailbox a retention policy for "
	    "it"},
	{"5.2.0&STOREDRV", EXPLAIN_NOBODY,
	    "the mailbox has sent to as many recipients as it may in a day",
	    "wait a day; for more there is High Volume Email"},
	{"bad outbound sender", EXPLAIN_EXCHANGE,
	    "the mailbox may not send, because it sent what looks like spam",
	    "Microsoft Defender portal, Review, Restricted entities: unblock "
	    "{user}"},
	{"AccessTokenExpired", EXPLAIN_NOBODY,
	    "Exchange Online ends a session with its token",
	    "connect again"},
	{"4.7.0&PRX", EXPLAIN_NOBODY,
	    "a server behind the one that answers is in trouble; or the "
	    "mailbox has no licence", "wait; if it stays, check the licence"},
	{"Command Error. 12", EXPLAIN_YOU,
	    "the program went on after its login was refused",
	    "the line before this one says why"},

	/* Google */
	{"Application-specific password required|534-5.7.9|534-5.7.14|"
	    "log in via your web browser", EXPLAIN_YOU,
	    "Google was sent a password, or wants the person in a browser",
	    NO_PASSWORD},
	{"Too many login attempts", EXPLAIN_NOBODY,
	    "the server has seen too many logins of this mailbox",
	    "wait, and let the program log in less often"},
	{"Too many simultaneous connections", EXPLAIN_YOU,
	    "Google allows 15 connections of IMAP to a mailbox",
	    "let the programs open fewer"},
	{"Invalid SASL argument", EXPLAIN_YOU,
	    "the server did not understand the response",
	    "the token may be damaged: run \"sasl-bearer refresh {user}\""},

	/* any server */
	{"insufficient_scope|status 403|\"status\":\"403\"", EXPLAIN_YOU,
	    "the token lacks the scope that the mail server wants",
	    "check scope and services in the account's file, then run "
	    "\"sasl-bearer login {user}\""},
	{"STARTTLS command first|538 5.7.11|Must issue a STARTTLS|"
	    "Plaintext authentication disallowed", EXPLAIN_YOU,
	    "the server wants TLS before a login",
	    "in Postfix set smtp_tls_security_level = secure; elsewhere "
	    "STARTTLS, or the port that has TLS from the start"},
	{"4.7.66|TLS 1.0 and 1.1", EXPLAIN_YOU,
	    "this machine's TLS is too old for the server",
	    "allow TLS 1.2 or later in the program, and in OpenSSL's "
	    "configuration"},
	{"Unrecognized authentication type|504 5.5.4|504 5.7.4", EXPLAIN_YOU,
	    "the server does not offer this mechanism, or not before TLS",
	    "check that TLS comes first; \"sasl-bearer probe {user} smtp\" "
	    "shows what it offers"},
	{"5.5.6|Line too long|line is too long", EXPLAIN_SERVER,
	    "the server does not take a line as long as the token",
	    "let it accept 12288 bytes in a line of a login (RFC 4954)"},
	{"Temporary authentication failure|[UNAVAILABLE]|[SYS/TEMP]|421 4.3.2|"
	    "421 4.4.2|Server Unavailable. 15|454 4.7.0|"
	    "cannot check the token now", EXPLAIN_NOBODY,
	    "the mail server cannot check logins for the moment",
	    "wait; if it stays, its administrator finds the cause in its log"},
	{"5.7.8|Invalid credentials|[AUTHENTICATIONFAILED]|[AUTH]|"
	    "status 401|invalid_token|does not accept the token|"
	    "does not accept token|server rejected XOAUTH2|\"status\":\"401\"|"
	    "\"status\":\"400\"", EXPLAIN_YOU,
	    "the server does not accept the token", REFRESH},
	{0},
};
/* clang-format on */
