/* SPDX-License-Identifier: MIT */
/* test-explain - the table of errors: each row is found, and says something */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "helper/explain/explain.h"
#include "tests/unit/tap.h"

#define TITLES_SIZE 1024

/*
 * A line for each row that is not a number, in the order of the table, as
 * servers and programs write it.
 */
static const char *const examples[] = {
    /* mail servers */
    "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is "
    "disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more "
    "information. [AM0PR01CA0001.eurprd01.prod.exchangelabs.com]",
    "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is "
    "disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled",
    "NO [ALERT] Your account is not enabled for IMAP use. Please visit your "
    "Gmail settings page and enable your account for IMAP access. (Failure)",
    "535 5.7.139 Authentication unsuccessful, basic authentication is "
    "disabled.",
    "535 5.7.139 Authentication unsuccessful, user is locked by your "
    "organization's security defaults policy. Contact your administrator.",
    "535 5.7.139 Authentication unsuccessful, the organization configuration "
    "doesn't allow this authentication request",
    "535 5.7.139 Authentication unsuccessful, the user credentials were "
    "incorrect. [X 2026-11-20T08:00:00.000Z 08DE]",
    "535 5.7.139 Authentication unsuccessful, federated STS service was "
    "unreachable",
    "535 5.7.139 Authentication unsuccessful, the request did not meet the "
    "criteria to be authenticated successfully. Contact your administrator.",
    "550 5.7.30 Basic authentication is not supported for Client Submission.",
    "a1 NO LOGIN failed.",
    "501 5.5.127 Invalid XOAUTH2 argument. Token will expire soon",
    "535 5.7.143 Authentication unsuccessful, token expired",
    "535 5.7.144 Authentication unsuccessful, wrong API permissions",
    "550 5.7.240 the application is not in the allow list of the account",
    "550 5.5.105 recipient outside of the organization",
    "501 5.5.124 Invalid XOAUTH2 argument",
    "530 5.7.57 Client not authenticated to send mail. [AM0PR01CA0001]",
    "554 5.2.252 SendAsDenied; a@contoso.com not allowed to send as "
    "b@contoso.com; STOREDRV.Submission.Exception:SendAsDeniedException",
    "a2 NO AUTHENTICATE failed. Error=\"AuthFailed:LogonDenied-None-OAuthLog:"
    "AuthExc_x\" User:relay@contoso.com",
    "535 5.7.3 Authentication unsuccessful [FR0P281CA0001.DEUP281.PROD]",
    "a3 BAD User is authenticated but not connected.",
    "a2 NO AUTHENTICATE failed.",
    "-ERR Authentication failure: unknown user name or bad password.",
    "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/x",
    "a4 BAD Request is throttled. Suggested Backoff Time: 22354 milliseconds",
    "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceeded...",
    "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException",
    "550 5.1.8 Access denied, bad outbound sender AS(1234)",
    "* BYE Session invalidated - AccessTokenExpired",
    "451 4.7.0 Temporary server error. Please try again later. PRX4",
    "* BAD Command Error. 12",
    "534-5.7.9 Application-specific password required. For more information",
    "454 4.7.0 Too many login attempts, please try again later. f1-20020a",
    "NO [ALERT] Too many simultaneous connections. (Failure)",
    "a2 NO Invalid SASL argument. q12mb1234wrq",
    "the server does not accept the token: status 403, scope \"mail\"",
    "530 5.7.0 Must issue a STARTTLS command first. a640c23a62f3a",
    "421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update.",
    "504 5.7.4 Unrecognized authentication type [LO2P265CA0001]",
    "500 5.5.6 Authentication Exchange line is too long",
    "a2 NO [UNAVAILABLE] Temporary authentication failure. [mx1:2026-11-20]",
    "a2 NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)",

    /* lines of logs */
    "postfix/smtp[214]: warning: SASL authentication failure: no token helper "
    "listens at /run/sasl-bearer/socket; start sasl-bearerd, and for a program "
    "in a chroot give it a socket in there",
    "cannot reach the token helper at /run/sasl-bearer/socket: Connection "
    "refused; is sasl-bearerd running?",
    "no answer in time from the token helper at /run/sasl-bearer/socket; see "
    "its log",
    "sasl-bearer: no answer from the helper at /run/user/1000/sasl-bearer/"
    "socket: No such file or directory; start it with: sasl-bearerd --user",
    "the token helper sent a reply that makes no sense; are plugin and "
    "sasl-bearerd of one version?",
    "nobody has signed in for account \"alice\" yet; run \"sasl-bearer login "
    "alice\"",
    "the stored sign-in of account \"alice\" was made for another client_id, "
    "endpoint or scope; run \"sasl-bearer login alice\"",
    "the stored sign-in of account \"alice\" cannot be read: see the log; put "
    "/var/lib/sasl-bearer/alice back from a backup",
    "denied: uid 103 pid 4 host -: no account that uid 103 may use serves user "
    "\"x@example.com\"; see allow in sasl-bearer.conf(5)",
    "accounts.d/relay.conf:9: allow names \"postfx\", which is no user here "
    "(yet)",
    "sasl-bearer: this is for root and the helper's own user",
    "no account may be used by this uid; see allow in sasl-bearer.conf(5)",
    "host \"mail.example.com\" is not in hosts of account \"relay\"",
    "service \"pop\" is not in services of account \"relay\"",
    "the program does not say which server it talks to, so account \"relay\" "
    "is not used",
    "accounts \"a\" and \"b\" both serve user \"x\" here; set services",
    "the mail server rejects fresh tokens too, so the token is not what is "
    "wrong: no; check scope",
    "account \"relay\": the certificate of the application expires in 12 days",
    "account \"relay\": notify_command /usr/bin/notify ended with status 1; "
    "nobody was told of expiring",
    "/usr/bin/oama gave something that is not a token (RFC 6750)",
    "login.example.com: no metadata of the issuer \"https://login.example.com"
    "\" (HTTP 404); check issuer or set the endpoints",
    "169.254.169.254: HTTP 404; the metadata service is being updated, or this "
    "is no virtual machine of Azure",
    "the provider has not answered yet; try again",
    "/etc/sasl-bearer/relay.secret: holds a secret that others may read; run: "
    "chown root:sasl-bearer ... && chmod 640 ...",
    "/etc/sasl-bearer/relay.pem: writable by others; run: chmod go-w "
    "/etc/sasl-bearer/relay.pem",
    "/etc/sasl-bearer/accounts.d/relay.conf:3: unknown name \"alow\": did you "
    "mean \"allow\"?",
    "the state file of account \"relay\" is sealed with key 0a1b, which is not "
    "given",
    "/var/lib/sasl-bearer: another sasl-bearerd uses it",
    "sasl-bearer-fetch ended without a reply; is it installed, and of this "
    "version?",
    "sasl-bearer-fetch cannot shut itself in: seccomp: Operation not permitted",
    "account \"relay\": cannot save to /var/lib/sasl-bearer: No space left on "
    "device; the tokens are kept in memory",
    "cannot resolve login.microsoftonline.com: there is no such name, or the "
    "DNS does not answer",
    "login.example.com did not answer after 20 s",
    "the certificate of login.example.com has expired; is this machine's clock "
    "right? it says 2019-01-01 00:00 UTC",
    "the certificate of login.example.com is not trusted: self-signed "
    "certificate (set ca_file if it is a private CA)",
    "mail.example.com does not begin with TLS on this port; is it one for "
    "STARTTLS?",
    "postfix/smtp[214]: warning: SASL authentication failure: No worthy mechs "
    "found",
    "mail.example.com offers neither OAUTHBEARER nor XOAUTH2 for IMAP, but "
    "PLAIN",
    "libsasl2 has no mechanism for this: the plugin is not installed where "
    "libsasl2 looks",
    "h[10.0.0.1]:587: Server certificate not trusted",
    "454 4.7.1 <bob@example.net>: Relay access denied",
    "warning: SASL authentication failure: Password verification failed",
    "status=deferred (SASL [CACHED] authentication failed; server h[10.0.0.1] "
    "said: 535 no)",
    "warning: SASL authentication failure: All-whitespace username.",
    "warning: SASL authentication problem: Unable to find a callback: 32775",
    "SASL authentication failed; cannot authenticate to server h[10.0.0.1]: "
    "transient failure (e.g., weak key)",
    "IMAP wants more steps despite successful SASL authentication.",
    "SASL authentication failed; cannot authenticate to server h[10.0.0.1]: "
    "generic failure",
    "IMAP error: selected SASL mechanism(s) not available; selected: XOAUTH2 "
    "available: PLAIN",
    "mutt: No authenticators available",
    "fetchmail: configuration requires TLS, but STARTTLS is not permitted "
    "because of authenticated state (PREAUTH). Aborting connection.",
    "Tunnel to localhost returned error 77 (Insufficient permission)",

    /* error words */
    "{\"error\":\"invalid_grant\",\"error_subtype\":\"invalid_rapt\"}",
    "oauth2.googleapis.com: invalid_grant: Invalid email or User ID",
    "oauth2.googleapis.com: invalid_grant: Invalid JWT: Token must be a "
    "short-lived token",
    "oauth2.googleapis.com: invalid_grant: Token has been expired or revoked.",
    "mail has not completed the Google verification process",
    "Error 400: redirect_uri_mismatch",
    "Error 403: org_internal",
    "Error 400: admin_policy_enforced",
    "Error 403: disallowed_useragent",
    "Error 401: deleted_client",
    "login.example.com: slow_down",
    "login.example.com: expired_token; the code was not entered in time",
    "{\"error\": \"bad_verification_code\"}",
    "error=access_denied&state=x",
    "{\"suberror\":\"consent_required\"}",
    "login.example.com: interaction_required",
    "{\"error\":\"invalid_grant\"}",
    "login.example.com: unauthorized_client",
    "oauth2.googleapis.com: invalid_client: The OAuth client was not found.",
    "error=invalid_scope",
    "login.example.com: invalid_resource",
    "login.example.com: invalid_target",
    "login.example.com: unsupported_grant_type",
    "login.example.com: unsupported_response_type",
    "login.example.com: unsupported_token_type",
    "login.example.com: invalid_request: what?",
    "login.example.com: HTTP 503: temporarily_unavailable",
};

