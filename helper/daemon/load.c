/* SPDX-License-Identifier: MIT */
/* load - make accounts out of files, at start and again later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/daemon/allow.h"
#include "helper/daemon/inbox.h"
#include "helper/daemon/listen.h"
#include "helper/daemon/load.h"
#include "helper/daemon/log.h"
#include "helper/daemon/mailbox-list.h"
#include "helper/daemon/mailbox.h"
#include "helper/daemon/reseal.h"
#include "helper/daemon/server.h"

/* One account as its files say; taken apart by adopt(). */
struct loaded {
	struct account_conf *conf; /* partial when broken; NULL: no memory */
	char *broken;		   /* first error, or NULL */
	char config_id[CONFIG_ID_SIZE];
	struct allow allow;
	char **mailboxes;
	struct tokens tokens;
	int storage; /* enum storage, or an error */
	char key_id[SEAL_ID_SIZE];
	int answer_waits; /* to a daemon before us: see inbox.h */
};

/* The file of a mailbox with a token of its own. */
struct stored {
	struct stored *next;
	struct tokens tokens;
	int storage; /* enum storage, or an error */
	char name[];
};

struct load {
	struct job job;
	struct daemon *daemon;
	struct settings fresh;		 /* read again, with the accounts */
	const struct settings *settings; /* the ones to read them by */
	struct loaded *accounts;
	size_t count;
	struct stored *stored;
	struct conf_errors errors;
	char **messages; /* to be logged: the log is the event loop's */
	int result;
	int retry;
	load_done *done;
	void *context;
};

static void
keep_error(void *context, const char *line)
{
	struct load *load = context;

	list_add(&load->messages, line, strlen(line));
}

/* Whether a file is sealed and cannot be read. */
static int
is_refused(int storage)
{
	return storage == -ERR_KEY || storage == -ERR_SEAL;
}

static void
load_one(struct load *load, const char *name, struct loaded *l)
{
	struct daemon *d = load->daemon;
	struct conf_errors e = {.report = keep_error, .context = load};
	int r = account_load_partial(load->settings, name, &l->conf, &e);

	if (l->conf) {
		if (allow_find(l->conf->allow, &l->allow) < 0)
			conf_error(&e, name, 0, "out of memory");
		if (l->conf->mailboxes_file)
			mailbox_list_load(
			    l->conf->mailboxes_file, &l->mailboxes, &e);
	}
	if (l->conf && r == 0 && config_id(l->conf, l->config_id) < 0)
		conf_error(&e, name, 0, "out of memory");
	if (e.count > 0) {
		if (load->errors.count == 0)
			memcpy(load->errors.first, e.first, sizeof(e.first));
		load->errors.count += e.count;
		l->broken = strdup(e.first);
	}
	/* not even that it is broken can be told: all stays as it was */
	if (!l->conf || (e.count > 0 && !l->broken))
		load->result = -ENOMEM;
	l->storage = store_load(d->state_fd, d->ring, name, &l->tokens);
	if (is_refused(l->storage))
		store_key_id(d->state_fd, name, l->key_id);
	if (load->settings != &load->fresh)
		l->answer_waits = inbox_waits(
		    d->state_fd, d->ring, name, l->tokens.refresh_token);
}

/* A mailbox's file: whose it is stands in it. */
static void
load_stored(void *context, const char *name)
{
	struct load *load = context;
	size_t size = strlen(name) + 1;
	struct stored *s = calloc(1, sizeof(*s) + size);

	if (!s)
		return;
	memcpy(s->name, name, size);
	s->storage = store_load(
	    load->daemon->state_fd, load->daemon->ring, name, &s->tokens);
	s->next = load->stored;
	load->stored = s;
}

static void
run(struct job *j)
{
	struct load *load = (struct load *)j;
	struct conf_errors *e = &load->errors;
	char **names = NULL;
	size_t n = 0;

	e->report = keep_error;
	e->context = load;
	if (load->settings == &load->fresh)
		load->result = settings_load(load->daemon->config_path,
		    load->daemon->user_mode, &load->fresh, e);
	else
		store_each(load->daemon->state_fd, MAILBOX_FILE_FIRST,
		    load_stored, load);
	if (load->result == 0)
		load->result = account_names(load->settings, &names, e);
	if (load->result < 0)
		return;
	while (names && names[n])
		n++;
	load->accounts = calloc(n + 1, sizeof(*load->accounts));
	load->count = load->accounts ? n : 0;
	if (!load->accounts)
		load->result = -ENOMEM;
	for (n = 0; n < load->count; n++)
		load_one(load, names[n], &load->accounts[n]);
	list_free(names);
}

