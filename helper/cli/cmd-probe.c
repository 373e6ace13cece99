/* SPDX-License-Identifier: MIT */
/* cmd-probe - a real login, step by step */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "helper/cli/colour.h"
#include "helper/cli/json.h"
#include "helper/cli/mail.h"
#include "helper/cli/screen.h"
#include "helper/explain/explain.h"

/* A step of the session; context is the object of --json, or NULL. */
static void
show(void *context, const char *what, const char *text)
{
	struct json_object *step, *steps;

	if (!context) {
		screen_field(what, text);
		return;
	}
	step = json_object_new_object();
	json_put(step, "step", what);
	json_put(step, "text", text);
	if (json_object_object_get_ex(context, "steps", &steps))
		json_object_array_add(steps, step);
}

/* Something that is found once; key is its name in the object. */
static void
tell(const struct mail *m, const char *key, const char *name, const char *text)
{
	if (m->session.context)
		json_put(m->session.context, key, text);
	else if (name)
		screen_field(name, text);
}

static void
show_target(const struct mail *m)
{
	char server[RESOLVED_SERVER], account[512];

	server_format(&m->server, server);
	if (m->session.context) {
		tell(m, "account", NULL, m->account.account);
		tell(m, "user", NULL, m->account.user);
		tell(m, "provider", NULL, m->account.provider);
		tell(m, "service", NULL, m->session.protocol->name);
		tell(m, "server", NULL, server);
		json_object_object_add(
		    m->session.context, "steps", json_object_new_array());
		return;
	}
	snprintf(account, sizeof(account), "%s%s%s%s%s", m->account.account,
	    strcmp(m->account.account, m->account.user) ? ", user " : "",
	    strcmp(m->account.account, m->account.user) ? m->account.user : "",
	    *m->account.provider ? ", provider " : "", m->account.provider);
	screen_field("account", account);
	screen_field("server", server);
}

/* What the server's words mean, if somebody has found out. */
static void
show_meaning(const struct mail *m)
{
	const struct explanation *e = explain_reply(m->session.words);
	const struct explain_names names = {
	    .user = m->account.user,
	    .account = m->account.account,
	    .client_id = m->account.client_id,
	};
	char text[EXPLAIN_TEXT_SIZE];

	if (!e)
		return;
	explain_means(text, sizeof(text), e, &names);
	tell(m, "meaning", "it means", text);
	tell(m, "who", "who acts", explain_who_text(e->who));
	explain_remedy(text, sizeof(text), e, &names);
	tell(m, "remedy", "remedy", text);
}

/* The rest of the object. Returns 0 or an exit code, reported. */
static int
print_json(const struct mail *m, int code)
{
	struct json_object *o = m->session.context;

	json_object_object_add(
	    o, "mechanisms", json_words(m->session.offer.mechanisms));
	json_put(o, "mechanism", m->session.mechanism);
	json_put(o, "result", code == 0 ? "ok" : "failed");
	json_object_object_add(o, "exit_status", json_object_new_int(code));
	json_put(o, "error", m->session.error);
	if (!json_object_object_get_ex(o, "meaning", NULL)) {
		json_put(o, "meaning", NULL);
		json_put(o, "who", NULL);
		json_put(o, "remedy", NULL);
	}
	return json_print(o);
}

static void
print_good(void)
{
	fputs(colour(stdout, COLOUR_GOOD), stdout);
	screen_field("result", "the login works");
	fputs(colour(stdout, COLOUR_END), stdout);
}

static int
probe(struct mail *m, int json)
{
	int r, printed = 0;

	m->session.trace = show;
	m->session.context = json ? json_object_new_object() : NULL;
	show_target(m);
	r = mail_login(m);
	if (r == 0)
		r = mail_use(m);
	if (r != 0)
		show_meaning(m);
	else if (!json)
		print_good();
	if (json)
		printed = print_json(m, r);
	return r != 0 ? cli_error(r, "%s", m->session.error) : printed;
}

int
cmd_probe(struct cli *cli, int argc, char **argv)
{
	struct mail_words words = {0};
	int json = 0, r;
	const struct cli_option options[] = {
	    {"server", &words.server, NULL},
	    {"ca-file", &words.ca_file, NULL},
	    {"json", NULL, &json},
	    {0},
	};
	struct mail *m;

	r = cli_parse(cli, options, argc, argv);
	if (r != 0)
		return r;
	if (argc - optind != 2)
		return mail_usage(cli, argc - optind);
	words.user = argv[optind];
	words.service = argv[optind + 1];
	r = mail_new(cli, &words, &m);
	if (r == 0) {
		r = probe(m, json);
		mail_free(m);
	}
	return r;
}