/* A text, and the titles of what is found in it, each with "; " behind. */
static const struct {
	const char *text, *titles;
} lines[] = {
    {"AADSTS50173", "AADSTS50173; "},
    {"aadsts50173", "AADSTS50173; "},
    {"AADSTS 50173", "AADSTS50173; "},
    {"50173", "AADSTS50173; "},
    {" 50173, 65001\n", "AADSTS50173; AADSTS65001; "},
    {"\"error_codes\":[50173,65001]", "AADSTS50173; AADSTS65001; "},
    {"\"error_codes\": [\"50173\"]", "AADSTS50173; "},
    {"aadsts=50173", "AADSTS50173; "},
    {"AADSTS50014 and AADSTS50034", "AADSTS50014; AADSTS50034; "},
    {"AADSTS80007: the agent", "AADSTS80007; "},
    {"AADSTS75011", "AADSTS75011; "},
    {"account \"alice\": no new token: login.microsoftonline.com: "
     "invalid_grant: AADSTS50173: The provided grant has expired due to it "
     "being revoked. (trace 0a1b-2c); run \"sasl-bearer login alice\"",
	"AADSTS50173; "},
    {"invalid_grant: AADSTS123456", "123456?; invalid_grant; "},
    {"AADSTS123456 AADSTS50173", "123456?; AADSTS50173; "},
    {"50173 65001 65004 50105 50058 50085 50089 54005 70008 700082",
	"AADSTS50173; AADSTS65001; AADSTS65004; AADSTS50105; AADSTS50058; "
	"AADSTS50085; AADSTS50089; AADSTS54005; AADSTS70008; AADSTS700082; "},
    {"Nov 20 08:00:00 mx postfix/smtp[50173]: 5C0: to=<a@b.example>, "
     "relay=smtp.office365.com[52.98.1.2]:587, delay=3, dsn=5.7.139, "
     "status=bounced (host smtp.office365.com[52.98.1.2] said: 535 5.7.139 "
     "Authentication unsuccessful, SmtpClientAuthentication is disabled for "
     "the Tenant.)",
	"SmtpClientAuthentication is disabled ... Tenant; "},
    {"5.7.3", "5.7.3; "},
    {"5.7.30", "5.7.30, Basic authentication is not supported; "},
    {"535-5.7.8 Username and Password not accepted. 535 5.7.8 see",
	"5.7.8, Invalid credentials, [AUTHENTICATIONFAILED], [AUTH], "
	"status 401, invalid_token, does not accept the token, "
	"does not accept token, server rejected XOAUTH2, \"status\":\"401\", "
	"\"status\":\"400\"; "},
    {"Error: SASL(-13): authentication failure: server rejected XOAUTH2: "
     "{\"status\":\"403\",\"schemes\":\"Bearer\",\"scope\":\"mail\"}",
	"insufficient_scope, status 403, \"status\":\"403\"; "},
    {"invalid_client; 5.7.3", "invalid_client; 5.7.3; "},

    /* nothing */
    {"", ""},
    {"a text about nothing", ""},
    {"postfix/smtp[50173]: connected", ""},
    {"4242", ""},
    {"AADSTS5017", ""},
    {"500140000000", ""},
    {"AADSTS", ""},
    {"AADSTS1", ""},
    {"AADSTS999999999999999999999999", ""},
    {"relay 10.5.7.3 and 5.7.3.1, version 15.7.30.2", ""},
    {"not_invalid_grant_at_all", ""},
    {"error_codes", ""},
};

