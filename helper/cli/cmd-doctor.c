/* SPDX-License-Identifier: MIT */
/* cmd-doctor - check the whole way of a token, and say what to do */
#include "config.h"

#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "helper/cli/doctor.h"

#define EXIT_FAILED 1

/* In the order of the way a token takes. */
static const struct {
	const char *name;
	void (*run)(struct doctor *d);
} machine[] = {
    {"configuration", doctor_config},
    {"state", doctor_state},
    {"helper", doctor_helper},
    {"marker", doctor_marker},
    {"accounts", doctor_accounts},
    {"plugin", doctor_plugin},
};

static const struct {
	const char *name;
	void (*run)(struct doctor *d, const struct doctor_account *a);
} account[] = {
    {"secrets", doctor_secrets},
    {"provider", doctor_provider},
    {"grant", doctor_grant},
    {"token", doctor_token},
    {"mail", doctor_mail},
};

static void
examine(struct doctor *d)
{
	size_t i, k;

	d->section = "this machine";
	for (i = 0; i < COUNT_OF(machine); i++) {
		d->check = machine[i].name;
		machine[i].run(d);
	}
	for (k = 0; k < d->count_accounts; k++) {
		d->section = d->accounts[k].is.account;
		for (i = 0; i < COUNT_OF(account); i++) {
			d->check = account[i].name;
			account[i].run(d, &d->accounts[k]);
		}
	}
	d->section = "Postfix";
	d->check = "postfix";
	doctor_postfix(d);
}

static void
doctor_clear(struct doctor *d)
{
	size_t i;

	for (i = 0; i < d->count_accounts; i++)
		account_conf_free(d->accounts[i].conf);
	free(d->accounts);
	list_free(d->servers);
	json_object_put(d->array);
}

int
cmd_doctor(struct cli *cli, int argc, char **argv)
{
	struct doctor d = {.cli = cli};
	int json = 0, r;
	const struct cli_option options[] = {
	    {"login", NULL, &d.login},
	    {"json", NULL, &json},
	    {"redact", NULL, &d.redact},
	    {0},
	};

	r = cli_parse(cli, options, argc, argv);
	if (r != 0)
		return r;
	if (argc - optind > 0) {
		d.operand = cli_operand(cli, argc, argv);
		if (!d.operand)
			return EX_USAGE;
	}
	d.owner = cli->user_mode || geteuid() == 0;
	if (json)
		d.array = json_object_new_array();
	examine(&d);
	r = doctor_summary(&d);
	if (r == 0 && d.count[DOCTOR_FAILED] > 0)
		r = EXIT_FAILED;
	doctor_clear(&d);
	return r;
}
