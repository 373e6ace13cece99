/* SPDX-License-Identifier: MIT */
/* granted.h - the scope that was granted and the one that was asked for */
#ifndef SASL_BEARER_GRANTED_H
#define SASL_BEARER_GRANTED_H

#define GRANTED_TEXT_MAX 512 /* bytes of a list of words, its NUL included */

enum granted {
	GRANTED_ALL,
	GRANTED_LESS,	 /* some of it, or nothing that is for mail */
	GRANTED_UNKNOWN, /* other words: the provider may have renamed them */
};

/*
 * Compare two scopes (RFC 6749 section 3.3), word by word and without regard
 * to ASCII case. Left out are those that are no permission for mail: openid,
 * profile, email, offline_access, what others call these (userinfo), and
 * Microsoft's RESOURCE/.default, which stands for whatever is registered.
 *
 *	asked	the words asked for, or NULL
 *	granted	those of the reply; NULL: as asked (section 5.1)
 *	missing	written with GRANTED_LESS: the words that were not granted, cut
 *		between words if they are too long
 */
enum granted granted_compare(
    const char *asked, const char *granted, char missing[GRANTED_TEXT_MAX]);

#endif
