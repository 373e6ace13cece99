/* SPDX-License-Identifier: MIT */
/* doctor-postfix.h - what the checks of Postfix share */
#ifndef SASL_BEARER_DOCTOR_POSTFIX_H
#define SASL_BEARER_DOCTOR_POSTFIX_H

#include "helper/cli/doctor.h"
#include "helper/cli/setup-postfix-layout.h"

#define POSTFIX_OUTPUT 65536

/* The Postfix of this machine, as far as the caller may look. */
struct postfix {
	struct doctor *d;
	struct postfix_layout layout;
	uid_t uid; /* of its smtp(8) */
	gid_t gid;
	int wanted; /* some account allows that uid to send */
	char
	    main[POSTFIX_OUTPUT]; /* what postconf says: "NAME = VALUE" lines */
	char master[POSTFIX_OUTPUT]; /* "SERVICE/TYPE/NAME = VALUE" lines */
};

/*
 * The value of a parameter in main.cf, or its default.
 *
 *	buf	size bytes; what is longer is cut
 *
 * Returns buf, "" when it is empty.
 */
const char *
postfix_get(const struct postfix *p, const char *name, char *buf, size_t size);

/*
 * Find a service in master.cf that has its own value of a parameter.
 *
 *	accepts	NULL, or which value it must be
 *	service	64 bytes: its name
 *
 * Returns whether there is one.
 */
int postfix_override(const struct postfix *p, const char *name,
    int (*accepts)(const char *value), char service[64]);

/* Say how a parameter is set. */
void
postfix_remedy(const struct postfix *p, const char *name, const char *value);

/*
 * Whether smtp_sasl_mechanism_filter lets a mechanism through: the first entry
 * that fits decides, and nothing fits but in an empty list; postconf(5). A
 * table that is not "static" may have anything, so it counts as fitting.
 */
int postfix_filter_passes(const char *filter, const char *mechanism);

/* Whether a filter hides both of our mechanisms: one for passwords. */
int postfix_filter_hides(const char *filter);

/* Whether an account may be used to send mail, and by Postfix. */
int postfix_account_sends(const struct doctor_account *a);
int
postfix_account_allows(const struct postfix *p, const struct doctor_account *a);

/* The parameters that hide our mechanisms, or make a login less safe. */
void postfix_check_settings(const struct postfix *p);

/* Who logs in where, by smtp_sasl_password_maps. */
void postfix_check_logins(const struct postfix *p);

/* The helper's socket, from where smtp(8) runs. */
void postfix_check_socket(const struct postfix *p);

#endif
