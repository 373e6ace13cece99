/* SPDX-License-Identifier: MIT */
/* doctor.h - the checks of "sasl-bearer doctor" */
#ifndef SASL_BEARER_DOCTOR_H
#define SASL_BEARER_DOCTOR_H

#include <json-c/json_object.h>

#include "helper/cli/cli.h"
#include "helper/cli/resolve.h"
#include "helper/config/settings.h"
#include "helper/health/health.h"

#define DOCTOR_TEXT 2048

enum doctor_status {
	DOCTOR_OK,
	DOCTOR_WARNING, /* works, but should not stay so; or is not known */
	DOCTOR_FAILED,
	DOCTOR_SKIPPED, /* what it needs failed, or it is not for the caller */
	DOCTOR_STATUSES
};

/* An account to look at. */
struct doctor_account {
	struct resolved is;
	struct account_conf *conf; /* NULL: it cannot be read by the caller */
};

/* What the helper tells of the account under way. */
struct doctor_health {
	struct health_problem found[HEALTH_MAX];
	size_t count;
	char state[32];
	char grant[32];
	int64_t age;	    /* of the refresh token, s; 0: unknown */
	int64_t expires_at; /* what proves the application; 0: unknown */
};

/* One examination. */
struct doctor {
	struct cli *cli;
	const char *operand; /* USER, or NULL: all accounts */
	int login;	     /* try real logins */
	int redact;	     /* hide the names of people */

	/* for doctor_report() */
	const char *section; /* the heading, an account's name if it is one */
	const char *printed; /* the section whose heading is on the screen */
	const char *check;   /* the name of the check under way */
	char remedy[DOCTOR_TEXT];
	struct json_object *array; /* NULL: print lines */
	unsigned count[DOCTOR_STATUSES];

	/* what earlier checks found out */
	int settings_ok; /* cli->settings is loaded */
	int owner;	 /* the caller may read all configuration */
	int helper_ok;	 /* it answers */
	int served;	 /* and has an account for the caller */
	const char *socket;
	struct doctor_health health;
	int known;    /* health is there */
	int no_grant; /* the account's is good for no token */
	struct doctor_account *accounts;
	size_t count_accounts;
	char reached[DOCTOR_TEXT]; /* a provider that was asked, or "" */
	char reached_by[ACCOUNT_NAME_MAX + 1]; /* for which account */
	enum doctor_status reached_status;
	char **servers; /* that were asked: "+" or "-", "imap host:port" */
};

/*
 * Say what to do about what doctor_report() reports next: a sentence, which
 * ends with the command to run where there is one.
 */
__attribute__((format(printf, 2, 3))) void
doctor_remedy(struct doctor *d, const char *fmt, ...);

/*
 * Report the result of a check; there may be several of one. Nothing secret may
 * be in it: people paste it into bug reports. Control bytes are removed.
 */
__attribute__((format(printf, 3, 4))) void doctor_report(
    struct doctor *d, enum doctor_status status, const char *fmt, ...);

/*
 * Report an error line that may end with what to do: behind "; run: ", or
 * behind its last "; ". A remedy that was given already is kept.
 */
void doctor_report_line(
    struct doctor *d, enum doctor_status status, const char *line);

/*
 * Print how many there were of each; or all of it, as JSON.
 *
 * Returns 0 or an exit code, reported.
 */
int doctor_summary(struct doctor *d);

/*
 * Run a program and keep what it prints, errors as well.
 *
 *	argv	NULL at the end; argv[0] is a path, or is looked for in PATH and
 *		where programs of the system are
 *	buf	size bytes; what is longer is cut
 *
 * Returns its exit status, or a negative code: it cannot be run, did not end
 * in its time, or was killed.
 */
int doctor_run(const char *const argv[], char *buf, size_t size);

/* How the caller begins a command that is for root: "sudo " or "". */
const char *doctor_sudo(const struct doctor *d);

enum doctor_verb { DOCTOR_START, DOCTOR_RESTART, DOCTOR_RELOAD };

/*
 * How to control the helper: by systemd where that runs. The text is good until
 * the next call.
 */
const char *doctor_control(const struct doctor *d, enum doctor_verb verb);

/* Of the machine. They fill in what others need. */
void doctor_config(struct doctor *d);
void doctor_state(struct doctor *d);
void doctor_helper(struct doctor *d);
void doctor_marker(struct doctor *d);
void doctor_accounts(struct doctor *d);
void doctor_plugin(struct doctor *d);
void doctor_postfix(struct doctor *d);

/* Of one account. */
void doctor_secrets(struct doctor *d, const struct doctor_account *a);
void doctor_provider(struct doctor *d, const struct doctor_account *a);
void doctor_grant(struct doctor *d, const struct doctor_account *a);
void doctor_token(struct doctor *d, const struct doctor_account *a);
void doctor_mail(struct doctor *d, const struct doctor_account *a);

#endif
