/* SPDX-License-Identifier: MIT */
/* people - Microsoft's codes about who signs in, and what policies say */
#include "config.h"

#include "helper/explain/table.h"

#define USERS "Entra, Users, the person: "
#define POLICY                                                       \
	"Entra, Conditional Access: exclude the application or the " \
	"person from the policy; the sign-in log says which one it is"

/* clang-format off */
const struct explanation explain_people[] = {
	/* the directory */
	{"16000", EXPLAIN_SIGN_IN,
	    "the account that signed in is of no use in this tenant",
	    "choose the account that lives there, or correct tenant in the "
	    "account's file"},
	{"16003", EXPLAIN_TENANT,
	    "the person has not been added to the tenant of the mailbox",
	    "Entra, Users, Invite external user; or let them sign in with an "
	    "account of the tenant"},
	{"50014|50034|51004", EXPLAIN_SIGN_IN,
	    "there is no such person in this tenant",
	    "look for a typing error in the name, and at tenant in the "
	    "account's file"},
	{"50020", EXPLAIN_YOU,
	    "the person is of another tenant, or has a personal account",
	    "for a personal account set \"provider = microsoft-personal\"; "
	    "for another tenant name that one as tenant, or have the person "
	    "invited as a guest"},
	{"90072", EXPLAIN_SIGN_IN,
	    "the account is of another directory, and no guest in this tenant",
	    "take another account, or have this one invited"},
	{"500021|500022", EXPLAIN_TENANT,
	    "tenant restrictions, which a proxy on the way adds, forbid this "
	    "tenant",
	    "name the tenant in the proxy's header "
	    "Restrict-Access-To-Tenants"},
	{"500212|500213", EXPLAIN_TENANT,
	    "the settings for access across tenants forbid this",
	    "Entra, External Identities, Cross-tenant access settings: allow "
	    "the person and the application"},
	{"90123", EXPLAIN_SIGN_IN,
	    "the service that the person signs in at has refused",
	    "look at what it says in the browser"},

	/* accounts and passwords */
	{"50053", EXPLAIN_SIGN_IN,
	    "the account is locked after wrong passwords, or the address that "
	    "the sign-in came from has a bad name",
	    "wait some minutes, or ask an administrator: the sign-in log of "
	    "Entra says which of the two it is"},
	{"50055|50144", EXPLAIN_SIGN_IN, "the person's password has expired",
	    "change it in a browser"},
	{"50056", EXPLAIN_SIGN_IN,
	    "the directory has no password of this person",
	    "set one, or have an administrator reset it"},
	{"50057", EXPLAIN_TENANT, "the person's account is disabled",
	    USERS "tick Account enabled; then they must sign in again"},
	{"50126", EXPLAIN_SIGN_IN, "user name or password is wrong", NULL},
	{"50132|50133", EXPLAIN_SIGN_IN,
	    "the session ended when the password was changed or expired", NULL},
	{"50135", EXPLAIN_SIGN_IN,
	    "the account is at risk, so its password must be changed",
	    "change it in a browser"},
	{"50142", EXPLAIN_SIGN_IN, "a policy wants another password",
	    "change it in a browser"},
	{"50173", EXPLAIN_SIGN_IN,
	    "the sign-in was revoked: password changed or reset, sessions "
	    "revoked, or Set-User -STSRefreshTokensValidFrom was run", NULL},
	{"80001-80014", EXPLAIN_TENANT,
	    "the agents that check passwords at the organisation's own "
	    "directory are in trouble",
	    "Entra, Entra Connect, Pass-through authentication: look at the "
	    "agents; the person may try again later"},

	/* more than a password */
	{"50072|50079", EXPLAIN_SIGN_IN,
	    "the person must register for multi-factor authentication",
	    "do that at https://aka.ms/mfasetup"},
	{"50074|50076", EXPLAIN_SIGN_IN,
	    "multi-factor authentication is asked for", NULL},
	{"50078", EXPLAIN_SIGN_IN,
	    "the last multi-factor authentication is too long ago", NULL},
	{"50087|50088", EXPLAIN_NOBODY,
	    "the service for multi-factor authentication does not answer, or "
	    "sends no more messages for now", NULL},
	{"50158", EXPLAIN_SIGN_IN,
	    "another service for multi-factor authentication has not confirmed "
	    "the person", NULL},
	{"53004", EXPLAIN_SIGN_IN,
	    "the person must register for multi-factor authentication, and may "
	    "not do so from here",
	    "register at a place that the organisation trusts"},
	{"53010|53011", EXPLAIN_TENANT,
	    "a policy lets people register or sign in at some places only, or "
	    "the person's own tenant sees a risk",
	    "Entra, sign-in log: it names the policy or the risk"},

	/* policies */
	{"50005", EXPLAIN_TENANT,
	    "Conditional Access does not allow this operating system", POLICY},
	{"50097|50129|53001", EXPLAIN_TENANT,
	    "Conditional Access wants a device that the organisation knows, "
	    "which no program such as this can prove", POLICY},
	{"50131", EXPLAIN_TENANT,
	    "Conditional Access refuses: suspicious activity, or a rule",
	    POLICY},
	{"50155|135011", EXPLAIN_TENANT,
	    "the device is disabled, or did not prove which one it is",
	    "Entra, Devices: enable it; or exclude the application from the "
	    "policy that asks for a device"},
	{"700003", EXPLAIN_SIGN_IN,
	    "the device that the person signed in on is not registered any "
	    "more", NULL},
	{"53000|530002|530003", EXPLAIN_TENANT,
	    "Conditional Access wants a device that is managed and compliant, "
	    "which no program such as this can prove", POLICY},
	{"53002", EXPLAIN_TENANT,
	    "Conditional Access lets in approved applications only", POLICY},
	{"53003", EXPLAIN_TENANT,
	    "Conditional Access forbids this sign-in: its place, its way, or "
	    "the application", POLICY},
	{"530032", EXPLAIN_TENANT,
	    "a security policy of the tenant forbids this sign-in",
	    "Entra, sign-in log: it names the policy"},
	{"530034", EXPLAIN_TENANT,
	    "an administrator of a partner is kept out because of a risk",
	    "speak with the partner"},
	{"530035", EXPLAIN_SIGN_IN,
	    "security defaults forbid this kind of sign-in",
	    "take a browser; security defaults can stay on"},
	{"530036", EXPLAIN_SIGN_IN,
	    "a policy on authentication flows refuses this sign-in, as it does "
	    "those that began with a device code",
	    "sign in with a browser, not with a device code"},
	{"530084", EXPLAIN_TENANT,
	    "Conditional Access wants tokens that are bound to a device, which "
	    "mail servers do not take", POLICY},
	{"70043|70044", EXPLAIN_SIGN_IN,
	    "a policy on the sign-in frequency has ended the sign-in, and will "
	    "again",
	    "ask an administrator to exclude the application from that "
	    "policy"},
	{"70046", EXPLAIN_SIGN_IN,
	    "Conditional Access wants the person to sign in anew", NULL},

	/* consent */
	{"65001", EXPLAIN_SIGN_IN,
	    "nobody has consented to this application with these permissions",
	    "agree in the browser; where it wants an administrator, send them "
	    "the address that \"sasl-bearer login\" prints"},
	{"65004", EXPLAIN_SIGN_IN, "the person did not consent",
	    "agree to what the page lists"},
	{"90094|90095", EXPLAIN_TENANT,
	    "an administrator must consent to the application first",
	    "open the address that \"sasl-bearer login\" prints; or Entra, "
	    "Enterprise applications, the application, Permissions, Grant "
	    "admin consent; then the person signs in again"},
	{"50105", EXPLAIN_TENANT,
	    "the application is for those assigned to it, and the person is "
	    "not",
	    "Entra, Enterprise applications, the application, Users and "
	    "groups: add the person"},

	/* the end of a sign-in, or its middle */
	{"50058", EXPLAIN_SIGN_IN, "there is no session that could go on",
	    NULL},
	{"50085", EXPLAIN_SIGN_IN,
	    "the service that the person signs in at wants to be asked again",
	    NULL},
	{"50089", EXPLAIN_SIGN_IN, "the sign-in took too long", NULL},
	{"50140|50199", EXPLAIN_SIGN_IN,
	    "the page in the browser waits for an answer", "answer it"},
	{"54005", EXPLAIN_SIGN_IN,
	    "the code of this sign-in was used before", NULL},
	{"50147|501481|501491", EXPLAIN_SIGN_IN,
	    "the proof of who began this sign-in (PKCE) does not fit", NULL},
	{"70000", EXPLAIN_SIGN_IN,
	    "the refresh token is damaged, has ended or is of another "
	    "application or tenant; or the account is blocked",
	    "see in a browser whether the account can be used"},
	{"70008", EXPLAIN_SIGN_IN,
	    "the sign-in has expired, or was not used for too long", NULL},
	{"700082", EXPLAIN_SIGN_IN,
	    "the sign-in was not used for 90 days",
	    "let the helper run all the time: it renews each account before "
	    "that"},
	{"700084", EXPLAIN_SIGN_IN,
	    "the redirect URI is registered under Single-page application, "
	    "whose sign-ins end after a day",
	    "register http://localhost under Mobile and desktop applications "
	    "instead"},
	{"700020", EXPLAIN_SIGN_IN,
	    "the provider wants to ask the person something", NULL},
	{"700005", EXPLAIN_SIGN_IN,
	    "the code of this sign-in is of another tenant",
	    "leave tenant as it is while you sign in"},

	/* device codes */
	{"70016", EXPLAIN_NOBODY,
	    "the code of the sign-in has not been entered yet",
	    "enter it on the page that \"sasl-bearer login\" names"},
	{"70018", EXPLAIN_SIGN_IN,
	    "another code was entered than the one shown", NULL},
	{"70019|70020", EXPLAIN_SIGN_IN,
	    "the code of the sign-in was not entered in time", NULL},
	{"7000014", EXPLAIN_SIGN_IN,
	    "the code of the sign-in is not known, or not any more", NULL},
	{0},
};
/* clang-format on */
