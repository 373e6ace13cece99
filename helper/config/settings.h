/* SPDX-License-Identifier: MIT */
/* settings.h - the helper's settings, providers and accounts as files say */
#ifndef SASL_BEARER_SETTINGS_H
#define SASL_BEARER_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "helper/config/conf.h"

#define ACCOUNT_NAME_MAX 64

enum log_level { LEVEL_ERROR, LEVEL_WARNING, LEVEL_INFO, LEVEL_DEBUG };

/* sasl-bearer.conf */
struct settings {
	char **listen;
	char *state_dir;
	char *state_key;      /* a path, or the name of a credential */
	char **state_key_old; /* likewise */
	char *accounts_dir;
	char **providers_dir; /* the first that has the file wins */
	char *libexec_dir;
	char *run_as;
	char *ca_file;
	char *proxy;
	int64_t fetch_timeout_s;
	char **notify_command; /* argv, or NULL */
	int64_t notify_delay_s;
	int64_t notify_repeat_s; /* 0: never */
	int log_level;		 /* enum log_level */
};

/* Where tokens come from; by grant_names. */
enum grant {
	GRANT_REFRESH_TOKEN,	  /* a person signed in: RFC 6749 section 6 */
	GRANT_CLIENT_CREDENTIALS, /* the application itself: section 4.4 */
	GRANT_JWT_BEARER,	  /* an assertion about a mailbox: RFC 7523 */
	GRANT_MANAGED_IDENTITY,	  /* the metadata service of the machine */
	GRANT_COMMAND,		  /* another program prints them */
	GRANT_FILE,		  /* another program keeps one in a file */
};

/* Bits of services; what libsasl2 calls lmtp counts as smtp. */
enum service { SERVICE_IMAP = 1, SERVICE_POP = 2, SERVICE_SMTP = 4 };

/* How the client authenticates itself, RFC 6749 section 2.3.1. */
enum client_auth { CLIENT_AUTH_POST, CLIENT_AUTH_BASIC };

/* How an assertion is signed, RFC 7518 section 3.1; by alg_names. */
enum assertion_alg { ALG_PS256, ALG_RS256 };

/* providers.d/NAME.conf; {tenant} in a URL stands for the account's tenant. */
struct provider {
	char *title;
	char *needs;  /* what one must have to use it, in a line */
	char *tenant; /* default of the accounts */
	char *issuer;
	char *token_endpoint;
	char *device_authorization_endpoint;
	char *authorization_endpoint;
	char *revocation_endpoint;
	char *authorization_issuer;   /* what it calls itself: iss, RFC 9207 */
	char *authorization_query;    /* more for the authorization_endpoint */
	char *redirect_uri;	      /* of a browser; a port is added */
	char *admin_consent_endpoint; /* where an administrator approves */
	char *identity_endpoint;      /* of managed identities */
	char *identity_resource;      /* what they ask a token for */
	char *scope;		      /* asked for with any service */
	char *scope_imap;
	char *scope_pop;
	char *scope_smtp;
	char *scope_client_credentials; /* instead of all these */
	char *scope_jwt_bearer;		/* likewise */
	char **hosts;
	char *imap_server; /* in hosts */
	char *pop_server;
	char *smtp_server;
	int64_t min_validity_s;
	int64_t refresh_token_lifetime_s; /* of one not renewed; 0: no idea */
	int client_auth;
};

/*
 * accounts.d/NAME.conf, with what its provider says filled in: after
 * account_load() URLs, scope, hosts, servers, user and min_validity_s are final.
 */
struct account_conf {
	char name[ACCOUNT_NAME_MAX + 1];
	char *user; /* an address, or "*@domain" */
	char *provider;
	char *tenant;
	char *client_id;
	char *client_secret_file;
	char *client_secret_credential; /* name below $CREDENTIALS_DIRECTORY */
	char *client_secret;
	int64_t client_secret_expires; /* Unix seconds; 0: no idea */
	char *client_certificate; /* PEM or PKCS#12, perhaps with the key */
	char *client_key;    /* PEM, PKCS#12, or a service account's JSON */
	char *client_key_id; /* kid of assertions */
	char *client_key_password_file;
	int client_assertion_alg; /* enum assertion_alg */
	char *assertion_file;	  /* an assertion that others made */
	int client_auth;	  /* enum client_auth */
	int grant;		  /* enum grant */
	char *scope;
	unsigned services; /* bits of enum service; 0: any */
	char **hosts;
	char *imap_server; /* or NULL; in hosts */
	char *pop_server;
	char *smtp_server;
	char **allow;
	char *sasl_user;
	char *sasl_user_imap;
	char *sasl_user_pop;
	char *sasl_user_smtp;
	int64_t min_validity_s;
	int64_t keepalive_s;
	int64_t refresh_token_lifetime_s;
	char *issuer;
	char *token_endpoint;
	char *device_authorization_endpoint;
	char *authorization_endpoint;
	char *revocation_endpoint;
	char *authorization_issuer;
	char *authorization_query;
	char *redirect_uri;
	char *admin_consent_endpoint;
	char *identity_endpoint;
	char *identity_resource;
	char *identity_object_id;
	char *identity_resource_id;
	char **command;	  /* argv */
	char *token_file; /* where another program keeps a token */
	int64_t token_lifetime_s;
	char *resource;
	char *audience;
	char *ca_file;
	char *proxy;
	char *mailboxes_file;
	unsigned shared; /* who else has it: see account_conf_share() */
};

