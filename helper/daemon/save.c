/* SPDX-License-Identifier: MIT */
/* save - put an account's credentials on the disk, in the worker thread */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper/daemon/daemon.h"
#include "helper/daemon/inbox.h"
#include "helper/daemon/log.h"
#include "helper/daemon/save.h"

struct save {
	struct job job;
	struct account *account;
	int dirfd;
	const struct seal_ring *ring;
	char name[ACCOUNT_NAME_MAX + 1];
	struct tokens tokens;
	int remove;
	int sync;
	int refused; /* enum unsaved: what they are if it fails */
	int result;
	save_done *done;
	void *context;
};

static void
run(struct job *j)
{
	struct save *s = (struct save *)j;

	if (s->remove)
		s->result = store_remove(s->dirfd, s->name);
	else
		s->result =
		    store_save(s->dirfd, s->ring, s->name, &s->tokens, s->sync);
	if (s->result == 0)
		inbox_remove(s->dirfd, s->name);
}

static void
report(const struct account *a, int r, const char *what_now)
{
	char text[64];

	account_log(a, LEVEL_ERROR, "unsaved", "cannot save to %s: %s; %s",
	    a->daemon->settings.state_dir, err_text(r, text, sizeof(text)),
	    what_now);
}

static void
finished(struct job *j)
{
	struct save *s = (struct save *)j;
	struct account *a = s->account;

	if (s->result < 0)
		report(a, s->result,
		    "the tokens are kept in memory and saved as soon as it is "
		    "possible");
	else if (a->unsaved == UNSAVED_REFUSED)
		account_log(a, LEVEL_WARNING, "saved",
		    "saved; the disk takes tokens again");
	if (s->result == 0 || s->remove)
		a->unsaved = SAVED;
	else if (a->unsaved != UNSAVED_REFUSED)
		a->unsaved = s->refused;
	if (s->result == 0)
		a->storage =
		    s->remove ? STORAGE_NONE : (int)store_storage(s->ring);
	if (s->done)
		s->done(a, &s->tokens, s->result, s->context);
	account_unpin(a);
	tokens_clear(&s->tokens);
	free(s);
}

static struct save *
save_new(struct account *a, save_done *done, void *context)
{
	struct save *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->job.run = run;
	s->job.done = finished;
	s->account = a;
	s->dirfd = a->daemon->state_fd;
	s->ring = a->daemon->ring;
	memcpy(s->name, a->file, sizeof(s->name));
	s->done = done;
	s->context = context;
	return s;
}

static void
submit(struct save *s, struct tokens *t, int sync)
{
	s->tokens = *t;
	s->sync = sync;
	*t = (struct tokens){0};
	account_pin(s->account);
	worker_submit(s->account->daemon->worker, &s->job);
}

int
save_start(struct account *a, struct tokens *t, int sync, save_done *done,
    void *context)
{
	struct save *s = save_new(a, done, context);

	if (!s)
		return -ENOMEM;
	s->refused = UNSAVED_REFUSED;
	submit(s, t, sync);
	return 0;
}

void
save_retry(struct account *a)
{
	struct tokens copy = {0};
	struct save *s;

	/* what a fetch brings is newer, and it needs its inbox */
	if (!a->unsaved || a->life.fetching ||
	    tokens_copy(&a->tokens, &copy) < 0)
		return;
	s = save_new(a, NULL, NULL);
	if (!s) {
		tokens_clear(&copy);
		return;
	}
	s->refused = a->unsaved;
	submit(s, &copy, 1);
}

void
save_last(struct account *a)
{
	char what_now[ACCOUNT_NAME_MAX + 128];
	int r;

	if (!a->unsaved)
		return;
	r = store_save(
	    a->daemon->state_fd, a->daemon->ring, a->file, &a->tokens, 1);
	if (r == 0)
		return;
	snprintf(what_now, sizeof(what_now),
	    "its new tokens end here; if the provider refuses the old one, run "
	    "\"sasl-bearer login %s\"",
	    a->conf->name);
	report(a, r, what_now);
}

int
save_remove(struct account *a, save_done *done, void *context)
{
	struct save *s = save_new(a, done, context);

	if (!s)
		return -ENOMEM;
	s->remove = 1;
	account_pin(a);
	worker_submit(a->daemon->worker, &s->job);
	return 0;
}
