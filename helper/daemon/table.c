/* SPDX-License-Identifier: MIT */
/* table - all accounts, and which of them a request means */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "helper/daemon/daemon.h"
#include "helper/daemon/mailbox-list.h"
#include "helper/config/policy.h"
#include "helper/daemon/table.h"

static int
compare_names(const void *a, const void *b)
{
	const struct account *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int
is_glob(const struct account *a)
{
	return a->conf->user[0] == '*';
}

static int
compare_users(const void *a, const void *b)
{
	const struct account *const *x = a, *const *y = b;

	if (is_glob(*x) != is_glob(*y))
		return is_glob(*x) - is_glob(*y);
	return strcasecmp((*x)->conf->user, (*y)->conf->user);
}

int
table_set(struct table *t, struct account **accounts, size_t count)
{
	struct table new = {.by_name = accounts, .count = count};
	size_t i;

	new.by_user = calloc(count + 1, sizeof(struct account *));
	if (!new.by_user)
		return -ENOMEM;
	if (count > 0)
		memcpy(new.by_user, accounts, count * sizeof(*accounts));
	qsort(new.by_name, count, sizeof(*accounts), compare_names);
	qsort(new.by_user, count, sizeof(*accounts), compare_users);
	for (i = count; i > 0 && is_glob(new.by_user[i - 1]); i--)
		new.globs++;
	table_clear(t);
	*t = new;
	return 0;
}

void
table_clear(struct table *t)
{
	free(t->by_name);
	free(t->by_user);
	*t = (struct table){0};
}

struct account *
table_find(const struct table *t, const char *name)
{
	size_t low = 0, high = t->count, mid;
	int r;

	while (low < high) {
		mid = low + (high - low) / 2;
		r = strcmp(name, t->by_name[mid]->name);
		if (r == 0)
			return t->by_name[mid];
		if (r < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

void
table_each(const struct table *t,
    void (*each)(struct account *a, void *context), void *context)
{
	size_t i, k;

	for (i = 0; i < t->count; i++) {
		for (k = 0; k < t->by_name[i]->box_count; k++)
			each(t->by_name[i]->boxes[k], context);
		each(t->by_name[i], context);
	}
}

int
table_serves(const struct table *t, uid_t uid)
{
	size_t i;

	for (i = 0; i < t->count; i++)
		if (account_allows(t->by_name[i], uid))
			return 1;
	return 0;
}

/* The first account in by_user, globs aside, whose user is not before user. */
static size_t
lower_bound(const struct table *t, const char *user)
{
	size_t low = 0, high = t->count - t->globs, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (strcasecmp(t->by_user[mid]->conf->user, user) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The choice among accounts so far. */
struct choice {
	const struct wanted *wanted;
	struct account *best;
	enum match match;
	int twice;
	enum status status; /* why there is none, and for whom */
	char *reason;
};

/* Whether an account serves what is wanted; if not, say why. */
static int
is_fit(struct choice *c, const struct account *a, enum match *ret_host)
{
	const struct wanted *w = c->wanted;
	unsigned service = w->service ? service_parse(w->service) : 0;

	*ret_host = MATCH_EXACT;
	c->status = STATUS_DENIED;
	if (*a->broken) {
		c->status = STATUS_CONFIG;
		snprintf(c->reason, REASON_SIZE, "%s", a->broken);
		return 0;
	}
	if (w->service && a->conf->services && !(a->conf->services & service)) {
		snprintf(c->reason, REASON_SIZE,
		    "service \"%s\" is not in services of account \"%s\"",
		    w->service, a->name);
		return 0;
	}
	if (!w->host && w->mechanism) {
		snprintf(c->reason, REASON_SIZE,
		    "the program does not say which server it talks to, so "
		    "account \"%s\" is not used",
		    a->name);
		return 0;
	}
	if (w->host)
		*ret_host = policy_host(a->conf->hosts, w->host);
	if (*ret_host == MATCH_NONE) {
		snprintf(c->reason, REASON_SIZE,
		    "host \"%s\" is not in hosts of account \"%s\"", w->host,
		    a->name);
		return 0;
	}
	return 1;
}

static void
consider(struct choice *c, struct account *a)
{
	const struct wanted *w = c->wanted;
	enum match user = policy_user(a->conf->user, w->user), host, match;

	if (user == MATCH_NONE || !account_allows(a, w->uid) ||
	    (w->account && strcmp(w->account, a->name) != 0) ||
	    (user == MATCH_GLOB && !mailbox_list_has(a->mailboxes, w->user)))
		return;
	if (!is_fit(c, a, &host))
		return;
	/* user weighs more than host: it stands for a person's mail */
	match = user * 4 + host;
	if (!c->best || match > c->match) {
		c->best = a;
		c->match = match;
		c->twice = 0;
	} else if (match == c->match) {
		c->twice = 1;
		snprintf(c->reason, REASON_SIZE,
		    "accounts \"%s\" and \"%s\" both serve user \"%s\" here; "
		    "set services or hosts so that one is left",
		    c->best->name, a->name, w->user);
	}
}

enum status
table_choose(const struct table *t, const struct wanted *w,
    struct account **ret, char *reason)
{
	struct choice c = {.wanted = w, .reason = reason};
	size_t i;

	snprintf(reason, REASON_SIZE,
	    "no account that uid %lu may use serves user \"%s\"; see allow in "
	    "sasl-bearer.conf(5)",
	    (unsigned long)w->uid, w->user);
	c.status = STATUS_DENIED;
	for (i = lower_bound(t, w->user); i < t->count - t->globs &&
	     strcasecmp(t->by_user[i]->conf->user, w->user) == 0;
	     i++)
		consider(&c, t->by_user[i]);
	for (i = t->count - t->globs; i < t->count && !c.best; i++)
		consider(&c, t->by_user[i]);
	if (!c.best)
		return c.status;
	if (c.twice)
		return STATUS_CONFIG;
	*ret = c.best;
	return STATUS_OK;
}