#define CONF_KEYS_MAX 64 /* entries of each table, its end included */

/* The tables; the man page test reads them. */
extern const struct conf_key settings_keys[];
extern const struct conf_key provider_keys[];
extern const struct conf_key account_keys[];

/*
 * Find sasl-bearer.conf.
 *
 *	user_mode	0: CONF_DIR; 1: $XDG_CONFIG_HOME or ~/.config
 *
 * Returns 0, or -ENAMETOOLONG, -ENOENT (no HOME).
 */
int settings_path(int user_mode, char *buf, size_t size);

/*
 * Read sasl-bearer.conf, or take the defaults where there is none.
 *
 *	path	NULL: settings_path(), which need not exist
 *	s	zeroed; settings_clear() it in any case
 *
 * In user mode the defaults are below $XDG_CONFIG_HOME, $XDG_STATE_HOME and
 * the user's runtime directory, and run_as is not used. Relative paths are
 * errors. Returns 0 or a negative code; what is wrong is reported to e.
 */
int settings_load(
    const char *path, int user_mode, struct settings *s, struct conf_errors *e);
void settings_clear(struct settings *s);

/* Whether a name is [A-Za-z0-9@._+-]{1,64} and not "." or "..". */
int account_name_valid(const char *name);

/*
 * The names of all files NAME.conf in accounts_dir, sorted, NULL at the end.
 *
 * A directory that is not there is an empty list. A file with a bad name is
 * reported and left out. Returns 0 or a negative errno (reported).
 */
int account_names(const struct settings *s, char ***ret, struct conf_errors *e);

/*
 * Read one account with its provider.
 *
 *	ret	written only on success; account_conf_free() it
 *
 * Returns 0 or a negative code; every error is reported as FILE:LINE.
 */
int account_load(const struct settings *s, const char *name,
    struct account_conf **ret, struct conf_errors *e);

/*
 * Whether the file of an account is to be private: client_secret is in it, or
 * a proxy with a user's name, and then mostly a password.
 */
int account_has_secret(const struct account_conf *a);

/* Whether a scope has a word of len bytes; case counts (RFC 6749, 3.3). */
int account_scope_has(const char *scope, const char *word, size_t len);

/*
 * One more user of an account, who frees it like the first: the last one to do
 * so ends it. Returns a. For one thread.
 */
struct account_conf *account_conf_share(struct account_conf *a);
void account_conf_free(struct account_conf *a);

/*
 * As account_load(), but after an error *ret holds what could be read: name and
 * user always, the rest as far as it got. It is for telling those in allow why
 * the account is of no use. Only when *ret is NULL was there no memory for it.
 */
int account_load_partial(const struct settings *s, const char *name,
    struct account_conf **ret, struct conf_errors *e);

/*
 * As account_load(), from the text of a file that is to be written. Errors name
 * the file. -ENAMETOOLONG is not reported.
 */
int account_load_text(const struct settings *s, const char *name,
    const char *text, struct account_conf **ret, struct conf_errors *e);

/*
 * Read one provider.
 *
 *	p	zeroed; conf_clear(provider_keys, p) it in any case
 *
 * Returns 0; -ENOENT, which is not reported, when no directory of
 * providers_dir has it or its name is not valid; another negative code,
 * reported.
 */
int provider_load(const struct settings *s, const char *name,
    struct provider *p, struct conf_errors *e);

/*
 * The names of all providers in providers_dir, each once, as account_names() has
 * those of the accounts.
 */
int
provider_names(const struct settings *s, char ***ret, struct conf_errors *e);

/*
 * The path of an account's file.
 *
 * Returns 0 or -ENAMETOOLONG.
 */
int account_path(
    const struct settings *s, const char *name, char *buf, size_t size);

/*
 * The names of the grants, services and algorithms, NULL at the end: by enum,
 * by bit, by enum.
 */
extern const char *const grant_names[];
extern const char *const service_names[];
extern const char *const alg_names[];

/* Whether one account with that grant may serve all mailboxes of a domain. */
int grant_takes_glob(enum grant grant);

/* The bit of a SASL service name (lmtp is smtp), or 0. */
unsigned service_parse(const char *name);

/*
 * Lists of words, NULL at the end; a NULL list has none. list_parse() cuts a
 * text at any of the separators, list_add() appends a copy of len bytes. Both
 * return 0 or -ENOMEM, and then leave *ret or *list as it was.
 */
int list_parse(const char *text, const char *separators, char ***ret);
int list_add(char ***list, const char *text, size_t len);

/* Free a list of CONF_LIST, account_names() or provider_names(). */
void list_free(char **list);

#define CONFIG_ID_SIZE 65

/*
 * Which registration an account's tokens belong to: the SHA-256, in hex, of
 * client_id, token endpoint (or issuer) and scope, a line feed after each; of a
 * managed identity, of client_id, identity_endpoint and identity_resource. Of
 * grants but refresh_token and client_credentials there follows what else tells
 * whose tokens they are: mailbox and key, identity, file or command.
 *
 * Returns 0, or -ENOMEM.
 */
int config_id(const struct account_conf *a, char buf[CONFIG_ID_SIZE]);

#endif
