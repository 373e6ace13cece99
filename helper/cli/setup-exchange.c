/* SPDX-License-Identifier: MIT */
/* setup-exchange - what Exchange Online itself needs, for one account */
#include "config.h"

#include <string.h>

#include "helper/cli/setup.h"

#define HVE "microsoft-hve"
#define PERSONAL "microsoft-personal"
#define CONSENT                                                               \
	"https://login.microsoftonline.com/%s/v2.0/adminconsent?client_id=%s" \
	"&redirect_uri=https://localhost&scope=%s"

/* By service_names: of an application itself, and of one a person uses. */
static const char *const roles[SERVICES] = {
    "IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp"};
static const char *const delegated[SERVICES] = {
    "IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"};

static int
serves(const struct setup *s, unsigned services)
{
	return s->account.services == 0 || (s->account.services & services);
}

/* A text of PowerShell that nothing is replaced in. */
static const char *
quote(struct setup *s, const char *text)
{
	char buf[2 * USER_MAX + 3];
	size_t len = 0;

	buf[len++] = '\'';
	for (; *text && len + 3 < sizeof(buf); text++) {
		if (*text == '\'')
			buf[len++] = '\'';
		buf[len++] = *text;
	}
	buf[len++] = '\'';
	buf[len] = '\0';
	return setup_format(s, "%s", buf);
}

/* The permissions of the account's services: "A, B". */
static const char *
permissions(struct setup *s, const char *const names[SERVICES])
{
	const char *list = "";
	size_t i;

	for (i = 0; i < SERVICES; i++)
		if (serves(s, 1U << i))
			list = setup_format(
			    s, "%s%s%s", list, *list ? ", " : "", names[i]);
	return list;
}

static void
put_consent(struct setup *s, const char *scope)
{
	if (strcmp(s->account.provider, "microsoft") != 0)
		return; /* other clouds have other hosts */
	setup_note(s, CONSENT, s->account.tenant, s->account.client_id, scope);
}

/* Which application it is. */
static void
put_registration(struct setup *s)
{
	setup_file(s, "https://entra.microsoft.com");
	if (*s->account.client_id)
		setup_note(s,
		    "1. App registrations: the one whose Application (client) "
		    "ID is %s%s%s",
		    s->account.client_id,
		    strpbrk(s->account.tenant, ".-") ? ", of the tenant " : "",
		    strpbrk(s->account.tenant, ".-") ? s->account.tenant : "");
	else
		setup_note(s,
		    "1. The identity of this virtual machine: Enterprise "
		    "applications, with the filter Managed Identities");
}

static void
put_app_portal(struct setup *s)
{
	int hve = strcmp(s->account.provider, HVE) == 0;

	put_registration(s);
	setup_note(s,
	    "2. API permissions, Add a permission, APIs my organization uses, "
	    "Office 365 Exchange Online (not Microsoft Graph), Application "
	    "permissions (not delegated): %s",
	    hve ? "Mail.Send" : permissions(s, roles));
	setup_note(s,
	    "3. Grant admin consent there. An administrator elsewhere can do "
	    "that at an address, if https://localhost is a redirect URI:");
	if (serves(s, SERVICE_IMAP | SERVICE_POP) && !hve)
		put_consent(s, "https://ps.outlook.com/.default");
	if (serves(s, SERVICE_SMTP))
		put_consent(s, "https://outlook.office365.com/.default");
	setup_note(s,
	    "4. ENTERPRISE applications, the application: note its Object ID. "
	    "With that of App registrations all commands below succeed, and "
	    "every login fails.");
}

/* The switches of a mailbox. */
static void
put_switches(struct setup *s, const char *mailbox)
{
	if (serves(s, SERVICE_SMTP)) {
		setup_note(s,
		    "on, whatever the tenant says; it stops OAuth as well as "
		    "passwords");
		setup_put(s,
		    "Set-CASMailbox -Identity %s "
		    "-SmtpClientAuthenticationDisabled $false",
		    mailbox);
	}
	if (serves(s, SERVICE_IMAP))
		setup_put(s, "Set-CASMailbox -Identity %s -ImapEnabled $true",
		    mailbox);
	if (serves(s, SERVICE_POP))
		setup_put(s, "Set-CASMailbox -Identity %s -PopEnabled $true",
		    mailbox);
	setup_note(s,
	    "An authentication policy stops passwords, not OAuth: "
	    "AllowBasicAuthSmtp, AllowBasicAuthImap and AllowBasicAuthPop may "
	    "stay $false. The one in force:");
	setup_put(s, "Get-User -Identity %s | Format-List AuthenticationPolicy",
	    mailbox);
}

