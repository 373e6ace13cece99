/* SPDX-License-Identifier: MIT */
/* login-paste - sign in with a browser anywhere, and paste where it ended */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/login-browser.h"
#include "helper/cli/prompt.h"

#define LINE_SIZE (16384 + 2)
#define TRIES 5

/* What is worked with: secrets, and too much for a stack. */
struct paste {
	struct authorize request;
	struct authorize_answer answer;
	char url[AUTHORIZE_URL_MAX];
	char line[LINE_SIZE];
};

static void
explain(const struct login *l, const struct paste *p)
{
	printf("To sign in as %s, open this address in any browser, on any "
	       "machine:\n\n    %s\n\n"
	       "After you signed in, the browser goes to an address that "
	       "begins with\n    %s\nand probably shows that it cannot be "
	       "reached; that is as it should be.\nCopy that whole address "
	       "from the browser and paste it here.\n\n",
	    l->as ? l->as : l->account->user, p->url, p->request.redirect_uri);
	fflush(stdout);
}

/* Why a pasted line is not what is wanted; NULL when it is an answer. */
static const char *
judge_line(struct paste *p, enum authorize_result *ret)
{
	const char *query = authorize_pasted(&p->request, p->line);
	size_t len = strcspn(p->request.endpoint, "?");

	if (strncmp(p->line + strspn(p->line, " \t"), p->request.endpoint,
		len) == 0)
		return "that is the address to open; paste the one where the "
		       "browser is after you signed in";
	if (!query)
		return "that is not an address that begins with the one above "
		       "and has more behind it";
	*ret = authorize_judge(&p->request, query, &p->answer);
	if (*ret == AUTHORIZE_FOREIGN)
		return "that address belongs to another sign-in, or a part of "
		       "it is missing; open the address above and copy all of "
		       "where it ends";
	if (*ret == AUTHORIZE_MALFORMED)
		return "that address has no code in it, or only a part of one; "
		       "copy all of it";
	return NULL;
}

/* Read one line. Returns 0 or an exit code, reported. */
static int
read_line(struct paste *p)
{
	char text[64];
	int r = prompt_secret("Address (it is not shown)", p->line, LINE_SIZE);

	if (r == -EINVAL) {
		*p->line = '\0';
		r = 0;
	}
	if (r == 0)
		return 0;
	return cli_error(EX_NOINPUT, "cannot read the address: %s",
	    r == -ENODATA ? "nothing was pasted"
			  : err_text(r, text, sizeof(text)));
}

/* Read a line and judge it. Returns 0 or an exit code, reported. */
static int
ask_once(const struct login *l, struct paste *p)
{
	enum authorize_result result = AUTHORIZE_FOREIGN;
	struct login_failure why = {0};
	const char *wrong;
	int r = read_line(p);

	if (r != 0)
		return r;
	wrong = judge_line(p, &result);
	if (wrong)
		return cli_error(EX_DATAERR, "%s", wrong);
	return result == AUTHORIZE_CODE
	    ? 0
	    : login_code_refused(l, result, &p->answer, &why);
}

/* At a terminal what is wrong may be mended, but for an answer of others. */
static int
ask(const struct login *l, struct paste *p)
{
	int tries = isatty(STDIN_FILENO) ? TRIES : 1, r;

	do
		r = ask_once(l, p);
	while (r != 0 && r != EX_NOINPUT && r != EX_PROTOCOL && --tries > 0);
	return r;
}

int
login_paste(struct cli *cli, const struct login *l, const struct endpoints *e,
    struct program **ret)
{
	const char *uri = l->account->redirect_uri;
	struct paste *p = calloc(1, sizeof(*p));
	struct login_failure why = {0};
	int r;

	if (!p)
		return cli_error(EX_OSERR, "out of memory");
	snprintf(p->request.redirect_uri, sizeof(p->request.redirect_uri), "%s",
	    uri ? uri : REDIRECT_DEFAULT);
	r = login_code_begin(l, e, &p->request, p->url);
	if (r == 0) {
		explain(l, p);
		r = ask(l, p);
	}
	if (r == 0) {
		const struct login_code code = {
		    l, e, &p->request, p->answer.code};

		r = login_code_redeem(cli, &code, ret, &why);
	}
	util_wipe(p, sizeof(*p));
	free(p);
	return r;
}