static void
loaded_clear(struct loaded *l)
{
	account_conf_free(l->conf);
	free(l->broken);
	free(l->allow.uids);
	list_free(l->mailboxes);
	tokens_clear(&l->tokens);
	*l = (struct loaded){0};
}

/* Take over the definition of an account; l is emptied. */
static void
take_definition(struct account *a, struct loaded *l)
{
	if (l->conf != a->conf) {
		account_conf_free(a->conf);
		a->conf = l->conf;
	}
	free(a->allow);
	list_free(a->mailboxes);
	account_set_endpoint(a, NULL);
	a->allow = l->allow.uids;
	a->allow_count = l->allow.count;
	a->allow_unknown = l->allow.unknown;
	a->mailboxes = l->mailboxes;
	memcpy(a->config_id, l->config_id, sizeof(a->config_id));
	snprintf(
	    a->broken, sizeof(a->broken), "%s", l->broken ? l->broken : "");
	l->conf = NULL;
	l->allow = (struct allow){0};
	l->mailboxes = NULL;
}

/* Take over what the disk had of an account; l is emptied. */
static void
take_stored(struct account *a, struct loaded *l)
{
	int r = l->storage;
	char text[64];

	a->refused = is_refused(r) ? r : 0;
	memcpy(a->refused_id, l->key_id, sizeof(a->refused_id));
	a->tokens_damaged = r < 0 && !a->refused && r != -ENOENT;
	if (a->tokens_damaged)
		account_log(a, LEVEL_ERROR, "unreadable",
		    "cannot read %s/%s: %s; the file is left as it is",
		    a->daemon->settings.state_dir, a->name,
		    err_text(r, text, sizeof(text)));
	if (a->refused)
		a->storage = STORAGE_SEALED;
	else
		account_set_storage(a, r < 0 ? STORAGE_NONE : r);
	a->tokens = l->tokens;
	a->certificate_expires_at = a->tokens.certificate_expires_at;
	l->tokens = (struct tokens){0};
	account_review(a);
}

static struct account *
new_account(struct daemon *d, struct loaded *l)
{
	struct account *a = account_new(d, l->conf);

	if (!a)
		return NULL;
	take_definition(a, l);
	take_stored(a, l);
	if (l->answer_waits)
		account_event(a, EVENT_MENDED, NULL);
	return a;
}

/* A file was read again: a good definition replaces the old one. */
static void
update_account(struct account *a, struct loaded *l, int retry)
{
	int changed, failed = a->error_status != STATUS_OK;

	if (l->broken && !*a->broken)
		return;
	changed = strcmp(a->config_id, l->config_id) != 0 || *a->broken;
	take_definition(a, l);
	a->life.min_validity_ms = a->conf->min_validity_s * 1000;
	a->life.keepalive_ms = a->conf->keepalive_s * 1000;
	mailbox_update(a, retry);
	if ((a->refused && !is_refused(l->storage)) ||
	    (a->tokens_damaged && l->storage >= 0))
		take_stored(a, l); /* somebody has put it back */
	else if (changed)
		account_review(a);
	else if (failed && retry)
		account_event(a, EVENT_MENDED, NULL);
}

/* Without memory the accounts are those that there were. */
static int
replace_table(struct table *t, struct account **all, size_t n)
{
	struct table old = *t;
	size_t i;
	int r;

	*t = (struct table){0};
	r = table_set(t, all, n);
	if (r < 0)
		*t = old;
	for (i = 0; r < 0 && i < n; i++)
		if (table_find(t, all[i]->name) != all[i])
			account_drop(all[i]);
	for (i = 0; r == 0 && i < old.count; i++)
		if (!old.by_name[i]->listed)
			account_drop(old.by_name[i]);
	for (i = 0; i < t->count; i++)
		t->by_name[i]->listed = 0;
	if (r < 0)
		free(all);
	else
		table_clear(&old);
	return r;
}

/* Put what was read in the place of what was there. */
static int
adopt(struct load *load)
{
	struct daemon *d = load->daemon;
	struct table *t = &d->table;
	struct account **all, *a;
	size_t i, n = 0;
	int r, error = 0;

	all = calloc(load->count + 1, sizeof(struct account *));
	if (!all)
		return -ENOMEM;
	for (i = 0; i < load->count; i++) {
		a = table_find(t, load->accounts[i].conf->name);
		if (a)
			update_account(a, &load->accounts[i], load->retry);
		else
			a = new_account(d, &load->accounts[i]);
		if (!a) {
			error = -ENOMEM;
			continue;
		}
		a->listed = 1;
		all[n++] = a;
	}
	r = replace_table(t, all, n);
	return r < 0 ? r : error;
}

