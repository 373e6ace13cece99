/* SPDX-License-Identifier: MIT */
/* material - the files that one exchange for an account needs */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/config/material.h"
#include "helper/config/secret.h"

#define TOKEN_FILE_MAX (TOKEN_MAX + 1024)

static int
set_path(struct material *m, enum material_file file, const char *path)
{
	if (!path)
		return 0;
	m->path[file] = strdup(path);
	return m->path[file] ? 0 : -ENOMEM;
}

int
material_init(struct material *m, const struct account_conf *a)
{
	const char *text = a->client_secret_file, *key = a->client_key;
	const char *certificate = a->client_certificate;
	char path[PATH_MAX];
	int r;

	*m = (struct material){.fd = {-1, -1, -1}};
	if (a->client_secret_credential)
		text = secret_credential("client_secret_credential",
			   a->client_secret_credential, path, m->why) == 0
		    ? path
		    : NULL;
	if (key || certificate)
		text = a->client_key_password_file;
	if (a->assertion_file) {
		m->kind = KIND_ASSERTION;
		text = a->assertion_file;
	} else if (a->token_file) {
		m->kind = KIND_TOKEN;
		text = a->token_file;
	}
	if (!key) {
		key = certificate;
		certificate = NULL;
	}
	r = set_path(m, MATERIAL_TEXT, text);
	if (r == 0)
		r = set_path(m, MATERIAL_KEY, key);
	if (r == 0)
		r = set_path(m, MATERIAL_CERTIFICATE, certificate);
	return r;
}

void
material_look(struct material *m)
{
	struct stat st;
	int i;

	for (i = 0; i < MATERIAL_FILES; i++) {
		m->id[i] = (struct file_id){0};
		if (!m->path[i] || stat(m->path[i], &st) < 0)
			continue;
		m->id[i].dev = st.st_dev;
		m->id[i].ino = st.st_ino;
		m->id[i].ctime = st.st_ctim;
	}
}

static int
read_text(struct material *m)
{
	const char *path = m->path[MATERIAL_TEXT];

	if (!path)
		return 0;
	if (m->kind == KIND_ASSERTION)
		return assertion_read(path, &m->text, m->why);
	if (m->kind == KIND_TOKEN)
		return secret_read_lines(
		    path, TOKEN_FILE_MAX, &m->text, m->why);
	return secret_read(path, SECRET_MAX, &m->text, m->why);
}

void
material_read(struct material *m)
{
	int i, is_public;

	if (*m->why)
		return;
	material_look(m);
	if (read_text(m) < 0)
		return;
	for (i = MATERIAL_KEY; i <= MATERIAL_CERTIFICATE; i++) {
		is_public = i == MATERIAL_CERTIFICATE;
		if (m->path[i])
			m->fd[i] = secret_open(m->path[i], is_public, m->why);
		if (*m->why)
			return;
	}
}

void
material_clear(struct material *m)
{
	int i;

	for (i = 0; i < MATERIAL_FILES; i++) {
		if (m->fd[i] >= 0)
			close(m->fd[i]);
		free(m->path[i]);
		m->fd[i] = -1;
		m->path[i] = NULL;
	}
	util_secret_free(m->text);
	m->text = NULL;
}

int
material_same(const struct file_id *a, const struct file_id *b)
{
	int i;

	for (i = 0; i < MATERIAL_FILES; i++)
		if (a[i].dev != b[i].dev || a[i].ino != b[i].ino ||
		    a[i].ctime.tv_sec != b[i].ctime.tv_sec ||
		    a[i].ctime.tv_nsec != b[i].ctime.tv_nsec)
			return 0;
	return 1;
}

void
material_put_sign(struct msg_writer *w, const struct material *m,
    const struct account_conf *a, const char *operation, const char *audience)
{
	msg_put(w, "operation", operation);
	msg_put(w, "algorithm", alg_names[a->client_assertion_alg]);
	msg_put(w, "client_id", a->client_id);
	msg_put(w, "key_id", a->client_key_id);
	msg_put(w, "audience", audience);
	msg_put(w, "password", m->text);
	msg_put(w, "client_key", m->path[MATERIAL_KEY]);
	msg_put(w, "client_certificate", m->path[MATERIAL_CERTIFICATE]);
}
