/* SPDX-License-Identifier: MIT */
/* page.h - what a browser shows at the end of a sign-in */
#ifndef SASL_BEARER_PAGE_H
#define SASL_BEARER_PAGE_H

#include <stddef.h>

enum page_kind {
	PAGE_DONE,    /* signed in */
	PAGE_FAILED,  /* not signed in */
	PAGE_FOREIGN, /* an answer to another sign-in; this one goes on */
};

/* Texts may be NULL, and are data: all is escaped. */
struct page {
	enum page_kind kind;
	const char *account;  /* whose mailbox */
	const char *provider; /* as people call it */
	const char *services; /* what the account is for */
	const char *what;     /* PAGE_FAILED: one line, as for a terminal */
	const char *next;     /* PAGE_FAILED: what to do, likewise */
};

/*
 * Make an HTTP response with a page: a static document without script, that
 * loads nothing and may not be kept, framed or named to others (RFC 8252
 * section 8.12 and RFC 9700 section 4.2).
 *
 *	ret	on the heap, free() it; ret_len bytes
 *
 * Returns 0 or -ENOMEM.
 */
int page_response(const struct page *p, char **ret, size_t *ret_len);

/* A response without a page: for what no person looks at. Never NULL. */
enum page_error {
	PAGE_BAD_REQUEST,	 /* 400 */
	PAGE_NOT_FOUND,		 /* 404 */
	PAGE_METHOD_NOT_ALLOWED, /* 405 */
};
const char *page_error(enum page_error error);

#endif
