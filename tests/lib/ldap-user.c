/* SPDX-License-Identifier: MIT */
/* ldap-user - libldap as a user of libsasl2, which it begins by itself */
#include "config.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <sasl/sasl.h>

#include "tests/lib/sasl-user.h"

/* As in ldap.h, which need not be installed. */
#define LDAP_OPT_PROTOCOL_VERSION 0x0011
#define LDAP_OPT_X_SASL_SECPROPS 0x6106
#define LDAP_OPT_X_SASL_NOCANON 0x610b
#define LDAP_VERSION3 3
#define LDAP_SASL_QUIET 2U

struct ldap {
	int (*initialize)(void **ld, const char *uri);
	int (*set_option)(void *ld, int option, const void *value);
	int (*bind)(void *ld, const char *dn, const char *mechs,
	    void **controls, void **client_controls, unsigned flags,
	    int (*interact)(void *, unsigned, void *, void *), void *defaults);
	int (*unbind)(void *ld, void **controls, void **client_controls);
};

static int
answer(void *ld, unsigned flags, void *defaults, void *prompts)
{
	const struct user_login *l = defaults;
	sasl_interact_t *p = prompts;

	(void)ld;
	(void)flags;
	for (; p->id != SASL_CB_LIST_END; p++) {
		if (p->id != SASL_CB_AUTHNAME)
			return -1;
		p->result = l->name;
		p->len = (unsigned)strlen(l->name);
	}
	return 0;
}

static int
find(void *handle, const char *name, void *ret, size_t size)
{
	void *found = dlsym(handle, name);

	memcpy(ret, &found, size);
	return found ? 0 : -1;
}

static int
load(struct ldap *f)
{
	void *h = dlopen("libldap-2.5.so.0", RTLD_NOW);

	if (!h)
		h = dlopen("libldap.so.2", RTLD_NOW);
#define FIND(name, member) find(h, name, &f->member, sizeof(f->member))
	return !h || FIND("ldap_initialize", initialize) < 0 ||
		FIND("ldap_set_option", set_option) < 0 ||
		FIND("ldap_sasl_interactive_bind_s", bind) < 0 ||
		FIND("ldap_unbind_ext_s", unbind) < 0
	    ? -1
	    : 0;
}

int
user_init(void)
{
	return SASL_OK;
}

int
user_done(void)
{
	return SASL_OK;
}

/* The service is the server's address. */
int
user_login(const struct user_login *given, char line[USER_LINE_SIZE])
{
	static const int version = LDAP_VERSION3;
	struct user_login l = *given;
	struct ldap f;
	void *ld = NULL;
	int r = -1;

	if (load(&f) < 0) {
		snprintf(line, USER_LINE_SIZE, "-1 - - no libldap");
		return -1;
	}
	if (f.initialize(&ld, l.service) == 0) {
		f.set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
		f.set_option(ld, LDAP_OPT_X_SASL_SECPROPS, "none");
		f.set_option(ld, LDAP_OPT_X_SASL_NOCANON, &version);
		r = f.bind(
		    ld, NULL, l.mech, NULL, NULL, LDAP_SASL_QUIET, answer, &l);
		f.unbind(ld, NULL, NULL);
	}
	snprintf(line, USER_LINE_SIZE, "%d %s - ", r, l.mech);
	return r == 0 ? 0 : -1;
}

const struct user_functions user_functions = {user_init, user_done, user_login};
