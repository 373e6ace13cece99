/* SPDX-License-Identifier: MIT */
/* plug - a Cyrus SASL client plugin for OAUTHBEARER and XOAUTH2 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <sasl/sasl.h>
#include <sasl/saslplug.h>

#include "common/util.h"
#include "common/wire.h"
#include "plugin/challenge.h"
#include "plugin/helper.h"
#include "plugin/names.h"

#define HELLO_MS 250 /* of a program's start, for all sockets together */
#define TOKEN_MS 25000
#define TOKEN_ID_SIZE 17
#define BEARER "Bearer " /* before the token, by both mechanisms */
#define NOT_ACCEPTED "the server does not accept the token: "
#define NOT_CHECKED "the server cannot check the token now: "

enum step { STEP_RESPONSE, STEP_OUTCOME, STEP_NONE };

/* One login. */
struct login {
	enum wire_mech mech;
	enum step next; /* counted here: programs pass what they like */
	char *response;
	size_t response_size;
	char user[USER_MAX + 1];
	char helper_path[SOCK_PATH_MAX];
	char token_id[TOKEN_ID_SIZE];
};

/* What an application is told for each status of the helper. */
static int
sasl_code(enum status s)
{
	switch (s) {
	case STATUS_OK:
		return SASL_OK;
	case STATUS_TEMPORARY:
		return SASL_UNAVAIL;
	case STATUS_LOGIN_REQUIRED:
		return SASL_EXPIRED;
	case STATUS_DENIED:
		return SASL_NOUSER;
	case STATUS_CONFIG:
		return SASL_CONFIGERR;
	case STATUS_BAD:
		break;
	}
	return SASL_FAIL;
}

static int
fail(const sasl_utils_t *utils, int code, const char *text)
{
	utils->seterror(utils->conn, 0, "%s", text);
	return code;
}

static int
login_new(enum wire_mech mech, sasl_client_params_t *params, void **ret)
{
	struct login *l = params->utils->malloc(sizeof(*l));

	if (!l)
		return fail(params->utils, SASL_NOMEM, "out of memory");
	memset(l, 0, sizeof(*l));
	l->mech = mech;
	*ret = l;
	return SASL_OK;
}

static int
new_oauthbearer(void *glob, sasl_client_params_t *params, void **ret)
{
	(void)glob;
	return login_new(WIRE_OAUTHBEARER, params, ret);
}

static int
new_xoauth2(void *glob, sasl_client_params_t *params, void **ret)
{
	(void)glob;
	return login_new(WIRE_XOAUTH2, params, ret);
}

/* The server's name without a trailing dot, which sendmail leaves there. */
static int
copy_host(const char *fqdn, char host[HOST_MAX + 1])
{
	size_t len = fqdn ? strnlen(fqdn, HOST_MAX + 2) : 0;

	if (len > 0 && fqdn[len - 1] == '.')
		len--;
	if (len > HOST_MAX)
		return -ERR_TOOBIG;
	memcpy(host, fqdn ? fqdn : "", len);
	host[len] = '\0';
	return 0;
}

/* The port in libsasl2's "address;port", or NULL: some programs pass "0". */
static const char *
find_port(const char *ip_port)
{
	const char *semicolon = ip_port ? strrchr(ip_port, ';') : NULL;
	int64_t n;

	if (!semicolon || semicolon[1] == '0' ||
	    util_number_parse(semicolon + 1, 1, 65535, &n) < 0)
		return NULL;
	return semicolon + 1;
}

/* Tell libsasl2 who logs in: it insists on both names (doc of canon_user). */
static int
set_names(sasl_client_params_t *params, const struct names *names,
    sasl_out_params_t *out)
{
	const sasl_utils_t *utils = params->utils;
	unsigned flags = SASL_CU_AUTHID;
	int r;

	if (!names->authzid)
		flags |= SASL_CU_AUTHZID;
	r = params->canon_user(utils->conn, names->user, 0, flags, out);
	if (r == SASL_OK && names->authzid)
		r = params->canon_user(
		    utils->conn, names->authzid, 0, SASL_CU_AUTHZID, out);
	if (r != SASL_OK)
		return fail(utils, r, "the user name is not usable");
	return SASL_OK;
}

/* Build what goes to the server from the helper's reply. */
static int
build_response(struct login *l, const struct msg *reply, const char *host,
    sasl_client_params_t *params, unsigned *ret_len)
{
	struct wire_response w = {
	    .user = msg_get(reply, "sasl_user"),
	    .host = *host ? host : NULL,
	    .port = find_port(params->ipremoteport),
	    .token = msg_get(reply, "token"),
	};
	size_t size = wire_size(&w);
	ssize_t len;

	if (size == 0)
		return fail(params->utils, SASL_FAIL,
		    "the user name is longer than the protocol allows");
	l->response = params->utils->malloc((unsigned)size);
	if (!l->response)
		return fail(params->utils, SASL_NOMEM, "out of memory");
	l->response_size = size;
	len = wire_format(l->mech, &w, l->response);
	if (len < 0)
		return fail(params->utils, SASL_FAIL,
		    "user or host name has a control byte");
	l->response_size = (size_t)len;
	*ret_len = (unsigned)len;
	return SASL_OK;
}

