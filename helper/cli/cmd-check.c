/* SPDX-License-Identifier: MIT */
/* cmd-check - what is wrong, in the manner of a plugin of Nagios or Icinga */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/cli/call.h"
#include "helper/cli/json.h"
#include "helper/config/value.h"
#include "helper/health/health.h"

#define SERVICE "SASL-BEARER"
#define SUMMARY_MAX 400 /* bytes of names on the first line */
#define DAY INT64_C(86400)
#define UNKNOWN 3     /* beside 0 to 2, which are enum health_severity */
#define WHY_SIZE 2048 /* of an error, as cli_error() has it */

/* What the accounts come to. */
struct check {
	struct health_limits limits;
	int64_t now;
	enum health_severity worst;
	int64_t accounts;
	int64_t problems;
	int64_t count[HEALTH_KINDS];
	int64_t next_expiry; /* Unix seconds, or 0 */
	FILE *summary;	     /* "NAME WHAT, NAME WHAT, ..." */
	int is_cut;	     /* the summary ends with "..." */
	FILE *lines;	     /* one for each problem */
	struct json_object *json;
};

/* A pipe sign begins figures, wherever it stands. */
static void
put_text(FILE *f, const char *text)
{
	for (; *text; text++)
		putc(*text == '|' ? '/' : *text, f);
}

static void
put_line(struct check *c, const char *account, const struct health_problem *p)
{
	fprintf(c->lines, "[%s] ", health_severity_name(p->severity));
	put_text(c->lines, account);
	fputs(": ", c->lines);
	put_text(c->lines, p->text);
	fputs("; ", c->lines);
	put_text(c->lines, p->remedy);
	putc('\n', c->lines);
	if (c->is_cut)
		return;
	c->is_cut = ftell(c->summary) > SUMMARY_MAX;
	fputs(c->problems > 0 ? ", " : ": ", c->summary);
	if (c->is_cut) {
		fputs("...", c->summary);
		return;
	}
	put_text(c->summary, account);
	fprintf(c->summary, " %s", health_name(p->what));
}

static void
put_json(struct check *c, const char *account, const struct health_problem *p)
{
	struct json_object *o = json_object_new_object();

	json_put(o, "account", account);
	json_put(o, "severity", health_severity_name(p->severity));
	json_put(o, "what", health_name(p->what));
	json_put(o, "text", p->text);
	json_put(o, "remedy", p->remedy);
	json_object_object_add(
	    o, "at", p->at ? json_object_new_int64(p->at) : NULL);
	json_object_array_add(c->json, o);
}

static int
examine(void *context, const struct msg *m)
{
	struct health_problem problems[HEALTH_MAX], *p = problems;
	struct check *c = context;
	const char *account = msg_get(m, "account");
	int64_t next = health_next_expiry(m);
	size_t n = health_check(m, c->now, &c->limits, problems);

	for (; n > 0; n--, p++) {
		if (c->json)
			put_json(c, account, p);
		else
			put_line(c, account, p);
		c->count[p->what]++;
		c->problems++;
		if (p->severity > c->worst)
			c->worst = p->severity;
	}
	if (next && (c->next_expiry == 0 || next < c->next_expiry))
		c->next_expiry = next;
	c->accounts++;
	return 0;
}

/* Figures: 'LABEL'=VALUE;WARN;CRIT;MIN, where what is outside WARN is wrong. */
static void
print_figures(const struct check *c)
{
	printf(" | accounts=%" PRId64 ";;;0", c->accounts);
	printf(" login_required=%" PRId64 ";;0;0 config=%" PRId64 ";;0;0",
	    c->count[HEALTH_LOGIN_REQUIRED], c->count[HEALTH_CONFIG]);
	printf(" backoff=%" PRId64 ";0;;0 no_token=%" PRId64 ";;0;0",
	    c->count[HEALTH_BACKOFF], c->count[HEALTH_NO_TOKEN]);
	printf(" rejected=%" PRId64 ";;0;0 unsaved=%" PRId64 ";;0;0",
	    c->count[HEALTH_REJECTED], c->count[HEALTH_UNSAVED]);
	if (c->next_expiry)
		printf(" days_to_expiry=%.1f;%.6g:;%.6g:",
		    (double)(c->next_expiry - c->now) / DAY,
		    (double)c->limits.warning_s / DAY,
		    (double)c->limits.critical_s / DAY);
}

