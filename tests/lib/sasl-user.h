/* SPDX-License-Identifier: MIT */
/* sasl-user.h - one user of libsasl2, of which a process may have several */
#ifndef SASL_BEARER_TESTS_SASL_USER_H
#define SASL_BEARER_TESTS_SASL_USER_H

#include <stddef.h>

#define USER_LINE_SIZE 65536

/*
 * How a program tells libsasl2 who logs in.
 *
 *	callback	a function, which leaves the length alone; "length": sets it
 *	null		a function that says it went well, and gives nothing
 *	error		a function that returns the number in name
 *	none		not at all
 *	prompt		is asked; "prompt-nul" counts the NUL, "prompt-unset"
 *			leaves the length alone
 *	silent		is asked, and never answers
 *	twice		is asked, forgets it, is asked again
 *	nowhere		wants to be asked, and passes no place for the prompts
 *
 * With "late-" before it no initial response is wanted, and the first step
 * comes with an empty string.
 */
struct user_login {
	const char *service;
	const char *mech;
	const char *how;
	const char *name;
	const char *authzid;   /* what a callback for it gives, or NULL */
	const char *challenge; /* what the server says to the token, or NULL */
	void (*in_step)(int);  /* called with 1 and 0 around a step, or NULL */
};

/*
 * Each returns what libsasl2 does; user_login() also writes a line, "CODE
 * MECHANISM RESPONSE TEXT": the response in base64, "-" if there is none, the
 * error or the names of the prompts that were made.
 */
int user_init(void);
int user_done(void);
int user_login(const struct user_login *l, char line[USER_LINE_SIZE]);

/* The same, for those who load a library. */
struct user_functions {
	int (*init)(void);
	int (*done)(void);
	int (*login)(const struct user_login *l, char line[USER_LINE_SIZE]);
};
extern const struct user_functions user_functions;

#endif