/* Whether the helper can be asked: what is not text is never sent. */
static int
is_text(const struct helper_query *q)
{
	const char *const texts[] = {q->user, q->authzid, q->service, q->host};
	size_t i;

	for (i = 0; i < COUNT_OF(texts); i++)
		if (texts[i] && !util_text_valid(texts[i], strlen(texts[i])))
			return 0;
	return 1;
}

/* Get a token for the names in out, and build the response with it. */
static int
get_response(struct login *l, sasl_client_params_t *params,
    const struct names *names, sasl_out_params_t *out, unsigned *ret_len)
{
	char host[HOST_MAX + 1];
	struct helper_query q = {
	    .user = out->authid,
	    .authzid = names->authzid ? out->user : NULL,
	    .service = params->service,
	    .host = host,
	    .port = find_port(params->ipremoteport),
	    .mechanism = wire_name(l->mech),
	};
	struct helper *h;
	enum status s;
	int r;

	if (copy_host(params->serverFQDN, host) < 0)
		return fail(params->utils, SASL_BADPARAM,
		    "the server's name is longer than 255 bytes");
	if (!is_text(&q))
		return fail(params->utils, SASL_BADPARAM,
		    "the name of user, server or service has a control byte");
	h = params->utils->malloc(sizeof(*h));
	if (!h)
		return fail(params->utils, SASL_NOMEM, "out of memory");
	s = helper_token(h, &q, util_now_ms() + TOKEN_MS);
	if (s == STATUS_OK) {
		strncpy(l->user, out->authid, sizeof(l->user) - 1);
		strncpy(l->token_id, msg_get(&h->reply, "token_id"),
		    sizeof(l->token_id) - 1);
		memcpy(l->helper_path, h->path, sizeof(l->helper_path));
		r = build_response(l, &h->reply, host, params, ret_len);
	} else {
		r = fail(params->utils, sasl_code(s), h->reason);
	}
	helper_end(h);
	params->utils->free(h);
	return r;
}

/*
 * First step: the response with the token. libsasl2 has no way to say "sent,
 * and the server may or may not want more", and programs differ in what they
 * make of the two codes it has. IMAP clients hang on a refused token after
 * SASL_OK; POP and SMTP clients take a successful login for a failed one after
 * SASL_CONTINUE. So the service decides.
 */
static int
step_response(struct login *l, sasl_client_params_t *params,
    sasl_interact_t **prompts, const char **ret, unsigned *ret_len,
    sasl_out_params_t *out)
{
	struct names names;
	int r = names_get(params->utils, prompts, &names);

	if (r == SASL_INTERACT)
		return r;
	if (r == SASL_OK)
		r = set_names(params, &names, out);
	names_forget(params->utils, prompts);
	if (r == SASL_OK)
		r = get_response(l, params, &names, out, ret_len);
	if (r != SASL_OK)
		return r;
	*ret = l->response;
	l->next = STEP_OUTCOME;
	return params->service && strcmp(params->service, "imap") == 0
	    ? SASL_CONTINUE
	    : SASL_OK;
}

/* Tell the helper that the server does not accept its token. */
static void
reject(struct login *l, sasl_client_params_t *params, const char *detail)
{
	const sasl_utils_t *utils = params->utils;
	char host[HOST_MAX + 1];
	struct helper_query q = {
	    .user = l->user,
	    .service = params->service,
	    .host = host,
	    .mechanism = wire_name(l->mech),
	};
	struct helper *h = utils->malloc(sizeof(*h));

	if (h && copy_host(params->serverFQDN, host) == 0)
		helper_reject(h, l->helper_path, &q, l->token_id, detail);
	if (h)
		utils->free(h);
}

/* A server may say again what it was sent. */
static void
hide_token(const struct login *l, char *text)
{
	const char *end = l->response + l->response_size;
	const char *token =
	    memmem(l->response, l->response_size, BEARER, sizeof(BEARER) - 1);

	if (token)
		util_redact(text, token, (size_t)(end - token));
}

/* Tell the application, and who else must know, what the server says. */
static void
report_challenge(
    struct login *l, sasl_client_params_t *params, const char *json, size_t len)
{
	int outage = challenge_is_outage(json, len);
	char detail[DETAIL_MAX], text[sizeof(NOT_ACCEPTED) + DETAIL_MAX];

