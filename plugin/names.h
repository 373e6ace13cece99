/* SPDX-License-Identifier: MIT */
/* names.h - learn from the application who logs in */
#ifndef SASL_BEARER_NAMES_H
#define SASL_BEARER_NAMES_H

#include <sasl/sasl.h>
#include <sasl/saslplug.h>

struct names {
	const char *user;    /* SASL authentication id; selects the account */
	const char *authzid; /* mailbox to act for, or NULL when the same */
};

/*
 * Ask the application for the names, by callback or by prompt.
 *
 *	prompts	as mech_step() got it; may be NULL, since some programs take
 *		no prompts at all
 *	ret	written only with SASL_OK; points into the application's
 *		memory, copied by canon_user
 *
 * Never asks for a password. The authorization id is taken from a callback
 * function only: a prompt for it would bother people, and listing it as
 * required hides the mechanism from Postfix.
 *
 * Returns SASL_OK; SASL_INTERACT with *prompts set, to be called again when
 * the application has filled them; or an error, with sasl_seterror called.
 */
int names_get(
    const sasl_utils_t *utils, sasl_interact_t **prompts, struct names *ret);

/* Free prompts that names_get() made; for use once it has returned. */
void names_forget(const sasl_utils_t *utils, sasl_interact_t **prompts);

#endif
