/* SPDX-License-Identifier: MIT */
/* tables - every key of every configuration file */
#include "config.h"

#include <stddef.h>

#include "helper/config/settings.h"

#define DAY INT64_C(86400)
#define KEY(s, m, t) .name = #m, .type = (t), .offset = offsetof(struct s, m)
#define KEY_S(s, m) \
	.name = #m, .type = CONF_DURATION, .offset = offsetof(struct s, m##_s)

/* By enum log_level, client_auth, grant, assertion_alg; by bit of service. */
static const char *const level_names[] = {
	"error", "warning", "info", "debug", NULL};
static const char *const auth_names[] = {"post", "basic", NULL};
const char *const grant_names[] = {"refresh_token", "client_credentials",
	"jwt_bearer", "managed_identity", "command", "file", NULL};
const char *const alg_names[] = {"PS256", "RS256", NULL};
const char *const service_names[] = {"imap", "pop", "smtp", NULL};

/*
 * Where no default stands here, or in user mode, settings_load() makes it from
 * the place of the file and the user's directories.
 */
const struct conf_key settings_keys[] = {
	{KEY(settings, listen, CONF_LIST), .def = RUN_DIR "/socket"},
	{KEY(settings, state_dir, CONF_PATH), .def = STATE_DIR},
	{KEY(settings, state_key, CONF_STRING)},
	{KEY(settings, state_key_old, CONF_LIST)},
	{KEY(settings, accounts_dir, CONF_PATH)},
	{KEY(settings, providers_dir, CONF_LIST)},
	{KEY(settings, libexec_dir, CONF_PATH), .def = LIBEXEC_DIR},
	{KEY(settings, run_as, CONF_STRING), .def = RUN_AS},
	{KEY(settings, ca_file, CONF_PATH)},
	{KEY(settings, proxy, CONF_STRING)},
	{KEY_S(settings, fetch_timeout), .min = 1, .max = 300, .def = "20s"},
	{KEY(settings, notify_command, CONF_LIST)},
	{KEY_S(settings, notify_delay), .max = DAY, .def = "2m"},
	{KEY_S(settings, notify_repeat), .max = 366 * DAY, .def = "1d"},
	{KEY(settings, log_level, CONF_CHOICE), .choices = level_names,
	.def = "info"},
	{0},
};

const struct conf_key provider_keys[] = {
	{KEY(provider, title, CONF_STRING)},
	{KEY(provider, needs, CONF_STRING)},
	{KEY(provider, tenant, CONF_STRING)},
	{KEY(provider, issuer, CONF_URL)},
	{KEY(provider, token_endpoint, CONF_URL)},
	{KEY(provider, device_authorization_endpoint, CONF_URL)},
	{KEY(provider, authorization_endpoint, CONF_URL)},
	{KEY(provider, revocation_endpoint, CONF_URL)},
	{KEY(provider, authorization_issuer, CONF_STRING)},
	{KEY(provider, authorization_query, CONF_STRING)},
	{KEY(provider, redirect_uri, CONF_URL)},
	{KEY(provider, admin_consent_endpoint, CONF_URL)},
	{KEY(provider, identity_endpoint, CONF_URL), .flags = CONF_METADATA},
	{KEY(provider, identity_resource, CONF_STRING)},
	{KEY(provider, scope, CONF_STRING)},
	{KEY(provider, scope_imap, CONF_STRING)},
	{KEY(provider, scope_pop, CONF_STRING)},
	{KEY(provider, scope_smtp, CONF_STRING)},
	{KEY(provider, scope_client_credentials, CONF_STRING)},
	{KEY(provider, scope_jwt_bearer, CONF_STRING)},
	{KEY(provider, hosts, CONF_LIST)},
	{KEY(provider, imap_server, CONF_SERVER)},
	{KEY(provider, pop_server, CONF_SERVER)},
	{KEY(provider, smtp_server, CONF_SERVER)},
	{KEY_S(provider, min_validity), .min = 30, .max = DAY, .def = "300s"},
	{KEY_S(provider, refresh_token_lifetime), .min = 3600,
	.max = 3660 * DAY},
	{KEY(provider, client_auth, CONF_CHOICE), .choices = auth_names,
	.def = "post"},
	{0},
};

