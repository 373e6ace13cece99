/* SPDX-License-Identifier: MIT */
/* doctor-plugin - whether libsasl2 finds the plugin, and which others */
#include "config.h"

#include <limits.h>
#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper/cli/call.h"
#include "helper/cli/doctor.h"

#define OURS "saslbearer" /* what libsasl2 makes of libsaslbearer.so */
#define FILE_NAME "lib" OURS ".so"
#define NAMES_MAX 8

typedef int (*proc)(void);

/* Who has our mechanisms. */
struct plugins {
	char name[NAMES_MAX][64];
	size_t count;
	int ours;
};

static int
ignore(void *context, int level, const char *text)
{
	(void)context;
	(void)level;
	(void)text;
	return SASL_OK;
}

static void
take(client_sasl_mechanism_t *m, sasl_info_callback_stage_t stage, void *arg)
{
	struct plugins *p = arg;
	size_t i;

	if (stage != SASL_INFO_LIST_MECH || !m || !m->plug ||
	    (strcmp(m->plug->mech_name, "XOAUTH2") != 0 &&
		strcmp(m->plug->mech_name, "OAUTHBEARER") != 0))
		return;
	if (strcmp(m->plugname, OURS) == 0) {
		p->ours = 1;
		return;
	}
	for (i = 0; i < p->count; i++)
		if (strcmp(p->name[i], m->plugname) == 0)
			return;
	if (p->count < NAMES_MAX)
		snprintf(
		    p->name[p->count++], sizeof(p->name[0]), "%s", m->plugname);
}

/* Find the file of a plugin where libsasl2 looks. Returns whether it is. */
static int
find_file(const char *name, char path[PATH_MAX])
{
	const char *where = getenv("SASL_PATH");
	char **dirs = NULL;
	size_t i;
	int found = 0;

	if (!where || !*where)
		where = SASL_PLUGIN_DIR;
	if (list_parse(where, ":", &dirs) < 0)
		return 0;
	for (i = 0; dirs && dirs[i] && !found; i++) {
		snprintf(path, PATH_MAX, "%.2000s/%.500s", dirs[i], name);
		found = access(path, R_OK) == 0;
	}
	list_free(dirs);
	return found;
}

static void
report_missing(struct doctor *d)
{
	const char *where = getenv("SASL_PATH");
	int named = where && *where;

	if (named)
		doctor_remedy(d,
		    "let SASL_PATH have the directory of " FILE_NAME
		    " as well, or unset it");
	else
		doctor_remedy(d,
		    "install the plugin (Debian: libsasl2-modules-bearer), or "
		    "let SASL_PATH name its directory");
	doctor_report(d, DOCTOR_FAILED, FILE_NAME " is not in %s%s",
	    named ? "SASL_PATH, " : "", named ? where : SASL_PLUGIN_DIR);
}

/* The file is there, but its mechanisms are not. */
static void
report_silent(struct doctor *d, const char *path)
{
	if (!d->helper_ok || !d->served) {
		doctor_report(d, DOCTOR_SKIPPED, "%s offers nothing, since %s",
		    path,
		    d->helper_ok ? "no account is for this uid"
				 : "the helper does not answer");
		return;
	}
	doctor_remedy(d, "see what it lacks: ldd %s", path);
	doctor_report(d, DOCTOR_FAILED,
	    "libsasl2 does not load %s, or it asks another helper", path);
}

static void
report_others(struct doctor *d, const struct plugins *p)
{
	char file[128], path[PATH_MAX];
	size_t i;

	d->check = "other plugins";
	for (i = 0; i < p->count; i++) {
		snprintf(file, sizeof(file), "lib%s.so", p->name[i]);
		if (!find_file(file, path))
			snprintf(path, sizeof(path), "%s", file);
		doctor_remedy(d, "remove its package, or: %smv %s %s.off",
		    doctor_sudo(d), path, path);
		doctor_report(d, DOCTOR_WARNING,
		    "%s has OAUTHBEARER or XOAUTH2 as well: libsasl2 may take "
		    "it instead",
		    path);
	}
}

void
doctor_plugin(struct doctor *d)
{
	static const sasl_callback_t callbacks[] = {
	    {SASL_CB_LOG, (proc)(void (*)(void))ignore, NULL},
	    {SASL_CB_LIST_END, NULL, NULL},
	};
	struct plugins p = {.count = 0};
	char path[PATH_MAX];
	int there = find_file(FILE_NAME, path);

	if (d->socket && setenv(CALL_SOCKET_VARIABLE, d->socket, 1) < 0)
		return;
	if (sasl_client_init(callbacks) != SASL_OK) {
		doctor_report(d, DOCTOR_FAILED, "libsasl2 does not start");
		return;
	}
	sasl_client_plugin_info(NULL, take, &p);
	sasl_client_done();
	if (!there)
		report_missing(d);
	else if (!p.ours)
		report_silent(d, path);
	else
		doctor_report(d, DOCTOR_OK,
		    "%s gives libsasl2 OAUTHBEARER and XOAUTH2", path);
	report_others(d, &p);
}
