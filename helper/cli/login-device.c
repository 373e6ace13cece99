/* SPDX-License-Identifier: MIT */
/* login-device - sign in with a code entered elsewhere (RFC 8628) */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/cli/login-check.h"
#include "helper/cli/login.h"

#define EXPIRES_DEFAULT_S 900
#define INTERVAL_DEFAULT_S 5 /* RFC 8628 section 3.2 */
#define SLOW_DOWN_S 5	     /* section 3.5 */
#define TROUBLE_MAX_S 60

/* The state of a poll. */
struct poller {
	const char *device_code;
	int64_t interval_s;
	int64_t trouble_s; /* more to wait while the network is in trouble */
	int64_t deadline_ms;
	int terminal;
};

/* Report a reply that is not ok. */
static int
report(const struct msg *reply, const char *what)
{
	int code = status_exit(status_parse(msg_get(reply, "status")));
	const char *reason = msg_get(reply, "reason");
	const char *error = msg_get(reply, "error");

	if (!reason)
		reason = error ? error : "the provider gave no reason";
	if (error && strcmp(error, "invalid_client") == 0)
		return cli_error(code,
		    "%s: %s; if the application has a secret, give it with "
		    "--client-secret-file",
		    what, reason);
	return cli_error(code, "%s: %s", what, reason);
}

static void
print_code(const struct msg *reply, const char *user)
{
	const char *complete = msg_get(reply, "verification_uri_complete");

	printf("To sign in as %s, open this page in a browser, on any "
	       "device:\n\n    %s\n\n"
	       "and enter the code:\n\n    %s\n\n",
	    user, msg_get(reply, "verification_uri"),
	    msg_get(reply, "user_code"));
	if (complete)
		printf("or open this page, which has the code in it:\n\n"
		       "    %s\n\n",
		    complete);
	printf("Only continue if you started this yourself: whoever enters "
	       "the code gives\nthis computer access to the mailbox.\n\n");
	fflush(stdout);
}

/* Ask the provider for a code. */
static int
authorize(struct cli *cli, const struct login *l, struct fetch **ret)
{
	struct fetch *f = fetch_new(
	    "device_authorization", &cli->settings, l->account, l->secret);
	int r;

	if (!f)
		return cli_error(EX_OSERR, "out of memory");
	*ret = f;
	r = fetch_run(f, &cli->settings);
	if (r != 0)
		return r;
	if (status_parse(msg_get(&f->reply, "status")) != STATUS_OK)
		return report(&f->reply, "cannot begin the sign-in");
	if (!msg_get(&f->reply, "device_code") ||
	    !msg_get(&f->reply, "user_code") ||
	    !msg_get(&f->reply, "verification_uri"))
		return cli_error(EX_PROTOCOL,
		    "cannot begin the sign-in: the provider sent no code");
	return 0;
}

/* Wait one interval, counting down on a terminal. */
static void
wait_interval(const struct poller *p)
{
	const struct timespec second = {.tv_sec = 1};
	int64_t i, left_s;

	for (i = 0; i < p->interval_s + p->trouble_s; i++) {
		left_s = (p->deadline_ms - util_now_ms()) / 1000;
		if (left_s < 0)
			break;
		if (p->terminal) {
			printf("\rWaiting for you to sign in, %3" PRId64
			       " min %2" PRId64 " s left ",
			    left_s / 60, left_s % 60);
			fflush(stdout);
		}
		nanosleep(&second, NULL);
	}
}

/*
 * Judge a reply that brought no tokens. Returns 0 to go on, or an exit code,
 * reported. A network in trouble is asked ever less often (section 3.5).
 */
static int
judge(struct poller *p, const struct msg *reply)
{
	const char *error = msg_get(reply, "error");

	if (status_parse(msg_get(reply, "status")) != STATUS_TEMPORARY) {
		if (p->terminal)
			printf("\n");
		return report(reply, "the sign-in did not succeed");
	}
	if (error && strcmp(error, "slow_down") == 0)
		p->interval_s += SLOW_DOWN_S;
	if (error &&
	    (strcmp(error, "slow_down") == 0 ||
		strcmp(error, "authorization_pending") == 0)) {
		p->trouble_s = 0;
		return 0;
	}
	p->trouble_s = p->trouble_s ? p->trouble_s * 2 : p->interval_s;
	if (p->trouble_s > TROUBLE_MAX_S)
		p->trouble_s = TROUBLE_MAX_S;
	msg_get_number(
	    reply, "retry_after", p->trouble_s, 86400, &p->trouble_s);
	return 0;
}

/* Ask once for the tokens. *ret is the reply that brought them, or NULL. */
static int
ask(struct cli *cli, const struct login *l, struct poller *p,
    struct fetch **ret)
{
	struct fetch *f =
	    fetch_new("token", &cli->settings, l->account, l->secret);
	int r;

	if (!f)
		return cli_error(EX_OSERR, "out of memory");
	msg_put(&f->w, "grant", "device_code");
	msg_put(&f->w, "device_code", p->device_code);
	r = fetch_run(f, &cli->settings);
	if (r == 0 && status_parse(msg_get(&f->reply, "status")) == STATUS_OK) {
		*ret = f;
		return 0;
	}
	if (r == 0)
		r = judge(p, &f->reply);
	fetch_free(f);
	return r;
}

/* Ask again and again, until there is an answer or the code expires. */
static int
poll_for_tokens(struct cli *cli, const struct login *l, const struct msg *code,
    struct fetch **ret)
{
	struct poller p = {
	    .device_code = msg_get(code, "device_code"),
	    .interval_s = INTERVAL_DEFAULT_S,
	    .terminal = isatty(STDOUT_FILENO),
	};
	int64_t expires_s = EXPIRES_DEFAULT_S;
	struct fetch *f = NULL;
	int r = 0;

	msg_get_number(code, "interval", 1, 600, &p.interval_s);
	msg_get_number(code, "expires_in", 1, 86400, &expires_s);
	p.deadline_ms = util_now_ms() + expires_s * 1000;
	if (!p.terminal)
		printf("Waiting for you to sign in, at most %" PRId64 " min.\n",
		    (expires_s + 59) / 60);
	fflush(stdout);
	while (r == 0 && !f) {
		wait_interval(&p);
		if (util_now_ms() >= p.deadline_ms)
			r = cli_error(EX_UNAVAILABLE,
			    "the code has expired: nobody signed in; run the "
			    "command again");
		else
			r = ask(cli, l, &p, &f);
	}
	if (p.terminal)
		printf("\n");
	if (r == 0)
		*ret = f;
	return r;
}

int
login_device(struct cli *cli, const struct login *l, struct fetch **ret)
{
	struct fetch *code = NULL, *tokens = NULL;
	char why[CONF_TEXT_MAX];
	int r;

	if (!l->account->device_authorization_endpoint && !l->account->issuer)
		return cli_error(EX_CONFIG,
		    "provider \"%s\" has no sign-in with --device for mail: "
		    "no device_authorization_endpoint is known, and --browser "
		    "is not available in this version",
		    l->account->provider);
	r = authorize(cli, l, &code);
	if (r == 0) {
		print_code(&code->reply, l->account->user);
		r = poll_for_tokens(cli, l, &code->reply, &tokens);
	}
	if (r == 0) {
		r = login_check(l, &tokens->reply, why);
		if (r != 0)
			cli_error(r, "%s", why);
	}
	fetch_free(code);
	if (r == 0)
		*ret = tokens;
	else
		fetch_free(tokens);
	return r;
}
