/* SPDX-License-Identifier: MIT */
/* login-providers - what "login --provider list" prints */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "helper/cli/login-providers.h"

#define CELLS 4 /* name, title, ways, needs */
#define WAYS_MAX 64

static void
add_way(char ways[WAYS_MAX], int has, const char *way)
{
	size_t len = strlen(ways);

	if (has)
		snprintf(ways + len, WAYS_MAX - len, "%s%s", len > 0 ? " " : "",
		    way);
}

/* An issuer may have what the file has not. */
static void
find_ways(const struct provider *p, char ways[WAYS_MAX])
{
	int browser = p->authorization_endpoint || p->issuer;

	ways[0] = '\0';
	add_way(ways, browser, "browser");
	add_way(ways, p->device_authorization_endpoint || p->issuer, "device");
	add_way(ways, browser, "paste");
	add_way(ways, p->scope_client_credentials != NULL, "app");
	add_way(ways, p->scope_jwt_bearer != NULL, "key");
	add_way(ways, p->identity_resource != NULL, "identity");
	add_way(ways, !*ways, "any");
}

/* Add the cells of one provider, if its file can be read. */
static int
add_provider(struct cli *cli, const char *name, char ***cells)
{
	struct conf_errors e = {.report = cli_report};
	struct provider p = {0};
	char ways[WAYS_MAX];
	size_t i;
	int r;

	r = provider_load(&cli->settings, name, &p, &e);
	if (r == 0) {
		const char *const row[CELLS] = {
		    name, p.title ? p.title : "", ways, p.needs ? p.needs : ""};

		find_ways(&p, ways);
		for (i = 0; r == 0 && i < CELLS; i++)
			r = list_add(cells, row[i], strlen(row[i]));
	} else {
		r = 0;
	}
	conf_clear(provider_keys, &p);
	return r;
}

static int
has_name(char **list, const char *name)
{
	for (; list && *list; list++)
		if (strcmp(*list, name) == 0)
			return 1;
	return 0;
}

/* Add what a directory has and the ones before it have not. */
static int
add_directory(struct cli *cli, const char *dir, char ***seen, char ***cells)
{
	struct conf_errors e = {.report = cli_report};
	char **names;
	size_t i;
	int r = conf_names(dir, &names, &e);

	if (r < 0)
		return r;
	for (i = 0; r == 0 && names[i]; i++) {
		if (has_name(*seen, names[i]))
			continue;
		r = list_add(seen, names[i], strlen(names[i]));
		if (r == 0)
			r = add_provider(cli, names[i], cells);
	}
	list_free(names);
	return r;
}

static void
print(char **cells)
{
	size_t widths[2] = {strlen("NAME"), strlen("TITLE")}, i, n, end;

	for (i = 0; cells && cells[i]; i++) {
		n = strlen(cells[i]);
		if (i % CELLS < COUNT_OF(widths) && n > widths[i % CELLS])
			widths[i % CELLS] = n;
	}
	end = i;
	printf("%-*s  %-*s  WAYS\n", (int)widths[0], "NAME", (int)widths[1],
	    "TITLE");
	for (i = 0; i + CELLS <= end; i += CELLS) {
		printf("%-*s  %-*s  %s\n", (int)widths[0], cells[i],
		    (int)widths[1], cells[i + 1], cells[i + 2]);
		if (*cells[i + 3])
			printf("    needs %s\n", cells[i + 3]);
	}
}

int
login_providers(struct cli *cli)
{
	char **seen = NULL, **cells = NULL;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && cli->settings.providers_dir[i]; i++)
		r = add_directory(
		    cli, cli->settings.providers_dir[i], &seen, &cells);
	if (r == 0)
		print(cells);
	list_free(seen);
	list_free(cells);
	return r < 0 ? EX_CONFIG : 0;
}
