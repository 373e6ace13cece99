/* SPDX-License-Identifier: MIT */
/* check - look at the configuration without serving it */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/config/material.h"
#include "helper/config/policy.h"
#include "helper/config/program.h"
#include "helper/daemon/check.h"
#include "helper/daemon/mailbox-list.h"

#define SIGN_MS 10000
#define DAY_S 86400
#define WARN_DAYS 30

/* Whether a host of a's would choose b as well. */
static int
hosts_overlap(const struct account_conf *a, const struct account_conf *b)
{
	char **host;

	for (host = a->hosts; host && *host; host++)
		if (policy_host(b->hosts, *host) == MATCH_EXACT)
			return 1;
	return 0;
}

static int
services_overlap(const struct account_conf *a, const struct account_conf *b)
{
	return !a->services || !b->services || (a->services & b->services);
}

static void
check_pair(const struct settings *s, const struct account_conf *a,
    const struct account_conf *b, struct conf_errors *e)
{
	char path[4096];

	if (!util_case_equal(a->user, b->user) || !services_overlap(a, b) ||
	    !hosts_overlap(a, b) ||
	    account_path(s, b->name, path, sizeof(path)) < 0)
		return;
	conf_error(e, path, 0,
	    "accounts \"%s\" and \"%s\" both serve user \"%.200s\" with the "
	    "same services and hosts; change services, hosts or user of one",
	    a->name, b->name, a->user);
}

/* Ask sasl-bearer-sign what it thinks of a key and its certificate. */
static void
check_key(const struct settings *s, const struct account_conf *a,
    const struct material *m, struct conf_errors *e)
{
	char path[4096] = "", why[CONF_TEXT_MAX];
	struct program *p = program_new();
	const char *certificate = a->client_certificate;
	int64_t ends_at = 0, left;
	int r = -ENOMEM;

	if (!certificate)
		certificate = a->client_key;
	account_path(s, a->name, path, sizeof(path));
	snprintf(why, sizeof(why), "out of memory");
	if (p) {
		memcpy(p->fd, m->fd + MATERIAL_KEY, sizeof(p->fd));
		material_put_sign(&p->w, m, a, "check", NULL);
		r = program_run(p, s->libexec_dir, PROGRAM_SIGN, SIGN_MS, why);
	}
	if (r < 0) {
		conf_error(e, path, 0, "%s", why);
	} else if (status_parse(msg_get(&p->reply, "status")) != STATUS_OK) {
		conf_error(e, path, 0, "%s", msg_get(&p->reply, "reason"));
	} else if (msg_get_number(&p->reply, "certificate_expires_at", 0,
		       INT64_MAX / 2, &ends_at) == 0 &&
	    ends_at > 0) {
		left = (ends_at - (int64_t)time(NULL)) / DAY_S;
		if (left < WARN_DAYS)
			conf_warning(e, path,
			    "the certificate %s ends in %lld days; give the "
			    "provider a new one and replace the file",
			    certificate, (long long)left);
	}
	program_free(p);
}

/* The files an account names, as far as the caller may read them. */
static void
check_files(const struct settings *s, const struct account_conf *a,
    struct conf_errors *e)
{
	struct material m = {.fd = {-1, -1, -1}};
	char **list = NULL, path[4096];

	if (a->mailboxes_file &&
	    mailbox_list_load(a->mailboxes_file, &list, e) == 0)
		list_free(list);
	if (account_path(s, a->name, path, sizeof(path)) == 0 &&
	    material_init(&m, a) == 0) {
		material_read(&m);
		if (*m.why && a->client_secret_credential)
			conf_warning(e, path, "not checked: %s", m.why);
		else if (*m.why)
			conf_error(e, path, 0, "%s", m.why);
		else if (m.path[MATERIAL_KEY])
			check_key(s, a, &m, e);
	}
	material_clear(&m);
}

void
check_programs(const struct settings *s, struct conf_errors *e)
{
	static const char *const programs[] = {PROGRAM_FETCH, PROGRAM_SIGN};
	char path[4096], text[64];
	size_t i;

	for (i = 0; i < COUNT_OF(programs); i++) {
		snprintf(
		    path, sizeof(path), "%s/%s", s->libexec_dir, programs[i]);
		if (access(path, X_OK) < 0)
			conf_error(e, path, 0,
			    "cannot be run: %s; install the package "
			    "completely, or correct libexec_dir in "
			    "sasl-bearer.conf",
			    err_text(-errno, text, sizeof(text)));
	}
}

unsigned
check_accounts(const struct settings *s, struct conf_errors *e)
{
	struct account_conf **all;
	char **names = NULL;
	size_t i, k, n = 0, count = 0;

	if (account_names(s, &names, e) < 0)
		return e->count;
	while (names && names[n])
		n++;
	all = calloc(n + 1, sizeof(struct account_conf *));
	if (!all)
		conf_error(e, s->accounts_dir, 0, "out of memory");
	for (i = 0; all && i < n; i++) {
		if (account_load(s, names[i], &all[count], e) < 0)
			continue;
		check_files(s, all[count], e);
		for (k = 0; k < count; k++)
			check_pair(s, all[k], all[count], e);
		count++;
	}
	for (i = 0; i < count; i++)
		account_conf_free(all[i]);
	free(all);
	list_free(names);
	return e->count;
}
