/* SPDX-License-Identifier: MIT */
/* account.h - one account: its file, its tokens, and who waits for them */
#ifndef SASL_BEARER_DAEMON_ACCOUNT_H
#define SASL_BEARER_DAEMON_ACCOUNT_H

#include <event2/event.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/config/material.h"
#include "helper/config/settings.h"
#include "helper/daemon/alert.h"
#include "helper/daemon/state.h"
#include "helper/daemon/store.h"

#define TOKEN_ID_SIZE 17
#define REASON_SIZE 1200

struct daemon;
struct account;

/* Why the tokens in memory are to be written. */
enum unsaved {
	SAVED,
	UNSAVED_REFUSED, /* the disk has refused them */
	UNSAVED_ANEW,	 /* they are there, but not sealed as they should be */
};

/*
 * Somebody who waits for a token or for the end of a refresh. It is the
 * asker's; answer is called once, perhaps before account_ask() returns.
 */
struct waiter {
	struct waiter *next;
	struct account *account; /* NULL when it does not wait */
	struct event *timer;
	int64_t min_validity_ms;
	int for_refresh; /* wants the result of a fetch, not a token */
	/* a is NULL when the account was removed */
	void (*answer)(struct waiter *w, struct account *a, enum status s,
	    const char *reason);
};

/*
 * An account that has a token for each mailbox is the parent of one account for
 * every mailbox that was asked for: those share its conf, have a life of their
 * own and are in no table. See mailbox.h.
 */
struct account {
	struct daemon *daemon;
	struct account_conf *conf; /* never NULL; partial when broken */
	struct account *parent;	   /* NULL: it stands for itself */
	char *mailbox;		   /* of one with a parent: its address */
	struct account **boxes;	   /* of a parent: sorted by mailbox */
	size_t box_count;
	unsigned box_fetches; /* of them, under way */
	uid_t *allow;
	size_t allow_count;
	char **mailboxes; /* of a glob: the only ones, sorted; or NULL */
	struct life life;
	struct tokens tokens;
	char *token_endpoint; /* discovered; NULL when not */
	int64_t last_used_at; /* Unix seconds */
	uint64_t last_use;    /* counted: which of two was used last */
	struct waiter *waiters;
	struct event *timer;
	struct account *next_queued;
	struct file_id files[MATERIAL_FILES]; /* as last read */
	int64_t certificate_expires_at;	      /* Unix seconds; 0: no idea */
	int64_t certificate_warned_at;
	unsigned generation; /* results of an older one are not wanted */
	unsigned pins;	     /* jobs, fetches and mailboxes that point here */
	int allow_unknown;   /* a name in allow is no user, yet */
	int tokens_unusable; /* they belong to another registration */
	int tokens_damaged;  /* the state file cannot be read */
	int storage;	     /* enum storage of the state file */
	int refused; /* why it is not touched: -ERR_KEY, -ERR_SEAL; or 0 */
	char refused_id[SEAL_ID_SIZE]; /* -ERR_KEY: the key it needs */
	int unsaved; /* enum unsaved: the current tokens are not on the disk */
	int removed; /* its file is gone; lives until it is not pinned */
	int listed;  /* by load.c, while it compares */
	int queued;
	enum status error_status;
	int64_t error_since; /* Unix seconds: not STATUS_OK since then */
	char last_error[REASON_SIZE];
	char broken[CONF_TEXT_MAX]; /* why conf is of no use; "" when it is */
	char config_id[CONFIG_ID_SIZE];
	char name[ACCOUNT_NAME_MAX + USER_MAX + 2]; /* for people */
	char file[ACCOUNT_NAME_MAX + 1];	    /* in the state directory */
	char token_id[TOKEN_ID_SIZE];
	struct alert alerts[HEALTH_KINDS]; /* what was told: tell.c */
	enum health_what telling; /* under way; HEALTH_KINDS: nothing */
	enum alert_event telling_what;
	char reject_user[USER_MAX + 1];	  /* of a glob: who reported ... */
	char reject_token[TOKEN_ID_SIZE]; /* ... which token last */
};

/* A new account. conf becomes the account's. Returns NULL without memory. */
struct account *account_new(struct daemon *d, struct account_conf *conf);

/*
 * A new account for a mailbox of a parent; not yet in its boxes.
 *
 *	file	of its state
 *
 * Returns NULL without memory.
 */
struct account *account_new_mailbox(
    struct account *parent, const char *mailbox, const char *file);

/* Free it now, or as soon as nothing points here. Waiters are told. */
void account_drop(struct account *a);

/* Somebody holds a pointer to the account, for whom nobody waits at the end. */
void account_hold(struct account *a);
void account_release(struct account *a);

/* A job or fetch holds a pointer to the account. */
void account_pin(struct account *a);
void account_unpin(struct account *a);

/*
 * Take over credentials: what the disk had, a sign-in or a refresh brought.
 *
 *	t	its content becomes the account's; zeroed
 *
 * The life of the access token is counted from t->obtained_at. Tokens of
 * another registration are kept, but not used.
 */
void
account_set_tokens(struct account *a, struct tokens *t, int64_t refresh_in_s);

/*
 * Note how the state file lies on the disk. If that is not as the settings want
 * it, it is written again as if the disk had refused.
 */
void account_set_storage(struct account *a, int storage);

/* Look again at what is possible, after configuration or tokens changed. */
void account_review(struct account *a);

/*
 * Ask for a token.
 *
 *	w	answer and min_validity_ms (0: as configured) filled in
 *	max_ms	answered by then, at the latest
 *
 * answer() with STATUS_OK: the token is in account->tokens now.
 */
void account_ask(struct account *a, struct waiter *w, int64_t max_ms);

/* Fetch now, whatever the state; answer() tells the result. */
void account_refresh(struct account *a, struct waiter *w, int64_t max_ms);

/* Stop waiting, without an answer. Nothing happens when w does not wait. */
void waiter_cancel(struct waiter *w);

/* Let an event happen, and do what it asks for. */
unsigned account_event(
    struct account *a, enum life_event e, const struct life_info *info);

/* A fetch or a store has ended: everybody who waits gets an answer. */
void account_settle(struct account *a);

/* Remember, for `list` and the log, why the account does not work. */
void account_set_error(struct account *a, enum status s, const char *reason);

/*
 * Log a line about an account: 'account "NAME": ...'.
 *
 *	event	a word that says what it is about, for the journal; it never
 *		changes, since people search for it: sasl-bearerd(8)
 */
__attribute__((format(printf, 4, 5))) void account_log(const struct account *a,
    enum log_level level, const char *event, const char *fmt, ...);

/* Remember the token endpoint that discovery has found; NULL forgets it. */
void account_set_endpoint(struct account *a, const char *url);

/* Whether a uid may use the account; the helper's own rules included. */
int account_allows(const struct account *a, uid_t uid);

/* Unix seconds at which the current token ends, by today's clock. */
int64_t account_expires_at(const struct account *a);

#endif
