/* SPDX-License-Identifier: MIT */
/* login-providers - what "login --provider list" prints */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "helper/cli/login-providers.h"
#include "helper/cli/redirect.h"

#define WAYS_MAX 64
#define INDENT 11 /* as wide as "    needs: " */
#define WIDTH 80  /* of a line */

static void
add_way(char ways[WAYS_MAX], int has, const char *way)
{
	size_t len = strlen(ways);

	if (has)
		snprintf(ways + len, WAYS_MAX - len, "%s%s", len > 0 ? " " : "",
		    way);
}

/* Whether a browser of this machine can come back to us. */
static int
comes_back(const struct provider *p)
{
	const char *uri = p->redirect_uri ? p->redirect_uri : REDIRECT_DEFAULT;
	struct redirect redirect;

	return redirect_parse(&redirect, uri) == 0 &&
	    redirect.host != REDIRECT_ELSEWHERE;
}

/* An issuer may have what the file has not. */
static void
find_ways(const struct provider *p, char ways[WAYS_MAX])
{
	int page = p->authorization_endpoint || p->issuer;

	ways[0] = '\0';
	add_way(ways, page && comes_back(p), "browser");
	add_way(ways, p->device_authorization_endpoint || p->issuer, "device");
	add_way(ways, page, "paste");
	add_way(ways, p->scope_client_credentials != NULL, "app");
	add_way(ways, p->scope_jwt_bearer != NULL, "key");
	add_way(ways, p->identity_resource != NULL, "identity");
	add_way(ways, !*ways, "any");
}

/* Print words below each other, where they do not fit beside each other. */
static void
print_words(const char *heading, const char *text)
{
	size_t n, at = INDENT - 1;

	printf("    %-*s", INDENT - 5, heading);
	for (; *text; text += n + strspn(text + n, " ")) {
		n = strcspn(text, " ");
		if (at >= INDENT && at + 1 + n > WIDTH) {
			printf("\n%*s", INDENT - 1, "");
			at = INDENT - 1;
		}
		printf(" %.*s", (int)n, text);
		at += 1 + n;
	}
	printf("\n");
}

/* Print one provider, if its file can be read. */
static void
print_provider(struct cli *cli, const char *name)
{
	struct conf_errors e = {.report = cli_report};
	struct provider p = {0};
	char ways[WAYS_MAX];

	if (provider_load(&cli->settings, name, &p, &e) == 0) {
		find_ways(&p, ways);
		printf("%s%s%s\n", name, p.title ? ": " : "",
		    p.title ? p.title : "");
		print_words("ways:", ways);
		if (p.needs)
			print_words("needs:", p.needs);
	}
	conf_clear(provider_keys, &p);
}

static int
has_name(char **list, const char *name)
{
	for (; list && *list; list++)
		if (strcmp(*list, name) == 0)
			return 1;
	return 0;
}

/* Print what a directory has and the ones before it have not. */
static int
print_directory(struct cli *cli, const char *dir, char ***seen)
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
			print_provider(cli, names[i]);
	}
	list_free(names);
	return r;
}

int
login_providers(struct cli *cli)
{
	char **seen = NULL;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && cli->settings.providers_dir[i]; i++)
		r = print_directory(cli, cli->settings.providers_dir[i], &seen);
	list_free(seen);
	return r < 0 ? EX_CONFIG : 0;
}
