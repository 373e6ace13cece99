/* SPDX-License-Identifier: MIT */
/* login-browser - sign in with the browser of this machine (RFC 8252) */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/login-browser.h"
#include "helper/cli/page.h"

#define WAIT_MS (10 * 60 * 1000)

/* Listen, and write the redirect_uri with the port of that. */
static int
listen_for(const struct login *l, struct login_browser *b)
{
	const char *uri = l->account->redirect_uri;
	struct redirect redirect;
	char host[32], text[64];
	int r;

	r = redirect_parse(&redirect, uri ? uri : REDIRECT_DEFAULT);
	if (r == 0)
		r = loopback_open(&redirect, &b->loopback);
	if (r < 0)
		return cli_error(EX_OSERR,
		    "cannot listen at %s for the browser: %s; use --device or "
		    "--paste",
		    uri ? uri : REDIRECT_DEFAULT,
		    err_text(r, text, sizeof(text)));
	redirect_format(&redirect, loopback_port(b->loopback),
	    b->request.redirect_uri, host);
	return 0;
}

/*
 * Have the browser show the page. Root's command line does not start browsers:
 * they are not made to run as root.
 */
static void
open_page(const struct login *l, struct login_browser *b)
{
	const char *name = l->as ? l->as : l->account->user;
	int opened = geteuid() != 0 && open_browser_possible() &&
	    open_browser_find(&b->opener) == 0 &&
	    open_browser(&b->opener, b->url) == 0;

	if (opened)
		printf("A browser shows the page where you sign in as %s. If "
		       "it does not, open this\naddress in a browser of this "
		       "machine:\n\n    %s\n\n",
		    name, b->url);
	else
		printf("To sign in as %s, open this address in a browser of "
		       "this machine:\n\n    %s\n\n",
		    name, b->url);
	printf(
	    "Waiting for you to sign in, at most %d min.\n", WAIT_MS / 60000);
	fflush(stdout);
}

static int
judge(void *context, const char *query)
{
	struct login_browser *b = context;

	b->result = authorize_judge(&b->request, query, &b->answer);
	return b->result != AUTHORIZE_FOREIGN;
}

static void
tick(void *context)
{
	struct login_browser *b = context;

	if (open_browser_failed(&b->opener))
		cli_error(0,
		    "\"%s\" could not open a browser; open the address above "
		    "by hand, or stop this and use --device or --paste",
		    b->opener.argv[0]);
}

/* Wait until the browser is back. */
static int
wait_for(struct login_browser *b)
{
	const struct loopback_waiter waiter = {judge, tick, b};
	char text[64];
	int r = loopback_wait(b->loopback, util_now_ms() + WAIT_MS, &waiter);

	if (r == 0) {
		b->back = 1;
		return 0;
	}
	return cli_error(EX_UNAVAILABLE,
	    "the browser did not come back: %s; run the command again",
	    err_text(r, text, sizeof(text)));
}

int
login_browser(struct cli *cli, const struct login *l, const struct endpoints *e,
    struct login_browser *b, struct program **ret)
{
	const struct login_code code = {l, e, &b->request, b->answer.code};
	int r;

	r = listen_for(l, b);
	if (r == 0)
		r = login_code_begin(l, e, &b->request, b->url);
	if (r != 0)
		return r;
	open_page(l, b);
	r = wait_for(b);
	if (r != 0)
		return r;
	if (b->result != AUTHORIZE_CODE)
		return login_code_refused(l, b->result, &b->answer, &b->why);
	return login_code_redeem(cli, &code, ret, &b->why);
}

/* "IMAP, SMTP": what an account is for. */
static void
list_services(const struct account_conf *a, char buf[64])
{
	static const char *const names[] = {"IMAP", "POP", "SMTP"};
	size_t i, len = 0;

	for (i = 0; i < COUNT_OF(names); i++)
		if (a->services == 0 || (a->services & 1U << i))
			len += (size_t)snprintf(buf + len, 64 - len, "%s%s",
			    len > 0 ? ", " : "", names[i]);
}

/* Show the browser the page. */
static void
show(struct cli *cli, const struct login *l, struct login_browser *b, int code)
{
	struct conf_errors quiet = {0};
	struct provider provider = {0};
	char services[64], *response;
	struct page page = {
	    .kind = code == 0 ? PAGE_DONE : PAGE_FAILED,
	    .account = l->account->user,
	    .services = code == 0 ? services : NULL,
	    .what = *b->why.what ? b->why.what : NULL,
	    .next = *b->why.next ? b->why.next : NULL,
	};
	size_t len;

	list_services(l->account, services);
	provider_load(&cli->settings, l->account->provider, &provider, &quiet);
	page.provider = provider.title ? provider.title : l->account->provider;
	if (code != 0 && !page.what)
		page.what = "you signed in, but the tokens could not be kept";
	if (page_response(&page, &response, &len) == 0) {
		loopback_answer(b->loopback, response, len);
		free(response);
	}
	conf_clear(provider_keys, &provider);
}

void
login_browser_end(
    struct cli *cli, const struct login *l, struct login_browser *b, int code)
{
	if (b->back)
		show(cli, l, b, code);
	loopback_free(b->loopback);
	util_wipe(b, sizeof(*b));
}
