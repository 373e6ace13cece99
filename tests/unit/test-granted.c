/* SPDX-License-Identifier: MIT */
/* test-granted - the scope that was granted and the one that was asked for */
#include "config.h"

#include "common/util.h"
#include "helper/cli/granted.h"
#include "tap.h"

#define IMAP "https://outlook.office.com/IMAP.AccessAsUser.All"
#define SMTP "https://outlook.office.com/SMTP.Send"
#define GOOGLE "https://mail.google.com/"
#define USERINFO "https://www.googleapis.com/auth/userinfo.email"

static const struct {
	const char *what;
	const char *asked;
	const char *granted;
	enum granted result;
	const char *missing;
} cases[] = {
    {"the same", IMAP " " SMTP, IMAP " " SMTP, GRANTED_ALL, NULL},
    {"another order, blanks, more", IMAP " " SMTP,
	"  " SMTP "   x " IMAP " openid ", GRANTED_ALL, NULL},
    {"case does not count", IMAP,
	"HTTPS://OUTLOOK.OFFICE.COM/imap.accessasuser.all", GRANTED_ALL, NULL},
    {"no scope in the reply", IMAP, NULL, GRANTED_ALL, NULL},
    {"nothing was asked for", NULL, "mail", GRANTED_ALL, NULL},
    {"offline_access is never in Microsoft's reply", "offline_access " IMAP,
	IMAP, GRANTED_ALL, NULL},
    {"the words of OpenID Connect do not count",
	"openid profile email offline_access mail", "mail", GRANTED_ALL, NULL},
    {"nor does Mail.ru's", "userinfo mail.imap", "mail.imap", GRANTED_ALL,
	NULL},
    {"only those were asked for", "openid offline_access", "openid",
	GRANTED_ALL, NULL},
    {"one is missing", IMAP " " SMTP, SMTP, GRANTED_LESS, IMAP},
    {"two are missing", "a b c", "b", GRANTED_LESS, "a c"},
    {"a beginning is not the word", "mail mailbox", "mailbox", GRANTED_LESS,
	"mail"},
    {"nothing but the identity", "openid email " GOOGLE, "openid email",
	GRANTED_LESS, GOOGLE},
    {"Google's words for the identity", "openid email " GOOGLE,
	"openid " USERINFO, GRANTED_LESS, GOOGLE},
    {"an empty list", IMAP, " ", GRANTED_LESS, IMAP},
    {"other words", "mail:imap_full", "imap", GRANTED_UNKNOWN, NULL},
    {"other words and the identity", IMAP, "openid Mail.Read", GRANTED_UNKNOWN,
	NULL},
    {".default stands for what is registered",
	"https://outlook.office365.com/.default offline_access", IMAP,
	GRANTED_ALL, NULL},
    {".default is no other word", "/.default mail", "/.default", GRANTED_LESS,
	"mail"},
};

static void
test_long(void)
{
	char asked[4 * GRANTED_TEXT_MAX] = "ok", missing[GRANTED_TEXT_MAX];
	enum granted g;
	size_t len;

	while (strlen(asked) < sizeof(asked) - 12)
		strcat(asked, " 012345678");
	g = granted_compare(asked, "ok", missing);
	len = strlen(missing);
	tap_ok(g == GRANTED_LESS && len < sizeof(missing) && len % 10 == 9,
	    "a long list is cut between words: %zu", len);
}

int
main(void)
{
	char missing[GRANTED_TEXT_MAX];
	enum granted g;
	size_t i;

	for (i = 0; i < COUNT_OF(cases); i++) {
		strcpy(missing, "untouched");
		g = granted_compare(cases[i].asked, cases[i].granted, missing);
		tap_ok(g == cases[i].result, "%s: %d", cases[i].what, (int)g);
		tap_is(missing,
		    cases[i].missing ? cases[i].missing : "untouched",
		    cases[i].what);
	}
	test_long();
	return tap_done();
}
