/* SPDX-License-Identifier: MIT */
/* login-providers - what "login --provider list" prints */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "helper/cli/colour.h"
#include "helper/cli/json.h"
#include "helper/cli/login-providers.h"
#include "helper/cli/redirect.h"
#include "helper/cli/screen.h"

#define WAYS_MAX 64
#define INDENT 11 /* as wide as "    needs: " */

struct listing {
	struct cli *cli;
	char **seen;		  /* names of providers */
	struct json_object *json; /* or NULL: for people */
};

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

static void
print_words(const char *heading, const char *text)
{
	printf("    %-*s", INDENT - 4, heading);
	screen_fill(INDENT, INDENT, screen_width(), text);
}

static void
print(const struct provider *p, const char *name, const char *ways)
{
	printf("%s%s%s", colour(stdout, COLOUR_HEADING), name,
	    colour(stdout, COLOUR_END));
	printf("%s%s\n", p->title ? ": " : "", p->title ? p->title : "");
	print_words("ways:", ways);
	if (p->needs)
		print_words("needs:", p->needs);
}

static struct json_object *
make_json(const struct provider *p, const char *name, const char *ways)
{
	struct json_object *o = json_object_new_object();

	json_put(o, "name", name);
	json_put(o, "title", p->title);
	json_object_object_add(o, "ways", json_words(ways));
	json_put(o, "needs", p->needs);
	return o;
}

/* Show one provider, if its file can be read. */
static void
show_provider(struct listing *l, const char *name)
{
	struct conf_errors e = {.report = cli_report};
	struct provider p = {0};
	char ways[WAYS_MAX];

	if (provider_load(&l->cli->settings, name, &p, &e) == 0) {
		find_ways(&p, ways);
		if (l->json)
			json_object_array_add(
			    l->json, make_json(&p, name, ways));
		else
			print(&p, name, ways);
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

/* Show what a directory has and the ones before it have not. */
static int
show_directory(struct listing *l, const char *dir)
{
	struct conf_errors e = {.report = cli_report};
	char **names;
	size_t i;
	int r = conf_names(dir, &names, &e);

	if (r < 0)
		return r;
	for (i = 0; r == 0 && names[i]; i++) {
		if (has_name(l->seen, names[i]))
			continue;
		r = list_add(&l->seen, names[i], strlen(names[i]));
		if (r == 0)
			show_provider(l, names[i]);
	}
	list_free(names);
	return r;
}

int
login_providers(struct cli *cli, int json)
{
	struct listing l = {.cli = cli};
	size_t i;
	int r = 0;

	if (json)
		l.json = json_object_new_array();
	for (i = 0; r == 0 && cli->settings.providers_dir[i]; i++)
		r = show_directory(&l, cli->settings.providers_dir[i]);
	list_free(l.seen);
	if (r == 0)
		return json_print(l.json);
	json_object_put(l.json);
	return EX_CONFIG;
}
