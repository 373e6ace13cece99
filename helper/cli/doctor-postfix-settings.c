/* SPDX-License-Identifier: MIT */
/* doctor-postfix-settings - what of main.cf hides our mechanisms */
#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "helper/cli/doctor-postfix.h"

#define VALUE 1024
#define SEPARATORS ", \t"

/* Whether a list of words has one of them. */
static int
has_any(const char *list, const char *const *words)
{
	size_t n;

	for (; *list; list += n) {
		list += strspn(list, SEPARATORS);
		n = strcspn(list, SEPARATORS);
		for (const char *const *w = words; *w && n > 0; w++)
			if (strlen(*w) == n && strncmp(list, *w, n) == 0)
				return 1;
	}
	return 0;
}

int
postfix_filter_passes(const char *filter, const char *mechanism)
{
	char word[256];
	const char *name;
	int any = 0, negated;
	size_t n;

	for (; *filter; filter += n) {
		filter += strspn(filter, SEPARATORS);
		n = strcspn(filter, SEPARATORS);
		if (n == 0)
			continue;
		any = 1;
		snprintf(word, sizeof(word), "%.*s", (int)n, filter);
		negated = word[0] == '!';
		name = word + negated;
		if (strpbrk(name, ":/") || util_case_equal(name, mechanism))
			return !negated;
	}
	return !any;
}

int
postfix_filter_hides(const char *filter)
{
	return !postfix_filter_passes(filter, "XOAUTH2") &&
	    !postfix_filter_passes(filter, "OAUTHBEARER");
}

/*
 * Report a value that is not good; less, where a service of master.cf has its
 * own: then it may not be meant for us.
 */
static void
report_bad(const struct postfix *p, enum doctor_status status, const char *name,
    const char *text)
{
	char service[64];

	if (postfix_override(p, name, NULL, service))
		doctor_report(p->d, DOCTOR_WARNING,
		    "%s in main.cf, and \"%s\" in master.cf has its own", text,
		    service);
	else
		doctor_report(p->d, status, "%s", text);
}

/* The options that leave no mechanism of ours. */
static void
check_options(const struct postfix *p)
{
	static const char *const hide[] = {
	    "noplaintext", "noactive", "mutual_auth", "forward_secrecy", NULL};
	static const char *const names[] = {"smtp_sasl_tls_security_options",
	    "smtp_sasl_tls_verified_security_options"};
	char value[VALUE], text[VALUE + 128];
	size_t i;

	for (i = 0; i < COUNT_OF(names); i++) {
		p->d->check = names[i];
		if (!has_any(
			postfix_get(p, names[i], value, sizeof(value)), hide)) {
			doctor_report(p->d, DOCTOR_OK, "%s", value);
			continue;
		}
		snprintf(text, sizeof(text),
		    "\"%s\" hides OAuth, which counts as plain text", value);
		postfix_remedy(p, names[i], "noanonymous");
		report_bad(p, DOCTOR_FAILED, names[i], text);
		/* the second one has the value of the first by default */
		break;
	}
}

/* Without TLS no token is to be sent. */
static void
check_clear(const struct postfix *p)
{
	static const char *const good[] = {"noplaintext", NULL};
	const char *name = "smtp_sasl_security_options";
	char value[VALUE];

	p->d->check = name;
	if (has_any(postfix_get(p, name, value, sizeof(value)), good)) {
		doctor_report(p->d, DOCTOR_OK, "%s", value);
		return;
	}
	postfix_remedy(p, name, "noplaintext, noanonymous");
	report_bad(p, DOCTOR_WARNING, name,
	    "without noplaintext a token may be sent without TLS");
}

static void
check_filter(const struct postfix *p)
{
	const char *name = "smtp_sasl_mechanism_filter";
	char value[VALUE], text[VALUE + 64];

	p->d->check = name;
	postfix_get(p, name, value, sizeof(value));
	if (!postfix_filter_hides(value)) {
		doctor_report(p->d, DOCTOR_OK, "%s",
		    *value ? value : "empty: every mechanism is taken");
		return;
	}
	snprintf(text, sizeof(text),
	    "\"%s\" lets neither XOAUTH2 nor OAUTHBEARER through", value);
	postfix_remedy(p, name, "xoauth2, oauthbearer");
	report_bad(p, DOCTOR_FAILED, name, text);
}

