/* SPDX-License-Identifier: MIT */
/* clients - Microsoft's codes about applications, requests and its service */
#include "config.h"

#include "helper/explain/table.h"

#define REGISTRATION "Entra, App registrations, the application, "
#define ENTERPRISE "Entra, Enterprise applications, the application, "
#define NO_SCOPE                                                    \
	"take scope out of the account's file: the provider's own " \
	"then counts"
#define CLOUDS                                                           \
	"set provider to microsoft, microsoft-gcc-high, "                \
	"microsoft-dod or microsoft-china, and register an application " \
	"in that cloud"

/* clang-format off */
const struct explanation explain_clients[] = {
	/* how the application proves itself */
	{"7000215", EXPLAIN_YOU,
	    "this is no client secret of the application",
	    "its registration shows a value and an ID, and client_secret_file "
	    "needs the value"},
	{"7000222", EXPLAIN_YOU,
	    "the client secret of the application has expired",
	    "create a new one in its registration, and put its value into "
	    "client_secret_file"},
	{"7000216", EXPLAIN_YOU,
	    "the application sent neither a secret nor an assertion",
	    "set client_secret_file, client_certificate or assertion_file"},
	{"7000218", EXPLAIN_TENANT,
	    "the application is registered as one that has a secret, and sent "
	    "none",
	    REGISTRATION "Authentication: add http://localhost under Mobile "
	    "and desktop applications, and set Allow public client flows to "
	    "Yes"},
	{"700025", EXPLAIN_YOU,
	    "a public client sent a secret or an assertion, and must not",
	    "take client_secret_file and client_certificate out of the "
	    "account's file"},
	{"90023", EXPLAIN_YOU,
	    "the request is not valid; for personal accounts: a public client "
	    "sent a secret",
	    "take client_secret_file out of the account's file"},
	{"70002", EXPLAIN_YOU,
	    "secret or assertion of the application is not right",
	    "check client_id, and client_secret_file or client_certificate"},
	{"50012|700027", EXPLAIN_TENANT,
	    "certificate or assertion of the application is not accepted",
	    REGISTRATION "Certificates & secrets: upload the certificate, or "
	    "compare its thumbprint with that of \"openssl x509 -in FILE "
	    "-noout -fingerprint -sha1\""},
	{"700030", EXPLAIN_TENANT,
	    "the subject of the certificate is not one of the application's",
	    REGISTRATION "Certificates & secrets: upload this certificate"},
	{"50013|500133|700024", EXPLAIN_YOU,
	    "the assertion of the application is not valid at this time",
	    "set this machine's clock; with assertion_file let the platform "
	    "write a fresh one"},
	{"50027", EXPLAIN_YOU, "the assertion is no valid JWT",
	    "check client_certificate or assertion_file, and this machine's "
	    "clock"},
	{"700021", EXPLAIN_YOU,
	    "the assertion is about another application than client_id",
	    "check client_id, and for whom the platform makes the assertion"},
	{"70021|700211|700212|700213", EXPLAIN_TENANT,
	    "no federated credential of the application has issuer, subject "
	    "and audience of this assertion",
	    REGISTRATION "Certificates & secrets, Federated credentials: "
	    "compare the three to the letter"},
	{"700229", EXPLAIN_YOU,
	    "the assertion is a person's token, and must be an application's",
	    "put a managed identity's token into assertion_file"},

	/* which application */
	{"700011|700016", EXPLAIN_YOU,
	    "the tenant does not know the application",
	    "compare client_id and tenant with Overview in Entra, App "
	    "registrations; provider must be of the same cloud; perhaps "
	    "nobody has consented yet"},
	{"7000229", EXPLAIN_TENANT,
	    "the application has no service principal in the tenant",
	    "grant admin consent, or run: az ad sp create --id {client_id}"},
	{"70001|7000112", EXPLAIN_TENANT, "the application is disabled",
	    ENTERPRISE "Properties: set Enabled for users to sign-in to Yes"},
	{"1000031", EXPLAIN_TENANT, "the application is blocked for a time",
	    "look into Entra's service health, and ask Microsoft's support"},
	{"50194", EXPLAIN_YOU,
	    "the application is of one tenant, and was used for all",
	    "set tenant in the account's file to its ID or domain"},
	{"65002", EXPLAIN_YOU, "client_id is that of a product of Microsoft's",
	    "register an application of your own, and set client_id"},
	{"65005|650056|650057", EXPLAIN_TENANT,
	    "the registration of the application lacks a permission",
	    REGISTRATION "API permissions: add those that \"sasl-bearer setup "
	    "exchange\" prints, and grant admin consent"},
	{"650052", EXPLAIN_TENANT,
	    "the organisation has no licence for the service",
	    "Microsoft 365 admin center, Billing: get one with Exchange "
	    "Online"},
	{"90099", EXPLAIN_TENANT,
	    "the application is not authorised in this tenant",
	    ENTERPRISE "Permissions: grant admin consent"},
	{"7000113|7000114", EXPLAIN_YOU,
	    "the application may not act on behalf of somebody",
	    "check grant in the account's file"},
	{"50011|500112|70004", EXPLAIN_TENANT,
	    "the redirect URI is not registered for the application",
	    REGISTRATION "Authentication: add http://localhost under Mobile "
	    "and desktop applications"},

	/* which tenant and which cloud */
	{"90002", EXPLAIN_YOU, "there is no such tenant in this cloud",
	    "check tenant in the account's file; for another cloud " CLOUDS},
	{"90038|900382|900432", EXPLAIN_YOU,
	    "tenant or application is of another cloud of Microsoft's",
	    CLOUDS},
	{"50059|50128|90019", EXPLAIN_YOU,
	    "the request does not tell which tenant it is for",
	    "set tenant in the account's file"},
	{"90010|9001023|90124|90130", EXPLAIN_YOU,
	    "this cannot be asked of all tenants at once (common, consumers)",
	    "set tenant in the account's file to its ID or domain"},
	{"9002332", EXPLAIN_YOU,
	    "the application is for organisations, and was used for personal "
	    "accounts",
	    "set \"provider = microsoft\" and tenant, or register one for "
	    "personal accounts"},
	{"50001|500011", EXPLAIN_YOU,
	    "the tenant does not know the service that the token is for",
	    "check provider, which must be of the tenant's cloud, and that "
	    "the tenant has Exchange Online"},
	{"500014", EXPLAIN_TENANT,
	    "the service that the token is for is disabled in the tenant",
	    "Entra, Enterprise applications, Office 365 Exchange Online: "
	    "enable it, and check the licences"},

	/* what is asked */
	{"28002|28003|70011|700022|700023", EXPLAIN_YOU,
	    "scope is empty, not valid, or of more than one service",
	    NO_SCOPE},
	{"1002012", EXPLAIN_YOU,
	    "the scope of an application must end in /.default", NO_SCOPE},
	{"70003", EXPLAIN_YOU, "the provider does not support this grant",
	    "check grant and token_endpoint in the account's file"},
	{"70005|70007|700054", EXPLAIN_YOU,
	    "the application may not be answered in this way",
	    "take authorization_query out of the account's file"},
	{"90004|90013|90014|900144|9002313", EXPLAIN_YOU,
	    "the request lacks something, or something in it is malformed",
	    "check tenant, client_id, scope and the endpoints in the "
	    "account's file"},
	{"90027", EXPLAIN_YOU,
	    "personal accounts cannot use the old endpoint",
	    "set token_endpoint to one with /v2.0 in it, or leave it out"},
	{"900561|90056", EXPLAIN_YOU, "this is not the token endpoint",
	    "check token_endpoint, or leave it out"},
	{"1002016", EXPLAIN_YOU,
	    "this machine's TLS is too old for the provider",
	    "allow TLS 1.2 or later in OpenSSL's configuration, and at the "
	    "proxy"},
	{"75000-75999", EXPLAIN_YOU, "an error of SAML",
	    "look at another program: no sign-in here uses SAML"},

	/* the service */
	{"50196", EXPLAIN_YOU,
	    "the same request came again and again in a short time",
	    "see which program does that; the provider answers again after "
	    "some minutes"},
	{"90055", EXPLAIN_NOBODY, "the tenant asks too often for now", NULL},
	{"50000|50033|70012|90006|90012|90024|90033|90090", EXPLAIN_NOBODY,
	    "Microsoft's service is in trouble for the moment", NULL},
	{0},
};
/* clang-format on */
