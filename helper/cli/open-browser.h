/* SPDX-License-Identifier: MIT */
/* open-browser.h - have the system's browser show an address */
#ifndef SASL_BEARER_OPEN_BROWSER_H
#define SASL_BEARER_OPEN_BROWSER_H

#include <limits.h>
#include <sys/types.h>

#define BROWSER_WORDS 16

/* A command that opens a browser. */
struct browser {
	char command[PATH_MAX]; /* cut into words */
	char *argv[BROWSER_WORDS + 2];
	pid_t pid;
};

/* Whether there is a screen, or a BROWSER that may do without one. */
int open_browser_possible(void);

/*
 * Find a command: the words of $BROWSER, which is a list separated by colons,
 * then xdg-open, sensible-browser and open.
 *
 * Returns 0, or -ENOENT.
 */
int open_browser_find(struct browser *b);

/*
 * Start it with the address as its last word, or in the place of %s, in a
 * session of its own and without a shell. It does not use the terminal.
 *
 * Returns 0 or a negative errno.
 */
int open_browser(struct browser *b, const char *url);

/*
 * See whether the command has failed. Many end at once, others when the browser
 * does.
 *
 * Returns 1 when it has, once; else 0.
 */
int open_browser_failed(struct browser *b);

#endif
