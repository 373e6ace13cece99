/* SPDX-License-Identifier: MIT */
/* doctor-postfix-logins - who Postfix logs in as, where, and by what */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper/cli/doctor-postfix.h"
#include "helper/config/policy.h"

#define SHOWN 256 /* bytes of places that are named */

/* What is found in the maps. */
struct logins {
	const struct postfix *p;
	int *named;	    /* by account: some line has its user */
	unsigned passwords; /* lines with a password that are not ours */
	char places[SHOWN]; /* of these, the first ones */
	unsigned unread;    /* maps that could not be looked into */
};

/* A line: the place, and USER or USER:PASSWORD. */
static void
take(struct logins *l, char *line)
{
	char *key, *value, *save = NULL, *colon;
	const struct doctor *d = l->p->d;
	size_t i, len = strlen(l->places);
	int ours = 0;

	key = strtok_r(line, " \t", &save);
	value = key ? strtok_r(NULL, "\n", &save) : NULL;
	if (!value || *key == '#')
		return;
	value += strspn(value, " \t");
	colon = strchr(value, ':');
	if (colon)
		*colon = '\0';
	for (i = 0; i < d->count_accounts; i++) {
		if (policy_user(d->accounts[i].is.pattern, value) == MATCH_NONE)
			continue;
		l->named[i] = 1;
		ours |= postfix_account_sends(&d->accounts[i]);
	}
	if (ours || !colon)
		return;
	if (l->passwords++ < 3)
		snprintf(
		    l->places + len, SHOWN - len, "%s%s", len ? ", " : "", key);
}

/* The file that a map is made of: of hash: and the like, its source; or NULL. */
static const char *
map_path(const char *map)
{
	static const char *const types[] = {
	    "texthash:", "hash:", "btree:", "lmdb:", "cdb:", "dbm:", "sdbm:"};
	const char *proxy = "proxy:";
	size_t i;

	if (strncmp(map, proxy, strlen(proxy)) == 0)
		map += strlen(proxy);
	for (i = 0; i < COUNT_OF(types); i++)
		if (strncmp(map, types[i], strlen(types[i])) == 0)
			return map + strlen(types[i]);
	return NULL;
}

static void
read_file(struct logins *l, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	if (!f) {
		l->unread++;
		doctor_report(l->p->d, DOCTOR_SKIPPED, "%s: not checked: %s",
		    path, errno == EACCES ? "needs root" : "it cannot be read");
		return;
	}
	while (getline(&line, &size, f) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (*line && !isspace((unsigned char)*line))
			take(l, line);
	}
	if (line)
		util_wipe(line, size);
	free(line);
	fclose(f);
}

/*
 * Read the maps that are files. Of others nothing is shown: "static:" and
 * "inline:" have the password in their name, with blanks in it.
 */
static void
read_maps(struct logins *l, char *const *maps)
{
	const char *path;

	for (; maps && *maps; maps++) {
		path = map_path(*maps);
		if (path) {
			read_file(l, path);
			continue;
		}
		l->unread++;
		doctor_report(l->p->d, DOCTOR_SKIPPED,
		    "smtp_sasl_password_maps has a map that is no file, and "
		    "what follows it: not checked");
		return;
	}
}

/* An account that Postfix shall use: may it, and does it? */
static void
report_account(const struct logins *l, size_t i)
{
	const struct postfix *p = l->p;
	const struct doctor_account *a = &p->d->accounts[i];

	if (postfix_account_allows(p, a)) {
		if (l->named[i] || l->unread) {
			doctor_report(p->d, DOCTOR_OK,
			    "account %s allows user %s", a->is.account,
			    p->layout.owner);
			return;
		}
		doctor_remedy(p->d, "sasl-bearer setup postfix %s", a->is.user);
		doctor_report(p->d, DOCTOR_WARNING,
		    "account %s allows user %s, but no line of "
		    "smtp_sasl_password_maps names %s",
		    a->is.account, p->layout.owner, a->is.user);
	} else if (l->named[i] && postfix_account_sends(a)) {
		doctor_remedy(p->d, "add %s to \"allow\" in %s.conf, then: %s",
		    p->layout.owner, a->is.account,
		    doctor_control(p->d, DOCTOR_RELOAD));
		doctor_report(p->d, DOCTOR_FAILED,
		    "it logs in as %s, but account %s does not allow user %s",
		    a->is.user, a->is.account, p->layout.owner);
	}
}

/* Logins with passwords, which the plugin would take over, or nobody can do. */
static void
report_passwords(const struct logins *l)
{
	const struct postfix *p = l->p;
	char filter[1024], service[64];

	p->d->check = "other logins";
	if (l->passwords == 0 || !p->wanted)
		return;
	if (postfix_override(p, "smtp_sasl_mechanism_filter",
		postfix_filter_hides, service)) {
		doctor_report(p->d, DOCTOR_OK,
		    "%u with passwords (%s); \"%s\" in master.cf is without "
		    "OAuth",
		    l->passwords, l->places, service);
		return;
	}
	postfix_get(p, "smtp_sasl_mechanism_filter", filter, sizeof(filter));
	doctor_remedy(p->d,
	    "give these a transport of their own in master.cf, a copy of "
	    "\"smtp unix\" with: -o "
	    "smtp_sasl_mechanism_filter=!xoauth2,!oauthbearer,static:all");
	doctor_report(p->d, DOCTOR_WARNING,
	    postfix_filter_passes(filter, "PLAIN")
		? "%u with passwords (%s): where such a server offers OAuth as "
		  "well, the plugin takes the login over, and has no account"
		: "%u with passwords (%s): smtp_sasl_mechanism_filter leaves "
		  "them no mechanism",
	    l->passwords, l->places);
}

void
postfix_check_logins(const struct postfix *p)
{
	struct doctor *d = p->d;
	struct logins l = {.p = p};
	char maps[4096], **list = NULL;
	size_t i;

	postfix_get(p, "smtp_sasl_password_maps", maps, sizeof(maps));
	if (!*maps) {
		doctor_remedy(d, "sasl-bearer setup postfix USER");
		doctor_report(d, DOCTOR_FAILED,
		    "smtp_sasl_password_maps is empty: it knows no user to "
		    "log in as");
		return;
	}
	l.named = calloc(d->count_accounts + 1, sizeof(*l.named));
	if (!l.named || list_parse(maps, ", \t", &list) < 0) {
		free(l.named);
		return;
	}
	read_maps(&l, list);
	for (i = 0; i < d->count_accounts; i++)
		report_account(&l, i);
	if (!p->wanted && d->count_accounts > 0)
		doctor_report(d, DOCTOR_SKIPPED,
		    "no account is for user %s: \"allow\" names those who may "
		    "use it",
		    p->layout.owner);
	report_passwords(&l);
	list_free(list);
	free(l.named);
}