/* Give the mailboxes what the disk had of them; the rest is of no use. */
static void
adopt_stored(struct load *load)
{
	struct daemon *d = load->daemon;
	struct account *parent;
	struct stored *s;
	struct tokens *t;
	int r;

	for (s = load->stored; s; s = s->next) {
		t = &s->tokens;
		r = -1;
		parent = t->account && t->mailbox
		    ? table_find(&d->table, t->account)
		    : NULL;
		if (is_refused(s->storage))
			reseal_refuse(d, s->name, s->storage);
		if (is_refused(s->storage) || (parent && *parent->broken))
			continue;
		if (parent && t->access_token)
			r = mailbox_restore(parent, t, s->storage);
		if (r < 0) /* a thousand, perhaps: no fsync for each */
			unlinkat(d->state_fd, s->name, 0);
	}
}

static void
load_free(struct load *load)
{
	struct stored *s;
	size_t i;

	while ((s = load->stored)) {
		load->stored = s->next;
		tokens_clear(&s->tokens);
		free(s);
	}

	settings_clear(&load->fresh);
	list_free(load->messages);
	for (i = 0; i < load->count; i++)
		loaded_clear(&load->accounts[i]);
	free(load->accounts);
	free(load);
}

/* Take over what of the settings can change while we run. */
static void
take_settings(struct daemon *d, struct settings *fresh)
{
	struct settings old = d->settings;

	d->settings.accounts_dir = fresh->accounts_dir;
	d->settings.providers_dir = fresh->providers_dir;
	d->settings.ca_file = fresh->ca_file;
	d->settings.proxy = fresh->proxy;
	d->settings.fetch_timeout_s = fresh->fetch_timeout_s;
	d->settings.notify_command = fresh->notify_command;
	d->settings.notify_delay_s = fresh->notify_delay_s;
	d->settings.notify_repeat_s = fresh->notify_repeat_s;
	d->settings.log_level = fresh->log_level;
	fresh->accounts_dir = old.accounts_dir;
	fresh->providers_dir = old.providers_dir;
	fresh->ca_file = old.ca_file;
	fresh->proxy = old.proxy;
	fresh->notify_command = old.notify_command;
	log_set_level((enum log_level)d->settings.log_level);
}

static int
conclude(struct load *load)
{
	int r = load->result;
	char **line;

	for (line = load->messages; line && *line; line++)
		log_line(LEVEL_ERROR, "%s", *line);
	if (r == 0 && load->settings == &load->fresh)
		take_settings(load->daemon, &load->fresh);
	if (r == 0)
		r = adopt(load);
	if (r == 0)
		adopt_stored(load);
	if (r == 0)
		listen_mark(load->daemon);
	return r;
}

int
load_now(struct daemon *d)
{
	struct load *load = calloc(1, sizeof(*load));
	int r;

	if (!load)
		return -ENOMEM;
	load->daemon = d;
	load->settings = &d->settings;
	reseal_all(d);
	run(&load->job);
	r = conclude(load);
	allow_warn(d);
	load_free(load);
	return r;
}

static void
finished(struct job *j)
{
	struct load *load = (struct load *)j;
	struct daemon *d = load->daemon;
	int r = conclude(load);
	char text[64];

	d->loading = 0;
	if (r < 0 && load->errors.count == 0) {
		snprintf(load->errors.first, sizeof(load->errors.first),
		    "cannot read the accounts: %s",
		    err_text(r, text, sizeof(text)));
		load->errors.count = 1;
	}
	/* nobody waits where it only looks again for unknown users */
	if (load->done) {
		allow_warn(d);
		load->done(load->context,
		    load->errors.count ? load->errors.first : NULL);
	}
	load_free(load);
	if (d->reload)
		daemon_reload(d);
	else
		server_release(d->server);
	daemon_idle(d);
}

int
load_start(struct daemon *d, int retry, load_done *done, void *context)
{
	struct load *load;

	if (d->loading)
		return -EALREADY;
	load = calloc(1, sizeof(*load));
	if (!load)
		return -ENOMEM;
	load->job.run = run;
	load->job.done = finished;
	load->daemon = d;
	load->settings = &load->fresh;
	load->retry = retry;
	load->done = done;
	load->context = context;
	d->loading = 1;
	daemon_busy(d);
	worker_submit(d->worker, &load->job);
	return 0;
}

void
load_unknown_users(struct daemon *d)
{
	size_t i;

	for (i = 0; i < d->table.count; i++)
		if (d->table.by_name[i]->allow_unknown) {
			load_start(d, 0, NULL, NULL);
			return;
		}
}