/* How sure Postfix is of whom it talks to, before it sends a token. */
static const struct {
	const char *level;
	enum doctor_status status;
	const char *text;
} levels[] = {
    {"secure", DOCTOR_OK, "the server's certificate must be its own"},
    {"verify", DOCTOR_OK, "the server's certificate must be good"},
    {"fingerprint", DOCTOR_OK, "the server's key must be known"},
    {"dane-only", DOCTOR_OK, "the DNS says which key the server has"},
    {"dane", DOCTOR_WARNING,
	"anybody on the way can take the token where the DNS knows no key"},
    {"encrypt", DOCTOR_WARNING,
	"no certificate is checked: anybody on the way can take the token"},
    {"may", DOCTOR_WARNING,
	"TLS is not required, no certificate is checked: anybody on the way "
	"can take the token"},
    {"", DOCTOR_FAILED, "there is no TLS, so no login"},
};

static void
check_tls(const struct postfix *p)
{
	const char *name = "smtp_tls_security_level";
	char value[64], text[256], maps[VALUE], command[DOCTOR_TEXT];
	size_t i = 0;

	p->d->check = name;
	postfix_get(p, name, value, sizeof(value));
	while (*levels[i].level && strcmp(levels[i].level, value) != 0)
		i++;
	snprintf(text, sizeof(text), "%s: %s", *value ? value : "empty",
	    levels[i].text);
	if (levels[i].status == DOCTOR_OK) {
		doctor_report(p->d, DOCTOR_OK, "%s", text);
		return;
	}
	if (*postfix_get(p, "smtp_tls_policy_maps", maps, sizeof(maps))) {
		doctor_report(p->d, DOCTOR_SKIPPED,
		    "\"%s\", but smtp_tls_policy_maps decides for each server: "
		    "see that it says \"secure\" for those with OAuth",
		    value);
		return;
	}
	postfix_remedy(p, name, "secure");
	memcpy(command, p->d->remedy, sizeof(command));
	doctor_remedy(p->d,
	    "where it sends to other servers, too, give those with OAuth the "
	    "level \"secure\" by smtp_tls_policy_maps; else: %.1000s",
	    command);
	report_bad(p, levels[i].status, name, text);
}

/* Whether a directory of certificates is there for those in the chroot. */
static int
is_in_jail(const struct postfix *p, const char *dir)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", p->layout.queue_dir, dir);
	return !*p->layout.jailed || access(path, F_OK) == 0;
}

/* Which certificates it trusts. */
static void
check_ca(const struct postfix *p)
{
	char file[VALUE], dir[VALUE], more[16];
	const char *found = postfix_layout_ca_file();

	p->d->check = "smtp_tls_CAfile";
	postfix_get(p, "smtp_tls_CAfile", file, sizeof(file));
	postfix_get(p, "smtp_tls_CApath", dir, sizeof(dir));
	postfix_get(p, "tls_append_default_CA", more, sizeof(more));
	postfix_remedy(p, "smtp_tls_CAfile", found ? found : "FILE");
	if (*file && access(file, R_OK) < 0) {
		report_bad(p, DOCTOR_FAILED, "smtp_tls_CAfile",
		    "the file cannot be read, so no server is trusted");
	} else if (!*file && !*dir && strcmp(more, "yes") != 0) {
		report_bad(p, DOCTOR_FAILED, "smtp_tls_CAfile",
		    "empty, and so is smtp_tls_CApath: no server is trusted");
	} else if (!*file && *dir && !is_in_jail(p, dir)) {
		report_bad(p, DOCTOR_WARNING, "smtp_tls_CAfile",
		    "empty, and smtp_tls_CApath is not in the chroot");
	} else {
		p->d->remedy[0] = '\0';
		doctor_report(p->d, DOCTOR_OK, "%s",
		    *file      ? file
			: *dir ? dir
			       : "the default ones of OpenSSL");
	}
}

static void
check_bounce(const struct postfix *p)
{
	const char *name = "smtp_sasl_auth_soft_bounce";
	char value[16];

	p->d->check = name;
	if (strcmp(postfix_get(p, name, value, sizeof(value)), "no") != 0) {
		doctor_report(
		    p->d, DOCTOR_OK, "mail waits while a login is refused");
		return;
	}
	postfix_remedy(p, name, "yes");
	report_bad(p, DOCTOR_WARNING, name,
	    "no: mail goes back to its sender when a login is refused once");
}

void
postfix_check_settings(const struct postfix *p)
{
	check_options(p);
	check_clear(p);
	check_filter(p);
	check_tls(p);
	check_ca(p);
	check_bounce(p);
}
