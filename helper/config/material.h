/* SPDX-License-Identifier: MIT */
/* material.h - the files that one exchange for an account needs */
#ifndef SASL_BEARER_MATERIAL_H
#define SASL_BEARER_MATERIAL_H

#include <sys/types.h>
#include <time.h>

#include "common/msg.h"
#include "helper/config/settings.h"

/* What tells one version of a file from another, its mode included. */
struct file_id {
	dev_t dev;
	ino_t ino;
	struct timespec ctime;
};

/* Which file is meant. An account has some of them, or none. */
enum material_file {
	MATERIAL_TEXT, /* secret, password of the key, assertion, or token */
	MATERIAL_KEY,  /* of the client; its certificate may be in it */
	MATERIAL_CERTIFICATE,
	MATERIAL_FILES,
};

/* How the content of MATERIAL_TEXT is read. */
enum material_kind { KIND_SECRET, KIND_ASSERTION, KIND_TOKEN };

/*
 * The files of one account. Nobody but sasl-bearer-sign reads a key: here it is
 * an open descriptor.
 */
struct material {
	enum material_kind kind;
	char *path[MATERIAL_FILES]; /* NULL: there is none */
	struct file_id id[MATERIAL_FILES];
	char *text;		 /* of MATERIAL_TEXT; a secret */
	int fd[MATERIAL_FILES];	 /* of the other two; -1: not open */
	char why[CONF_TEXT_MAX]; /* "", or why it cannot be used */
};

/*
 * Note which files an account names.
 *
 *	m	written always; material_clear() it
 *
 * Returns 0 or -ENOMEM. Does not look at any file.
 */
int material_init(struct material *m, const struct account_conf *a);

/* Note the identity of each file. May wait for a disk. */
void material_look(struct material *m);

/* material_look(), then read and open them; m->why tells a failure. */
void material_read(struct material *m);

/* Close and wipe. May be called twice. */
void material_clear(struct material *m);

/* Whether two lists of MATERIAL_FILES entries are of the same files. */
int material_same(const struct file_id *a, const struct file_id *b);

/*
 * Write what every request to sasl-bearer-sign has but for subject and scope.
 *
 *	operation	client_assertion, grant_assertion or check
 *	audience	token endpoint, or the issuer while it is not known;
 *			NULL for check
 */
void material_put_sign(struct msg_writer *w, const struct material *m,
    const struct account_conf *a, const char *operation, const char *audience);

#endif
