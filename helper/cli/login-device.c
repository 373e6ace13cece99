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
#include "helper/cli/login-consent.h"
#include "helper/cli/login.h"
#include "helper/cli/qr.h"

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

/* What to do about an error: an AADSTS number is worth more than a name. */
static const struct advice {
	int64_t aadsts;
	const char *error;
	int consent; /* an administrator could approve */
	const char *text;
} advices[] = {
#define APPROVE "an administrator must approve the application first"
#define BLOCKED \
	"the organisation may not allow a sign-in with a code, use --browser"
    {65001, NULL, 1, APPROVE},
    {90094, NULL, 1, APPROVE},
    {90095, NULL, 1, APPROVE},
    {50097, NULL, 0, BLOCKED},
    {53000, NULL, 0, BLOCKED},
    {53001, NULL, 0, BLOCKED},
    {53003, NULL, 0, BLOCKED},
    {530002, NULL, 0, BLOCKED},
    {530003, NULL, 0, BLOCKED},
    {530033, NULL, 0, BLOCKED},
    {530036, NULL, 0, BLOCKED},
    {50105, NULL, 0,
	"ask an administrator to assign this user to the application"},
    {7000218, NULL, 0,
	"allow public client flows in the registration of the application, "
	"or, if it has a secret, give that with --client-secret-file"},
    {0, "invalid_client", 0,
	"if the application has a secret, give it with --client-secret-file"},
    {0, "consent_required", 1, APPROVE},
    {0, "access_denied", 0,
	"it was declined on the page; to sign in after all, run the command "
	"again"},
    {0, "expired_token", 0,
	"the code has expired, nobody signed in; run the command again"},
    {0, "bad_verification_code", 0, "run the command again"},
#undef APPROVE
#undef BLOCKED
};

static const struct advice *
find_advice(const struct msg *reply)
{
	const char *error = msg_get(reply, "error");
	int64_t aadsts = 0;
	size_t i;

	msg_get_number(reply, "aadsts", 1, INT64_MAX, &aadsts);
	for (i = 0; i < COUNT_OF(advices); i++)
		if (advices[i].error
			? error && strcmp(error, advices[i].error) == 0
			: aadsts == advices[i].aadsts)
			return &advices[i];
	return NULL;
}

/* Report a reply that is not ok. */
static int
report(const struct login *l, const struct msg *reply, const char *what)
{
	int code = status_exit(status_parse(msg_get(reply, "status")));
	const struct advice *advice = find_advice(reply);
	const char *reason = msg_get(reply, "reason");
	const char *error = msg_get(reply, "error");

	if (error && strcmp(error, "invalid_client") == 0 && login_has_proof(l))
		advice = NULL; /* the reason says what to check */
	if (!reason)
		reason = error ? error : "the provider gave no reason";
	cli_error(code, "%s: %s%s%s", what, reason, advice ? "; " : "",
	    advice ? advice->text : "");
	if (advice && advice->consent)
		login_consent_print(l->account);
	return code;
}

/* Whether a text is ASCII, so that it can neither lie nor move the cursor. */
static int
is_plain(const char *text)
{
	for (; text && *text; text++)
		if (*text < ' ' || *text > '~')
			return 0;
	return 1;
}

static void
print_code(const struct msg *reply, const char *user)
{
	const char *page = msg_get(reply, "verification_uri");
	const char *complete = msg_get(reply, "verification_uri_complete");

	if (!is_plain(complete))
		complete = NULL;
	printf("To sign in as %s, open this page in a browser, on any "
	       "device:\n\n    %s\n\n"
	       "and enter the code:\n\n    %s\n\n",
	    user, page, msg_get(reply, "user_code"));
	if (complete)
		printf("or open this page, which has the code in it:\n\n"
		       "    %s\n\n",
		    complete);
	if (complete)
		qr_print("or scan that page with a phone:\n\n", complete);
	else
		qr_print("or scan the page with a phone:\n\n", page);
	printf("Only continue if you started this yourself: whoever enters "
	       "the code gives\nthis computer access to the mailbox.\n\n");
	fflush(stdout);
}

/* Whether a reply has all that a person needs, fit to be shown. */
static int
check_code(const struct msg *reply)
{
	const char *page = msg_get(reply, "verification_uri");
	const char *code = msg_get(reply, "user_code");

	if (!msg_get(reply, "device_code") || !code || !page)
		return cli_error(EX_PROTOCOL,
		    "cannot begin the sign-in: the provider sent no code");
	if (!is_plain(page) || !is_plain(code))
		return cli_error(EX_PROTOCOL,
		    "cannot begin the sign-in: the provider sent a page or a "
		    "code that is not ASCII");
	return 0;
}