static void
print_text(const struct check *c, const char *summary, const char *lines)
{
	static const char *const words[] = {"OK", "WARNING", "CRITICAL"};

	printf(SERVICE " %s - ", words[c->worst]);
	if (c->problems > 0)
		printf("%" PRId64 " problem%s, ", c->problems,
		    c->problems == 1 ? "" : "s");
	printf("%" PRId64 " account%s%s", c->accounts,
	    c->accounts == 1 ? "" : "s", summary);
	print_figures(c);
	printf("\n%s", lines);
}

static int
print_json(const struct check *c)
{
	struct json_object *o = json_object_new_object();

	json_put(o, "status", health_severity_name(c->worst));
	json_object_object_add(
	    o, "accounts", json_object_new_int64(c->accounts));
	json_object_object_add(o, "next_expiry",
	    c->next_expiry ? json_object_new_int64(c->next_expiry) : NULL);
	json_object_object_add(o, "problems", json_object_get(c->json));
	return json_print(o);
}

static int
no_accounts(const char *user)
{
	if (user)
		return cli_error(UNKNOWN,
		    "there is no account \"%s\", or uid %ld may not see it; "
		    "run \"sasl-bearer list\"",
		    user, (long)geteuid());
	return cli_error(UNKNOWN,
	    "there is no account that uid %ld may see; check as root or as "
	    "the helper's user",
	    (long)geteuid());
}

/* Ask, and print what comes of it. */
static int
check(struct cli *cli, struct check *c, const char *user)
{
	char *summary = NULL, *lines = NULL;
	size_t summary_size, lines_size;
	int r;

	c->summary = open_memstream(&summary, &summary_size);
	c->lines = open_memstream(&lines, &lines_size);
	r = c->summary && c->lines ? call_list(cli, user, examine, c)
				   : cli_error(EX_OSERR, "out of memory");
	if (c->summary)
		fclose(c->summary);
	if (c->lines)
		fclose(c->lines);
	if (r == 0 && c->accounts == 0)
		r = no_accounts(user);
	if (r == 0 && c->json)
		r = print_json(c);
	else if (r == 0)
		print_text(c, summary, lines);
	free(summary);
	free(lines);
	return r ? UNKNOWN : (int)c->worst;
}

/* Read a limit, where one is given. */
static int
read_limit(
    const struct conf_key *key, const char *text, struct health_limits *limits)
{
	char why[CONF_TEXT_MAX];

	if (text && value_parse(key, text, limits, why) < 0)
		return cli_error(UNKNOWN, "--%s", why);
	return 0;
}

static int
read_limits(
    const char *warning, const char *critical, struct health_limits *limits)
{
	static const struct conf_key keys[] = {
	    {.name = "warning",
		.type = CONF_DURATION,
		.offset = offsetof(struct health_limits, warning_s),
		.max = 3660 * DAY},
	    {.name = "critical",
		.type = CONF_DURATION,
		.offset = offsetof(struct health_limits, critical_s),
		.max = 3660 * DAY},
	};
	int r = read_limit(&keys[0], warning, limits);

	if (r == 0)
		r = read_limit(&keys[1], critical, limits);
	if (r == 0 && limits->critical_s > limits->warning_s)
		r = cli_error(UNKNOWN,
		    "--critical is longer than --warning, which comes first");
	return r;
}

/* What is asked for, and the answer. Returns the exit code, or CLI_DONE. */
static int
run(struct cli *cli, struct check *c, int argc, char **argv)
{
	const char *warning = NULL, *critical = NULL;
	int json = 0, r;
	const struct cli_option options[] = {{"warning", &warning, NULL},
	    {"critical", &critical, NULL}, {"json", NULL, &json}, {0}};

	r = cli_parse(cli, options, argc, argv);
	if (r == CLI_DONE)
		return r;
	if (r == 0 && argc - optind > 1)
		r = cli_error(UNKNOWN, "check takes one USER, or none for all");
	if (r == 0)
		r = read_limits(warning, critical, &c->limits);
	if (r != 0)
		return UNKNOWN;
	if (json)
		c->json = json_object_new_array();
	return check(cli, c, optind < argc ? argv[optind] : NULL);
}

int
cmd_check(struct cli *cli, int argc, char **argv)
{
	char why[WHY_SIZE];
	struct check c = {
	    .now = time(NULL),
	    .limits = {HEALTH_WARNING_S, HEALTH_CRITICAL_S},
	};
	int r;

	/* monitoring shows the first line of the output, and no errors */
	cli_catch(why, sizeof(why));
	r = run(cli, &c, argc, argv);
	cli_catch(NULL, 0);
	if (r == UNKNOWN && c.json) {
		cli_error(r, "%s", why);
	} else if (r == UNKNOWN) {
		printf(SERVICE " UNKNOWN - ");
		put_text(stdout, why);
		printf("\n");
	}
	json_object_put(c.json);
	return r;
}