	challenge_describe(json, len, detail, sizeof(detail));
	hide_token(l, detail);
	if (!outage)
		reject(l, params, detail);
	snprintf(text, sizeof(text), "%s%s",
	    outage ? NOT_CHECKED : NOT_ACCEPTED, detail);
	fail(params->utils, SASL_OK, text);
}

/*
 * Second step. Only a JSON object is an error challenge; programs come here
 * after success as well, with nothing, or with stale bytes. The error is
 * answered and not returned, since an error code here hangs mbsync and keeps
 * the server's final words from Postfix's log.
 */
static int
step_outcome(struct login *l, sasl_client_params_t *params, const char *in,
    unsigned in_len, const char **ret, unsigned *ret_len)
{
	l->next = STEP_NONE;
	*ret = NULL;
	*ret_len = 0;
	if (!in || in_len == 0 || in[0] != '{')
		return SASL_OK;
	report_challenge(l, params, in, in_len);
	*ret = l->mech == WIRE_OAUTHBEARER ? "\001" : "";
	*ret_len = l->mech == WIRE_OAUTHBEARER; /* RFC 7628 section 3.2.3 */
	return SASL_OK;
}

static int
login_step(void *context, sasl_client_params_t *params, const char *in,
    unsigned in_len, sasl_interact_t **prompts, const char **ret,
    unsigned *ret_len, sasl_out_params_t *out)
{
	struct login *l = context;

	switch (l->next) {
	case STEP_RESPONSE:
		*ret = NULL;
		*ret_len = 0;
		return step_response(l, params, prompts, ret, ret_len, out);
	case STEP_OUTCOME:
		return step_outcome(l, params, in, in_len, ret, ret_len);
	case STEP_NONE:
		break;
	}
	return fail(params->utils, SASL_BADAUTH,
	    "the server goes on after the login was refused");
}

static void
login_dispose(void *context, const sasl_utils_t *utils)
{
	struct login *l = context;

	if (!l)
		return;
	if (l->response) {
		util_wipe(l->response, l->response_size);
		utils->free(l->response);
	}
	utils->free(l);
}

/* Anything but AUTHNAME here hides us from Postfix, or asks for passwords. */
static const unsigned long required_prompts[] = {
    SASL_CB_AUTHNAME,
    SASL_CB_LIST_END,
};

/*
 * A bearer token in clear can be replayed, so no NOPLAINTEXT and no SSF.
 * NODICTIONARY is true and ranks both above PLAIN and LOGIN, whatever the
 * order of the plugin directory; the hash strength is the last thing libsasl2
 * compares, and puts OAUTHBEARER first.
 */
#define FLAGS                                               \
	(SASL_SEC_NOANONYMOUS | SASL_SEC_PASS_CREDENTIALS | \
	    SASL_SEC_NODICTIONARY)
#define FEATURES (SASL_FEAT_WANT_CLIENT_FIRST | SASL_FEAT_ALLOWS_PROXY)
#ifdef SASL_SET_HASH_STRENGTH_BITS
#define RANK(bits) SASL_SET_HASH_STRENGTH_BITS(bits)
#else
#define RANK(bits) 0
#endif

static const sasl_client_plug_t mechanisms[] = {
    {
	.mech_name = "OAUTHBEARER",
	.security_flags = FLAGS | RANK(16),
	.features = FEATURES,
	.required_prompts = required_prompts,
	.mech_new = new_oauthbearer,
	.mech_step = login_step,
	.mech_dispose = login_dispose,
    },
    {
	.mech_name = "XOAUTH2",
	.security_flags = FLAGS | RANK(8),
	.features = FEATURES,
	.required_prompts = required_prompts,
	.mech_new = new_xoauth2,
	.mech_step = login_step,
	.mech_dispose = login_dispose,
    },
};

/* The one symbol of this object; libsasl2 calls it when it loads plugins. */
int sasl_client_plug_init(const sasl_utils_t *utils, int max_version,
    int *ret_version, sasl_client_plug_t **ret_list, int *ret_count);

__attribute__((visibility("default"))) int
sasl_client_plug_init(const sasl_utils_t *utils, int max_version,
    int *ret_version, sasl_client_plug_t **ret_list, int *ret_count)
{
	struct helper *h;

	if (max_version < SASL_CLIENT_PLUG_VERSION)
		return SASL_BADVERS;
	h = utils->malloc(sizeof(*h));
	if (!h)
		return SASL_NOMEM;
	*ret_version = SASL_CLIENT_PLUG_VERSION;
	/* libsasl2 only reads the list, though its type does not say so */
	*ret_list = (sasl_client_plug_t *)(uintptr_t)mechanisms;
	*ret_count = helper_offers(h, util_now_ms() + HELLO_MS)
	    ? (int)COUNT_OF(mechanisms)
	    : 0;
	utils->free(h);
	return SASL_OK;
}
