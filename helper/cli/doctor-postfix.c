/* SPDX-License-Identifier: MIT */
/* doctor-postfix - the Postfix of this machine, if it sends by our accounts */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper/cli/doctor-postfix.h"

#define WORDS_MAX 32

const char *
postfix_get(const struct postfix *p, const char *name, char *buf, size_t size)
{
	size_t len = strlen(name);
	const char *line = p->main, *value;

	*buf = '\0';
	for (; *line; line += *line == '\n') {
		if (strncmp(line, name, len) == 0 &&
		    strncmp(line + len, " =", 2) == 0) {
			value = line + len + 2;
			value += strspn(value, " ");
			snprintf(buf, size, "%.*s", (int)strcspn(value, "\n"),
			    value);
			return buf;
		}
		line += strcspn(line, "\n");
	}
	return buf;
}

int
postfix_override(const struct postfix *p, const char *name,
    int (*accepts)(const char *value), char service[64])
{
	const char *line = p->master, *found, *value;
	char wanted[128], copy[1024];

	snprintf(wanted, sizeof(wanted), "/unix/%s =", name);
	for (; *line; line += *line == '\n') {
		snprintf(
		    copy, sizeof(copy), "%.*s", (int)strcspn(line, "\n"), line);
		line += strcspn(line, "\n");
		found = strstr(copy, wanted);
		if (!found)
			continue;
		value = found + strlen(wanted);
		value += strspn(value, " ");
		if (accepts && !accepts(value))
			continue;
		snprintf(service, 64, "%.*s", (int)(found - copy), copy);
		return 1;
	}
	return 0;
}

void
postfix_remedy(const struct postfix *p, const char *name, const char *value)
{
	const char *dir = p->layout.config_dir;
	int usual = strcmp(dir, "/etc/postfix") == 0;
	const char *sudo = doctor_sudo(p->d);

	doctor_remedy(p->d,
	    "%spostconf %s%s%s-e '%s = %s' && %spostfix %s%s%sreload", sudo,
	    usual ? "" : "-c ", usual ? "" : dir, usual ? "" : " ", name, value,
	    sudo, usual ? "" : "-c ", usual ? "" : dir, usual ? "" : " ");
}

int
postfix_account_sends(const struct doctor_account *a)
{
	return !a->is.services || (a->is.services & SERVICE_SMTP);
}

int
postfix_account_allows(const struct postfix *p, const struct doctor_account *a)
{
	return postfix_account_sends(a) && resolved_allows(&a->is, p->uid);
}

/* Ask postconf. Returns 0, or another code with its words in buf. */
static int
ask(const struct postfix *p, const char *const *words, char buf[POSTFIX_OUTPUT])
{
	const char *argv[WORDS_MAX] = {"postconf", "-c", p->layout.config_dir};
	size_t n = 3;
	int r;

	while (*words && n < WORDS_MAX - 1)
		argv[n++] = *words++;
	r = doctor_run(argv, buf, POSTFIX_OUTPUT);
	if (r < 0)
		snprintf(buf, POSTFIX_OUTPUT, "postconf cannot be run");
	return r;
}

/* Read what is needed. Returns 0, or -1 after a report. */
static int
read_all(struct postfix *p)
{
	/* -x: with the values of parameters in them */
	static const char *const parameters[] = {"-x", "import_environment",
	    "smtp_sasl_auth_enable", "smtp_sasl_auth_soft_bounce",
	    "smtp_sasl_mechanism_filter", "smtp_sasl_password_maps",
	    "smtp_sasl_security_options", "smtp_sasl_tls_security_options",
	    "smtp_sasl_tls_verified_security_options", "smtp_tls_CAfile",
	    "smtp_tls_CApath", "smtp_tls_policy_maps",
	    "smtp_tls_security_level", "tls_append_default_CA", NULL};
	static const char *const services[] = {"-P", NULL};
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/main.cf", p->layout.config_dir);
	if (access(path, R_OK) < 0) {
		doctor_report(p->d, DOCTOR_SKIPPED,
		    errno == EACCES
			? "%s: not checked: needs root"
			: "not installed: there is no %s (MAIL_CONFIG can name "
			  "another directory)",
		    path);
		return -1;
	}
	if (ask(p, parameters, p->main) != 0) {
		p->main[strcspn(p->main, "\n")] = '\0';
		doctor_remedy(p->d, "%spostfix check", doctor_sudo(p->d));
		doctor_report(p->d, DOCTOR_FAILED, "%s", p->main);
		return -1;
	}
	if (ask(p, services, p->master) != 0)
		p->master[0] = '\0';
	return 0;
}

static int
is_yes(const char *value)
{
	return strcmp(value, "yes") == 0;
}

/* Whether it logs in anywhere. Reports the answer if that is no. */
static int
logs_in(struct postfix *p)
{
	char value[16], service[64];

	if (is_yes(postfix_get(
		p, "smtp_sasl_auth_enable", value, sizeof(value))) ||
	    postfix_override(p, "smtp_sasl_auth_enable", is_yes, service))
		return 1;
	if (p->wanted) {
		postfix_remedy(p, "smtp_sasl_auth_enable", "yes");
		doctor_report(p->d, DOCTOR_FAILED,
		    "smtp_sasl_auth_enable is no: it never logs in, though an "
		    "account allows user %s",
		    p->layout.owner);
	} else {
		doctor_report(p->d, DOCTOR_SKIPPED,
		    "it logs in nowhere (smtp_sasl_auth_enable is no); "
		    "\"sasl-bearer setup postfix USER\" prints how it would");
	}
	return 0;
}

/* Find who smtp(8) is, and whether an account is for it. */
static void
find_user(struct postfix *p)
{
	const struct passwd *pw = getpwnam(p->layout.owner);
	size_t i;

	p->uid = pw ? pw->pw_uid : (uid_t)-1;
	p->gid = pw ? pw->pw_gid : (gid_t)-1;
	for (i = 0; pw && i < p->d->count_accounts; i++)
		if (postfix_account_allows(p, &p->d->accounts[i]))
			p->wanted = 1;
}

void
doctor_postfix(struct doctor *d)
{
	struct postfix *p;

	if (d->cli->user_mode) /* it asks the system's helper only */
		return;
	p = calloc(1, sizeof(*p));
	if (!p)
		return;
	p->d = d;
	postfix_layout_read(&p->layout);
	find_user(p);
	if (read_all(p) == 0 && logs_in(p)) {
		d->check = "logins";
		postfix_check_logins(p);
		if (p->wanted || !d->helper_ok)
			postfix_check_settings(p);
		if (p->wanted)
			postfix_check_socket(p);
	}
	util_wipe(p, sizeof(*p));
	free(p);
}