/* Every text is one line, begins low, and ends without a full stop. */
static int
is_line(const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len < 8 || len > max || text[len - 1] == '.' ||
	    text[len - 1] == ' ' || strstr(text, "  ") || strchr(text, '\n'))
		return 0;
	return util_text_valid(text, len);
}

/* A name of a product or a command may begin with a capital. */
static int
begins_low(const char *text)
{
	static const char *const names[] = {"Add-", "AADSTS", "Conditional",
	    "Entra", "Exchange", "Get-", "Google", "High Volume Email", "IMAP",
	    "Microsoft", "New-", "POP", "Postfix", "SMTP", "Set-"};
	size_t i;

	for (i = 0; i < COUNT_OF(names); i++)
		if (strncmp(text, names[i], strlen(names[i])) == 0)
			return 1;
	return !isupper((unsigned char)*text);
}

static void
check_row(const struct explanation *e, int is_word)
{
	struct explain_found found = {.row = e};
	char title[EXPLAIN_TITLE_SIZE], text[EXPLAIN_TEXT_SIZE];
	char advice[EXPLAIN_ADVICE_SIZE];

	explain_title(&found, title);
	tap_ok(is_line(e->means, EXPLAIN_MEANS_MAX) && begins_low(e->means) &&
		!strchr(e->means, '{'),
	    "%s: it means: %s (%zu)", title, e->means, strlen(e->means));
	explain_remedy(text, sizeof(text), e, NULL);
	tap_ok(is_line(text, EXPLAIN_REMEDY_MAX) && begins_low(text) &&
		!strchr(text, '{'),
	    "%s: remedy: %s (%zu)", title, text, strlen(text));
	tap_ok(
	    e->remedy || e->who == EXPLAIN_NOBODY || e->who == EXPLAIN_SIGN_IN,
	    "%s: who acts is told what to do", title);
	explain_advice(advice, sizeof(advice), e, NULL);
	tap_ok(strlen(title) + 1 < sizeof(title) &&
		strlen(advice) + 1 < sizeof(advice),
	    "%s: title and advice fit", title);
	if (is_word && e->remedy)
		tap_ok(!strchr(e->remedy, '{'),
		    "%s: a word's remedy has no names in it", title);
}

