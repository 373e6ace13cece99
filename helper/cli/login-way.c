/* SPDX-License-Identifier: MIT */
/* login-way - the ways to sign in, and which is taken */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "helper/cli/login-way.h"
#include "helper/cli/open-browser.h"
#include "helper/cli/redirect.h"

const char *const way_names[WAYS] = {"browser", "device", "paste"};

static const char *const titles[WAYS] = {
    "the browser of this machine",
    "a code that is entered in a browser on any device",
    "any browser, and an address pasted from there",
};

/* Why a way cannot be taken; NULL when it can. */
static const char *
obstacle(const struct login *l, const struct endpoints *e, enum way way)
{
	const char *uri = l->account->redirect_uri;
	struct redirect redirect;

	if (way == WAY_DEVICE)
		return e->device ? NULL
				 : "no device_authorization_endpoint is known";
	if (!e->authorization)
		return "no authorization_endpoint is known";
	if (redirect_parse(&redirect, uri ? uri : REDIRECT_DEFAULT) < 0)
		return "redirect_uri is too long, or has a fragment or a bad "
		       "port";
	if (way == WAY_BROWSER && redirect.host == REDIRECT_ELSEWHERE)
		return "redirect_uri is not an http address of this machine";
	return NULL;
}

/* Whether this machine has a browser that we, or the person, can open. */
static int
has_browser(void)
{
	struct browser b;

	return open_browser_possible() &&
	    (geteuid() == 0 || open_browser_find(&b) == 0);
}

/* "--a, --b": the ways that are possible, but for one. */
static void
list_ways(const struct login *l, const struct endpoints *e, enum way but,
    char buf[64])
{
	size_t len = 0;
	int i;

	buf[0] = '\0';
	for (i = 0; i < WAYS; i++)
		if (i != (int)but && !obstacle(l, e, (enum way)i))
			len += (size_t)snprintf(buf + len, 64 - len, "%s--%s",
			    len > 0 ? ", " : "", way_names[i]);
}

/* The way that an option wants. */
static int
demanded(const struct login *l, const struct endpoints *e, enum way way)
{
	const char *why = obstacle(l, e, way);
	char others[64];

	if (!why)
		return 0;
	list_ways(l, e, way, others);
	return cli_error(EX_CONFIG,
	    "provider \"%s\" has no sign-in with --%s: %s%s%s",
	    l->account->provider, way_names[way], why, *others ? "; use " : "",
	    others);
}

/* The best of the ways that there are; WAYS when there is none. */
static enum way
best(const struct login *l, const struct endpoints *e)
{
	if (has_browser() && !obstacle(l, e, WAY_BROWSER))
		return WAY_BROWSER;
	if (!obstacle(l, e, WAY_DEVICE))
		return WAY_DEVICE;
	return obstacle(l, e, WAY_PASTE) ? WAYS : WAY_PASTE;
}

int
login_way(const struct login *l, const struct endpoints *e, enum way *ret)
{
	char others[64];
	enum way way = WAY_BROWSER;
	int r = 0;

	while (way < WAYS && !l->ways[way])
		way++;
	if (way < WAYS)
		r = demanded(l, e, way);
	else
		way = best(l, e);
	if (way == WAYS)
		return cli_error(EX_CONFIG,
		    "provider \"%s\" has no sign-in for people: %s, and %s",
		    l->account->provider, obstacle(l, e, WAY_PASTE),
		    obstacle(l, e, WAY_DEVICE));
	if (r != 0)
		return r;
	list_ways(l, e, way, others);
	printf("This sign-in uses %s (--%s).\n", titles[way], way_names[way]);
	if (*others)
		printf("Other ways: %s.\n", others);
	printf("\n");
	fflush(stdout);
	*ret = way;
	return 0;
}
