/* SPDX-License-Identifier: MIT */
/* names - learn from the application who logs in */
#include "config.h"

#include <string.h>

#include "common/util.h"
#include "plugin/names.h"

/*
 * Call a callback for a name. The length it would report is not asked for:
 * some programs do not set it, and libsasl's own fallback stores eight bytes
 * through it.
 */
static int
call(const sasl_utils_t *utils, unsigned long id, const char **ret)
{
	sasl_callback_ft proc = NULL;
	sasl_getsimple_t *getsimple;
	void *context = NULL;
	int r = utils->getcallback(utils->conn, id, &proc, &context);

	if (r != SASL_OK)
		return r;
	if (!proc)
		return SASL_FAIL;
	getsimple = (sasl_getsimple_t *)(void (*)(void))proc;
	return getsimple(context, (int)id, ret, NULL);
}

/* The filled-in prompt for an id, or NULL. */
static const char *
answer(const sasl_interact_t *prompts, unsigned long id)
{
	for (; prompts && prompts->id != SASL_CB_LIST_END; prompts++)
		if (prompts->id == id)
			return prompts->result;
	return NULL;
}

/* Ask the application to prompt for the account. */
static int
make_prompt(const sasl_utils_t *utils, sasl_interact_t **ret)
{
	sasl_interact_t *p = utils->malloc(2 * sizeof(*p));

	if (!p) {
		utils->seterror(utils->conn, 0, "out of memory");
		return SASL_NOMEM;
	}
	memset(p, 0, 2 * sizeof(*p));
	p[0].id = SASL_CB_AUTHNAME;
	p[0].challenge = "Authentication Name";
	p[0].prompt = "Please enter your mail address";
	p[1].id = SASL_CB_LIST_END;
	*ret = p;
	return SASL_INTERACT;
}

static int
too_long(const sasl_utils_t *utils, const char *what)
{
	utils->seterror(
	    utils->conn, 0, "%s is longer than %d bytes", what, USER_MAX);
	return SASL_BADPARAM;
}

int
names_get(
    const sasl_utils_t *utils, sasl_interact_t **prompts, struct names *ret)
{
	const char *user = NULL, *authzid = NULL;
	int r = SASL_OK;

	if (prompts && *prompts)
		user = answer(*prompts, SASL_CB_AUTHNAME);
	if (!user)
		r = call(utils, SASL_CB_AUTHNAME, &user);
	if (r == SASL_INTERACT && prompts && !*prompts)
		return make_prompt(utils, prompts);
	if (r != SASL_OK || !user || !*user) {
		utils->seterror(utils->conn, 0,
		    "the program gave no user name; set it in its "
		    "configuration");
		/* what is no error to libsasl2 would be a step without a token
		 */
		return r < SASL_OK ? r : SASL_BADPARAM;
	}
	if (strnlen(user, USER_MAX + 1) > USER_MAX)
		return too_long(utils, "the user name");
	if (call(utils, SASL_CB_USER, &authzid) != SASL_OK || !authzid ||
	    !*authzid || strncmp(authzid, user, USER_MAX + 1) == 0)
		authzid = NULL;
	/* libsasl2 loses memory over one above 1 KiB */
	if (authzid && strnlen(authzid, USER_MAX + 1) > USER_MAX)
		return too_long(utils, "the name of the user to act for");
	ret->user = user;
	ret->authzid = authzid;
	return SASL_OK;
}

void
names_forget(const sasl_utils_t *utils, sasl_interact_t **prompts)
{
	if (!prompts || !*prompts)
		return;
	utils->free(*prompts);
	*prompts = NULL;
}