static void
test_texts(void)
{
	const struct explain_section *s;
	const struct explanation *e;
	size_t rows = 0;

	for (s = explain_sections(); s->title; s++)
		for (e = s->rows; e->match; e++, rows++)
			check_row(e, strncmp(s->title, "Error words", 11) == 0);
	tap_ok(rows > 190, "%zu rows", rows);
}

/* Whether a section is of numbers, whose rows have no other words. */
static int
has_numbers(const struct explain_section *s)
{
	return strncmp(s->title, "Microsoft: ", 11) == 0;
}

/* Notices a finding among others. */
struct watch {
	struct explain_found wanted;
	int seen;
};

static void
notice(void *context, const struct explain_found *found)
{
	struct watch *w = context;

	if (found->row == w->wanted.row && found->number == w->wanted.number)
		w->seen = 1;
}

/* Whether a text is found to be about a row, with that number or 0. */
static int
finds(const char *text, const struct explanation *row, long number)
{
	struct watch w = {.wanted = {row, number}};

	explain_find(text, notice, &w);
	return w.seen;
}

static void
check_number(const struct explanation *row, long number)
{
	char text[128];

	snprintf(text, sizeof(text),
	    "login.example.com: invalid_grant: AADSTS%ld: words (trace 0a-1b)",
	    number);
	tap_ok(explain_code(number) == row && finds(text, row, number),
	    "AADSTS%ld is in one row", number);
}

static void
check_numbers(const struct explanation *row)
{
	const char *at = row->match;
	char *end;
	long first, last;

	for (;; at = end + 1) {
		first = last = strtol(at, &end, 10);
		check_number(row, first);
		if (*end == '-')
			last = strtol(end + 1, &end, 10);
		if (last != first)
			check_number(row, last);
		if (!*end)
			break;
	}
}

