/* SPDX-License-Identifier: MIT */
/* foreign.h - tokens that other programs make */
#ifndef SASL_BEARER_FOREIGN_H
#define SASL_BEARER_FOREIGN_H

#include <stddef.h>
#include <stdint.h>

#define FOREIGN_WHY 256 /* bytes of a reason */

struct foreign {
	const char *access_token; /* in the text that was parsed */
	int64_t expires_in;	  /* seconds; 0: nobody said */
};

/*
 * Read what a command has printed or a file holds: the token alone on one line;
 * or lines access_token=TOKEN and, optional, expires_in=SECONDS or
 * expires_at=UNIX-SECONDS. Other names are ignored, empty lines too.
 *
 *	text	len bytes, and one more that is writable; is changed
 *	now_s	Unix seconds
 *	ret	written only on success
 *	why	on failure: a few words to follow the name of the source, with
 *		nothing of the text in them
 *
 * Returns 0; -ERR_FORMAT; -ETIME when the token is past its end.
 */
int foreign_parse(char *text, size_t len, int64_t now_s, struct foreign *ret,
    char why[FOREIGN_WHY]);

#endif