const struct conf_key account_keys[] = {
	{KEY(account_conf, user, CONF_STRING)},
	{KEY(account_conf, provider, CONF_STRING)},
	{KEY(account_conf, tenant, CONF_STRING), .flags = CONF_EXPAND},
	{KEY(account_conf, client_id, CONF_STRING), .flags = CONF_EXPAND},
	{KEY(account_conf, client_secret_file, CONF_PATH)},
	{KEY(account_conf, client_secret_credential, CONF_STRING)},
	{KEY(account_conf, client_secret, CONF_STRING)},
	{KEY(account_conf, client_secret_expires, CONF_DATE)},
	{KEY(account_conf, client_certificate, CONF_PATH)},
	{KEY(account_conf, client_key, CONF_PATH)},
	{KEY(account_conf, client_key_id, CONF_STRING)},
	{KEY(account_conf, client_key_password_file, CONF_PATH)},
	{KEY(account_conf, client_assertion_alg, CONF_CHOICE),
	.choices = alg_names, .def = "PS256"},
	{KEY(account_conf, assertion_file, CONF_PATH), .flags = CONF_EXPAND},
	{KEY(account_conf, client_auth, CONF_CHOICE), .choices = auth_names},
	{KEY(account_conf, grant, CONF_CHOICE), .choices = grant_names,
	.def = "refresh_token"},
	{KEY(account_conf, scope, CONF_STRING)},
	{KEY(account_conf, services, CONF_SET), .choices = service_names},
	{KEY(account_conf, hosts, CONF_LIST)},
	{KEY(account_conf, imap_server, CONF_SERVER)},
	{KEY(account_conf, pop_server, CONF_SERVER)},
	{KEY(account_conf, smtp_server, CONF_SERVER)},
	{KEY(account_conf, allow, CONF_LIST)},
	{KEY(account_conf, sasl_user, CONF_STRING)},
	{KEY(account_conf, sasl_user_imap, CONF_STRING)},
	{KEY(account_conf, sasl_user_pop, CONF_STRING)},
	{KEY(account_conf, sasl_user_smtp, CONF_STRING)},
	{KEY_S(account_conf, min_validity), .min = 30, .max = DAY},
	{KEY_S(account_conf, keepalive), .min = 3600, .max = 60 * DAY,
	    .def = "7d"},
	{KEY_S(account_conf, refresh_token_lifetime), .min = 3600,
	.max = 3660 * DAY},
	{KEY(account_conf, issuer, CONF_URL)},
	{KEY(account_conf, token_endpoint, CONF_URL), .flags = CONF_EXPAND},
	{KEY(account_conf, device_authorization_endpoint, CONF_URL)},
	{KEY(account_conf, authorization_endpoint, CONF_URL)},
	{KEY(account_conf, revocation_endpoint, CONF_URL)},
	{KEY(account_conf, authorization_issuer, CONF_STRING)},
	{KEY(account_conf, authorization_query, CONF_STRING)},
	{KEY(account_conf, redirect_uri, CONF_URL)},
	{KEY(account_conf, admin_consent_endpoint, CONF_URL)},
	{KEY(account_conf, identity_endpoint, CONF_URL),
	.flags = CONF_METADATA},
	{KEY(account_conf, identity_resource, CONF_STRING)},
	{KEY(account_conf, identity_object_id, CONF_STRING)},
	{KEY(account_conf, identity_resource_id, CONF_STRING)},
	{KEY(account_conf, command, CONF_LIST)},
	{KEY(account_conf, token_file, CONF_PATH)},
	{KEY_S(account_conf, token_lifetime), .min = 60, .max = DAY,
	.def = "5m"},
	{KEY(account_conf, resource, CONF_STRING)},
	{KEY(account_conf, audience, CONF_STRING)},
	{KEY(account_conf, ca_file, CONF_PATH)},
	{KEY(account_conf, proxy, CONF_STRING)},
	{KEY(account_conf, mailboxes_file, CONF_PATH)},
	{0},
};

_Static_assert(sizeof(settings_keys) <= CONF_KEYS_MAX * sizeof(struct conf_key),
	"lines of struct source");
_Static_assert(sizeof(account_keys) <= CONF_KEYS_MAX * sizeof(struct conf_key),
	"lines of struct source");
