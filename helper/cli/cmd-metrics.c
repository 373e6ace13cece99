/* SPDX-License-Identifier: MIT */
/* cmd-metrics - the state of all accounts, in the text format of Prometheus */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/call.h"
#include "helper/health/health.h"

#define STATE_MAX 16 /* bytes of the name of a state */

/* Metrics that are a number of the helper's; absent where it tells none. */
static const struct {
	const char *name, *attribute, *help;
} numbers[] = {
    {"token_expires_timestamp_seconds", "expires_at",
	"When the access token expires, in Unix time."},
    {"refresh_token_age_seconds", "refresh_token_age",
	"How long ago the provider gave the refresh token."},
    {"grant_expires_timestamp_seconds", "grant_expires_at",
	"When the sign-in dies unless the provider renews it, in Unix time."},
    {"client_secret_expires_timestamp_seconds", "client_secret_expires_at",
	"When the secret of the application expires, in Unix time."},
    {"certificate_expires_timestamp_seconds", "certificate_expires_at",
	"When the certificate of the application expires, in Unix time."},
    {"last_used_timestamp_seconds", "last_used",
	"When a program last asked for a token, in Unix time."},
};

static const char *const states[] = {
    "fresh", "aging", "stale", "backoff", "login_required", "config"};

struct sample {
	char account[ACCOUNT_NAME_MAX + 1];
	char state[STATE_MAX];
	int64_t number[COUNT_OF(numbers)]; /* -1: it is not told */
	int unsaved;
	enum health_severity problem[HEALTH_KINDS];
};

struct samples {
	int64_t now;
	size_t count;
	struct sample *all;
};

static void
copy(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text ? text : "");
}

static int
take(void *context, const struct msg *m)
{
	struct samples *s = context;
	struct health_problem problems[HEALTH_MAX];
	struct sample *all, *a;
	size_t i, n;

	all = reallocarray(s->all, s->count + 1, sizeof(*all));
	if (!all)
		return -1;
	s->all = all;
	a = &all[s->count];
	memset(a, 0, sizeof(*a));
	copy(a->account, sizeof(a->account), msg_get(m, "account"));
	if (!account_name_valid(a->account))
		return 0; /* it is no helper of ours that says so */
	copy(a->state, sizeof(a->state), msg_get(m, "state"));
	a->unsaved = msg_get(m, "unsaved") != NULL;
	for (i = 0; i < COUNT_OF(numbers); i++)
		if (!msg_get(m, numbers[i].attribute) ||
		    msg_get_number(m, numbers[i].attribute, 0, INT64_MAX,
			&a->number[i]) < 0)
			a->number[i] = -1;
	n = health_check(m, s->now, NULL, problems);
	for (i = 0; i < n; i++)
		a->problem[problems[i].what] = problems[i].severity;
	s->count++;
	return 0;
}

static void
put_head(FILE *f, const char *name, const char *help)
{
	fprintf(f,
	    "# HELP sasl_bearer_%s %s\n"
	    "# TYPE sasl_bearer_%s gauge\n",
	    name, help, name);
}

/*
 * sasl_bearer_NAME{account="ACCOUNT",LABEL="VALUE"} NUMBER; what a label must
 * not have as it is, a quote, a backslash or a line feed, is in no account's
 * name: account_name_valid().
 */
static void
put(FILE *f, const char *name, const struct sample *a, const char *label,
    const char *value, int64_t number)
{
	fprintf(f, "sasl_bearer_%s{account=\"%s\"", name, a->account);
	if (label)
		fprintf(f, ",%s=\"%s\"", label, value);
	fprintf(f, "} %" PRId64 "\n", number);
}

static void
put_states(FILE *f, const struct samples *s)
{
	size_t i, j;

	put_head(f, "account_state",
	    "Whether the account is in that state: 1, else 0.");
	for (i = 0; i < s->count; i++)
		for (j = 0; j < COUNT_OF(states); j++)
			put(f, "account_state", &s->all[i], "state", states[j],
			    strcmp(s->all[i].state, states[j]) == 0);
}

static void
put_problems(FILE *f, const struct samples *s)
{
	size_t i;
	int what;

	put_head(f, "store_degraded",
	    "Whether the disk refuses the tokens of the account: 1, else 0.");
	for (i = 0; i < s->count; i++)
		put(f, "store_degraded", &s->all[i], NULL, NULL,
		    s->all[i].unsaved);
	put_head(f, "problem",
	    "What sasl-bearer check finds: 0 nothing, 1 a warning, 2 it is "
	    "critical.");
	for (i = 0; i < s->count; i++)
		for (what = 0; what < HEALTH_KINDS; what++)
			put(f, "problem", &s->all[i], "what",
			    health_name((enum health_what)what),
			    s->all[i].problem[what]);
}

static void
put_all(FILE *f, const struct samples *s, int up)
{
	size_t i, j;

	put_head(f, "up", "Whether sasl-bearerd has answered: 1, else 0.");
	fprintf(f, "sasl_bearer_up %d\n", up);
	if (!up)
		return;
	put_states(f, s);
	for (i = 0; i < COUNT_OF(numbers); i++) {
		put_head(f, numbers[i].name, numbers[i].help);
		for (j = 0; j < s->count; j++)
			if (s->all[j].number[i] >= 0)
				put(f, numbers[i].name, &s->all[j], NULL, NULL,
				    s->all[j].number[i]);
	}
	put_problems(f, s);
}

/* Replace a file, for others to read; nobody sees a part of it. */
static int
replace(const char *path, const char *text, size_t len)
{
	char temp[4096], why[64];
	int fd, r = 0;

	if (snprintf(temp, sizeof(temp), "%s.XXXXXX", path) >=
	    (int)sizeof(temp))
		return cli_error(EX_USAGE, "--output \"%s\" is too long", path);
	fd = mkstemp(temp);
	if (fd < 0)
		return cli_error(EX_CANTCREAT, "cannot write \"%s\": %s", path,
		    err_text(-errno, why, sizeof(why)));
	r = util_write_all(fd, text, len);
	if (r == 0 && fchmod(fd, 0644) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(temp, path) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	unlink(temp);
	return cli_error(EX_CANTCREAT, "cannot write \"%s\": %s", path,
	    err_text(r, why, sizeof(why)));
}

/* That the helper does not answer is a figure, and no failure of ours. */
int
cmd_metrics(struct cli *cli, int argc, char **argv)
{
	const char *path = NULL;
	const struct cli_option options[] = {{"output", &path, NULL}, {0}};
	struct samples s = {.now = time(NULL)};
	char *text = NULL;
	size_t len = 0;
	FILE *f;
	int r = cli_parse(cli, options, argc, argv);

	if (r != 0)
		return r;
	if (optind < argc)
		return cli_error(EX_USAGE, "metrics takes no arguments");
	f = open_memstream(&text, &len);
	if (!f)
		return cli_error(EX_OSERR, "out of memory");
	r = call_list(cli, NULL, take, &s);
	put_all(f, &s, r == 0);
	if (fclose(f) != 0)
		r = cli_error(EX_OSERR, "out of memory");
	else
		r = path ? replace(path, text, len) : cli_write(text, len);
	free(text);
	free(s.all);
	return r;
}