static void
test_numbers(void)
{
	const struct explain_section *s;
	const struct explanation *e;

	for (s = explain_sections(); s->title; s++)
		for (e = s->rows; has_numbers(s) && e->match; e++)
			check_numbers(e);
	tap_ok(!explain_code(0) && !explain_code(123456) && !explain_code(-1),
	    "other numbers are in none");
}

/* What stands between two "|" is enough, and leads to no earlier row. */
static void
check_alternatives(const struct explanation *row)
{
	const char *at = row->match;
	char text[128];
	size_t len, i, n;

	for (;; at += len + 1) {
		len = strcspn(at, "|");
		n = (size_t)snprintf(
		    text, sizeof(text), "so: %.*s.", (int)len, at);
		for (i = 0; i < n; i++)
			if (text[i] == '&')
				text[i] = ' ';
		tap_ok(finds(text, row, 0), "\"%s\" is enough", text);
		if (!at[len])
			break;
	}
}

static void
test_examples(void)
{
	const struct explain_section *s;
	const struct explanation *e;
	size_t i = 0;

	for (s = explain_sections(); s->title; s++)
		for (e = s->rows; !has_numbers(s) && e->match; e++, i++) {
			check_alternatives(e);
			tap_ok(i < COUNT_OF(examples) &&
				finds(examples[i], e, 0) &&
				strcmp(examples[i], e->match) != 0,
			    "\"%s\" in: %s", e->match,
			    i < COUNT_OF(examples) ? examples[i] : "nothing");
		}
	tap_ok(i == COUNT_OF(examples), "there are no more examples than rows");
}

/* Add the title of a finding to a text. */
static void
add_title(void *context, const struct explain_found *found)
{
	char title[EXPLAIN_TITLE_SIZE], *titles = context;
	size_t len = strlen(titles);

	if (found->row)
		explain_title(found, title);
	else
		snprintf(title, sizeof(title), "%ld?", found->number);
	snprintf(titles + len, TITLES_SIZE - len, "%s; ", title);
}

static void
test_lines(void)
{
	char titles[TITLES_SIZE];
	size_t i;

	for (i = 0; i < COUNT_OF(lines); i++) {
		titles[0] = '\0';
		explain_find(lines[i].text, add_title, titles);
		tap_is(titles, lines[i].titles, lines[i].text);
	}
}

static void
test_words(void)
{
	tap_ok(explain_word("invalid_grant") &&
		explain_word("server_error") ==
		    explain_word("temporarily_unavailable"),
	    "a word of OAuth's is found");
	tap_ok(!explain_word("invalid") && !explain_word("invalid_grants") &&
		!explain_word(""),
	    "but as a whole only");
}

static void
test_names(void)
{
	static const struct explanation row = {"x", EXPLAIN_SIGN_IN, "m {user}",
	    "a {user}, {client_id}{user}, {none}{account}, {"};
	const struct explain_names names = {"u@x", "acc", "app"};
	const struct explain_names empty = {"", "", ""};
	char text[EXPLAIN_ADVICE_SIZE];

	explain_remedy(text, sizeof(text), &row, &names);
	tap_is(text,
	    "a u@x, appu@x, {none}acc, {; run \"sasl-bearer login acc\"",
	    "names");
	explain_remedy(text, sizeof(text), &row, &empty);
	tap_ok(
	    strstr(text, "login ACCOUNT\"") != NULL, "empty names: %s", text);
	explain_remedy(text, 64, &row, NULL);
	tap_is(text,
	    "a USER, CLIENT_IDUSER, {none}ACCOUNT, {; run \"sasl-bearer login",
	    "without names, and cut");
	explain_means(text, sizeof(text), &row, &names);
	tap_is(text, "m u@x", "in a meaning");
	explain_advice(text, sizeof(text), &row, &names);
	tap_is(text, "m u@x: a u@x, appu@x, {none}acc, {", "in an advice");
	explain_remedy(text, 1, &row, &names);
	tap_is(text, "", "a size of 1");
	explain_advice(text, sizeof(text), explain_code(54005), NULL);
	tap_is(text, "the code of this sign-in was used before",
	    "an advice without a remedy");
	explain_advice(text, sizeof(text), explain_code(530034), NULL);
	tap_ok(strstr(text, "; ask an") != NULL,
	    "an advice says who is to be asked: %s", text);
}

int
main(void)
{
	test_texts();
	test_numbers();
	test_examples();
	test_lines();
	test_words();
	test_names();
	return tap_done();
}
