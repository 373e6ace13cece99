/* SPDX-License-Identifier: MIT */
/* mailbox - an account with a token for each mailbox of a domain */
#include "config.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/util.h"
#include "helper/daemon/daemon.h"
#include "helper/daemon/log.h"
#include "helper/daemon/mailbox-list.h"
#include "helper/daemon/mailbox.h"
#include "helper/config/policy.h"
#include "helper/daemon/reseal.h"
#include "helper/daemon/save.h"

#define HASH_BYTES 16
#define FILE_SIZE (1 + 2 * HASH_BYTES + 1)

int
mailbox_is_parent(const struct account *a)
{
	return !a->parent && a->conf->grant == GRANT_JWT_BEARER &&
	    a->conf->user[0] == '*';
}

/* Where an address is among the boxes, or would be. */
static size_t
lower_bound(const struct account *parent, const char *address)
{
	size_t low = 0, high = parent->box_count, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (strcasecmp(parent->boxes[mid]->mailbox, address) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct account *
mailbox_find(const struct account *parent, const char *address)
{
	size_t i = lower_bound(parent, address);

	if (i < parent->box_count &&
	    strcasecmp(parent->boxes[i]->mailbox, address) == 0)
		return parent->boxes[i];
	return NULL;
}

/* The file of a mailbox: an address may have what a file name may not. */
static int
make_file(
    const struct account *parent, const char *address, char buf[FILE_SIZE])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	char text[ACCOUNT_NAME_MAX + USER_MAX + 2];
	char *c;
	int n =
	    snprintf(text, sizeof(text), "%s\n%s", parent->conf->name, address);

	if (n < 0 || (size_t)n >= sizeof(text))
		return -ENAMETOOLONG;
	for (c = text; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c | 0x20);
	if (!EVP_Digest(text, (size_t)n, md, NULL, EVP_sha256(), NULL))
		return -ENOMEM;
	buf[0] = MAILBOX_FILE_FIRST;
	util_hex_format(buf + 1, md, HASH_BYTES);
	return 0;
}

static void
remove_at(struct account *parent, size_t i)
{
	parent->box_count--;
	memmove(parent->boxes + i, parent->boxes + i + 1,
	    (parent->box_count - i) * sizeof(struct account *));
}

/* Make room for one more. Returns 0, or -EBUSY when all are in use. */
static int
evict(struct account *parent)
{
	struct account *a, *oldest = NULL;
	size_t i, at = 0;

	for (i = 0; i < parent->box_count; i++) {
		a = parent->boxes[i];
		if (a->pins > 0 || a->waiters || a->life.fetching)
			continue;
		if (!oldest || a->last_use < oldest->last_use) {
			oldest = a;
			at = i;
		}
	}
	if (!oldest)
		return -EBUSY;
	remove_at(parent, at);
	if (!oldest->refused)
		save_remove(oldest, NULL, NULL);
	account_drop(oldest);
	return 0;
}

static int
make_room(struct account *parent)
{
	if (!parent->boxes) {
		parent->boxes = calloc(MAILBOX_MAX, sizeof(struct account *));
		return parent->boxes ? 0 : -ENOMEM;
	}
	return parent->box_count < MAILBOX_MAX ? 0 : evict(parent);
}

static struct account *
add(struct account *parent, const char *address)
{
	char file[FILE_SIZE];
	struct account *a;
	size_t i;

	if (make_file(parent, address, file) < 0 || make_room(parent) < 0)
		return NULL;
	a = account_new_mailbox(parent, address, file);
	if (!a)
		return NULL;
	reseal_look_up(a);
	i = lower_bound(parent, address);
	memmove(parent->boxes + i + 1, parent->boxes + i,
	    (parent->box_count - i) * sizeof(struct account *));
	parent->boxes[i] = a;
	parent->box_count++;
	return a;
}

struct account *
mailbox_get(struct account *parent, const char *address)
{
	struct account *a = mailbox_find(parent, address);

	if (a)
		return a;
	a = add(parent, address);
	if (a)
		account_review(a);
	return a;
}

/* Whether a parent still serves an address. */
static int
is_served(const struct account *parent, const char *address)
{
	return mailbox_is_parent(parent) &&
	    policy_user(parent->conf->user, address) == MATCH_GLOB &&
	    mailbox_list_has(parent->mailboxes, address);
}

int
mailbox_restore(struct account *parent, struct tokens *t, int storage)
{
	struct account *a;

	if (!is_served(parent, t->mailbox) ||
	    t->expires_at <= daemon_wall_s() ||
	    mailbox_find(parent, t->mailbox))
		return -1;
	a = add(parent, t->mailbox);
	if (!a)
		return -1;
	account_set_storage(a, storage);
	account_set_tokens(a, t, 0);
	return 0;
}

void
mailbox_update(struct account *parent, int retry)
{
	struct account *a;
	size_t i = 0;
	int changed;

	while (i < parent->box_count) {
		a = parent->boxes[i];
		if (!is_served(parent, a->mailbox)) {
			remove_at(parent, i);
			a->generation++;
			account_drop(a);
			continue;
		}
		account_conf_free(a->conf);
		a->conf = account_conf_share(parent->conf);
		changed =
		    strcmp(a->config_id, parent->config_id) != 0 || *a->broken;
		memcpy(a->config_id, parent->config_id, sizeof(a->config_id));
		memcpy(a->broken, parent->broken, sizeof(a->broken));
		account_set_endpoint(a, NULL);
		a->life.min_validity_ms = a->conf->min_validity_s * 1000;
		if (changed)
			account_review(a);
		else if (a->error_status != STATUS_OK && retry)
			account_event(a, EVENT_MENDED, NULL);
		i++;
	}
}

void
mailbox_drop_all(struct account *parent)
{
	struct account *a;

	while (parent->box_count > 0) {
		a = parent->boxes[parent->box_count - 1];
		parent->box_count--;
		account_drop(a);
	}
}

void
mailbox_forget(struct account *parent)
{
	struct account *a;
	size_t i;

	for (i = 0; i < parent->box_count; i++) {
		a = parent->boxes[i];
		a->generation++;
		tokens_clear(&a->tokens);
		reseal_give_up(a);
		a->life.fetching = 0;
		account_review(a);
		account_settle(a);
		save_remove(a, NULL, NULL);
	}
}

int
mailbox_storage(const struct account *parent)
{
	int storage = STORAGE_NONE;
	size_t i;

	for (i = 0; i < parent->box_count; i++) {
		if (parent->boxes[i]->storage == STORAGE_PLAIN)
			return STORAGE_PLAIN;
		if (parent->boxes[i]->storage != STORAGE_NONE)
			storage = parent->boxes[i]->storage;
	}
	return storage;
}

const struct account *
mailbox_worst(const struct account *parent)
{
	const struct account *a, *worst = NULL;
	size_t i;

	for (i = 0; i < parent->box_count; i++) {
		a = parent->boxes[i];
		if (!worst || a->error_status > worst->error_status ||
		    (a->error_status == worst->error_status &&
			a->life.state > worst->life.state))
			worst = a;
	}
	return worst;
}
