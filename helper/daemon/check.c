/* SPDX-License-Identifier: MIT */
/* check - look at the configuration without serving it */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "helper/daemon/check.h"
#include "helper/daemon/mailboxes.h"
#include "helper/daemon/policy.h"

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

/* The files an account names, as far as the caller may read them. */
static void
check_files(const struct settings *s, const struct account_conf *a,
    struct conf_errors *e)
{
	char **list = NULL, *secret = NULL, why[CONF_TEXT_MAX];
	char path[4096];

	if (a->mailboxes_file &&
	    mailboxes_load(a->mailboxes_file, &list, e) == 0)
		list_free(list);
	if (a->client_secret_file &&
	    account_path(s, a->name, path, sizeof(path)) == 0 &&
	    secret_read(a->client_secret_file, SECRET_MAX, &secret, why) < 0)
		conf_error(e, path, 0, "client_secret_file: %s", why);
	util_secret_free(secret);
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