/* Ask the provider for a code. */
static int
authorize(struct cli *cli, const struct login *l, struct program **ret)
{
	struct program *f = NULL;
	int r = fetch_new(
	    "device_authorization", &cli->settings, l->account, l->secret, &f);

	*ret = f;
	if (r == 0)
		r = fetch_run(f, &cli->settings);
	if (r != 0)
		return r;
	if (status_parse(msg_get(&f->reply, "status")) != STATUS_OK)
		return report(l, &f->reply, "cannot begin the sign-in");
	return check_code(&f->reply);
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
		if (p->terminal)
			cli_progress("Waiting for you to sign in, %3" PRId64
				     " min %2" PRId64 " s left ",
			    left_s / 60, left_s % 60);
		nanosleep(&second, NULL);
	}
}

/* A network in trouble is asked ever less often (section 3.5). */
static void
slow_down(struct poller *p, const struct msg *reply)
{
	const char *reason = msg_get(reply, "reason");

	if (p->trouble_s == 0)
		cli_error(0, "%s; trying again until the code expires",
		    reason ? reason : "the provider is in trouble");
	p->trouble_s = p->trouble_s ? p->trouble_s * 2 : p->interval_s;
	if (p->trouble_s > TROUBLE_MAX_S)
		p->trouble_s = TROUBLE_MAX_S;
	msg_get_number(
	    reply, "retry_after", p->trouble_s, 86400, &p->trouble_s);
}

/*
 * Judge a reply that brought no tokens. Returns 0 to go on, or an exit code,
 * reported.
 */
static int
judge(const struct login *l, struct poller *p, const struct msg *reply)
{
	const char *error = msg_get(reply, "error");

	if (status_parse(msg_get(reply, "status")) != STATUS_TEMPORARY)
		return report(l, reply, "the sign-in did not succeed");
	if (!error) {
		slow_down(p, reply);
	} else if (strcmp(error, "slow_down") == 0) {
		p->interval_s += SLOW_DOWN_S;
		p->trouble_s = 0;
	} else if (strcmp(error, "authorization_pending") == 0) {
		p->trouble_s = 0;
	} else {
		slow_down(p, reply);
	}
	return 0;
}

/* Ask once for the tokens. *ret is the reply that brought them, or NULL. */
static int
ask(struct cli *cli, const struct login *l, struct poller *p,
    struct program **ret)
{
	struct program *f = NULL;
	int r = fetch_new("token", &cli->settings, l->account, l->secret, &f);

	if (r != 0)
		return r;
	msg_put(&f->w, "grant", "device_code");
	msg_put(&f->w, "device_code", p->device_code);
	r = fetch_run(f, &cli->settings);
	if (r == 0 && status_parse(msg_get(&f->reply, "status")) == STATUS_OK) {
		*ret = f;
		return 0;
	}
	if (r == 0)
		r = judge(l, p, &f->reply);
	program_free(f);
	return r;
}

static int
expire(const struct poller *p)
{
	return cli_error(EX_UNAVAILABLE,
	    "the code has expired%s; run the command again",
	    p->trouble_s ? "" : ": nobody signed in");
}

/* Ask again and again, until there is an answer or the code expires. */
static int
poll_for_tokens(struct cli *cli, const struct login *l, const struct msg *code,
    struct program **ret)
{
	struct poller p = {
	    .device_code = msg_get(code, "device_code"),
	    .interval_s = INTERVAL_DEFAULT_S,
	    .terminal = isatty(STDOUT_FILENO),
	};
	int64_t expires_s = EXPIRES_DEFAULT_S;
	struct program *f = NULL;
	int r = 0;

	msg_get_number(code, "interval", 1, 86400, &p.interval_s);
	msg_get_number(code, "expires_in", 1, 86400, &expires_s);
	p.deadline_ms = util_now_ms() + expires_s * 1000;
	if (!p.terminal)
		printf("Waiting for you to sign in, at most %" PRId64 " min.\n",
		    (expires_s + 59) / 60);
	fflush(stdout);
	while (r == 0 && !f) {
		wait_interval(&p);
		r = util_now_ms() >= p.deadline_ms ? expire(&p)
						   : ask(cli, l, &p, &f);
	}
	cli_progress_end();
	if (r == 0)
		*ret = f;
	return r;
}

/* All the person does. *ret is the reply that brought the tokens. */
static int
sign_in(struct cli *cli, const struct login *l, struct program **ret)
{
	struct program *code = NULL;
	int r = authorize(cli, l, &code);

	if (r == 0) {
		print_code(&code->reply, l->as ? l->as : l->account->user);
		r = poll_for_tokens(cli, l, &code->reply, ret);
	}
	program_free(code);
	return r;
}

int
login_device(struct cli *cli, const struct login *l, struct program **ret)
{
	struct program *tokens = NULL;
	char why[CONF_TEXT_MAX];
	int r;

	if (!l->account->device_authorization_endpoint && !l->account->issuer)
		return cli_error(EX_CONFIG,
		    "provider \"%s\" has no sign-in with --device for mail; "
		    "use --browser, or --paste where there is no browser",
		    l->account->provider);
	r = sign_in(cli, l, &tokens);
	if (r == 0) {
		r = login_check(l, &tokens->reply, why);
		if (r != 0)
			cli_error(r, "%s", why);
	}
	if (r == 0)
		*ret = tokens;
	else
		program_free(tokens);
	return r;
}