static void
put_connect(struct setup *s)
{
	setup_file(s, "PowerShell, with the module ExchangeOnlineManagement");
	setup_put(s, "Connect-ExchangeOnline");
}

static void
put_app(struct setup *s)
{
	const char *mailbox = quote(s, s->account.user);
	const char *name =
	    quote(s, setup_format(s, "sasl-bearer %s", s->account.account));

	put_app_portal(s);
	put_connect(s);
	if (strcmp(s->account.provider, HVE) == 0) {
		setup_put(s, "Add-HVEAppAccess -Identity %s -AppIds %s",
		    mailbox, quote(s, s->account.client_id));
		return;
	}
	setup_put(
	    s, "$object = Read-Host 'Object ID of the ENTERPRISE application'");
	if (*s->account.client_id)
		setup_put(s, "$app = %s", quote(s, s->account.client_id));
	else
		setup_put(
		    s, "$app = Read-Host 'Application ID of the identity'");
	setup_put(s,
	    "New-ServicePrincipal -AppId $app -ObjectId $object -DisplayName "
	    "%s",
	    name);
	setup_put(s, "$sp = Get-ServicePrincipal -Identity $object");
	if (strchr(s->account.pattern, '*'))
		setup_note(s, "the rest for each mailbox of the account");
	setup_put(s,
	    "Add-MailboxPermission -Identity %s -User $sp.Identity "
	    "-AccessRights FullAccess",
	    mailbox);
	if (serves(s, SERVICE_SMTP))
		setup_put(s,
		    "Add-RecipientPermission -Identity %s -Trustee "
		    "$sp.Identity -AccessRights SendAs",
		    mailbox);
	put_switches(s, mailbox);
}

static void
put_person_portal(struct setup *s)
{
	put_registration(s);
	setup_note(s,
	    "2. Authentication, Add a platform, Mobile and desktop applications "
	    "(not Web, not Single-page application), with the redirect URI "
	    "http://localhost");
	setup_note(s,
	    "3. For \"sasl-bearer login --device\": Authentication, Advanced "
	    "settings, Allow public client flows: Yes");
	setup_note(s,
	    "4. API permissions, Microsoft Graph, Delegated permissions: %s, "
	    "offline_access, openid, email, profile. No secret.",
	    permissions(s, delegated));
	setup_note(s,
	    "5. If persons may not consent themselves: Grant admin consent "
	    "there, or send an administrator the address that \"sasl-bearer "
	    "login\" prints in that case");
}

/* What somebody may do who signed in, in a mailbox of their own or not. */
static void
put_person(struct setup *s)
{
	const char *user = quote(s, s->account.user), *mailbox = user;
	size_t i;

	put_person_portal(s);
	if (strcmp(s->account.provider, PERSONAL) == 0) {
		setup_note(s,
		    "A personal account has no administrator: that is all, but "
		    "POP and IMAP must be on in the settings of Outlook.com.");
		return;
	}
	put_connect(s);
	for (i = 0; i < SERVICES; i++)
		if (strcmp(s->account.sasl_user[i], s->account.user) != 0)
			mailbox = quote(s, s->account.sasl_user[i]);
	if (mailbox != user) {
		setup_note(s, "the mailbox is not that of who signs in");
		setup_put(s,
		    "Add-MailboxPermission -Identity %s -User %s -AccessRights "
		    "FullAccess",
		    mailbox, user);
		setup_put(s,
		    "Add-RecipientPermission -Identity %s -Trustee %s "
		    "-AccessRights SendAs",
		    mailbox, user);
	}
	put_switches(s, mailbox);
}

int
setup_exchange(struct setup *s)
{
	const char *grant = s->account.grant;

	if (strncmp(s->account.provider, "microsoft", 9) != 0)
		return cli_error(EX_USAGE,
		    "account \"%s\" is of provider \"%s\", not of Exchange "
		    "Online",
		    s->account.account, s->account.provider);
	if (strcmp(grant, "client_credentials") == 0 ||
	    strcmp(grant, "managed_identity") == 0)
		put_app(s);
	else
		put_person(s);
	return 0;
}
