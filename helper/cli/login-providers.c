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

/* Show one provider, if its file can be read; array is NULL for people. */
static void
show_provider(struct cli *cli, const char *name, struct json_object *array)
{
	struct conf_errors e = {.report = cli_report};
	struct provider p = {0};
	char ways[WAYS_MAX];

	if (provider_load(&cli->settings, name, &p, &e) == 0) {
		find_ways(&p, ways);
		if (array)
			json_object_array_add(array, make_json(&p, name, ways));
		else
			print(&p, name, ways);
	}
	conf_clear(provider_keys, &p);
}

int
login_providers(struct cli *cli, int json)
{
	struct conf_errors e = {.report = cli_report};
	struct json_object *array;
	char **names;
	size_t i;

	if (provider_names(&cli->settings, &names, &e) < 0)
		return EX_CONFIG;
	array = json ? json_object_new_array() : NULL;
	for (i = 0; names[i]; i++)
		show_provider(cli, names[i], array);
	list_free(names);
	return json_print(array);
}
