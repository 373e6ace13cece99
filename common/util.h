/* SPDX-License-Identifier: MIT */
/* util.h - bytes, numbers and the clock */
#ifndef SASL_BEARER_UTIL_H
#define SASL_BEARER_UTIL_H

#include <stddef.h>
#include <stdint.h>

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* Limits of the values that travel in messages, in bytes. */
#define TOKEN_MAX 16384
#define USER_MAX 320
#define HOST_MAX 255
#define DETAIL_MAX 1024

/* Milliseconds of CLOCK_MONOTONIC: what every deadline_ms is measured in. */
int64_t util_now_ms(void);

/* Overwrite memory in a way the compiler does not remove. */
void util_wipe(void *mem, size_t len);

/* Wipe a string up to its NUL and free it. NULL is fine. */
void util_secret_free(char *secret);

/* Whether len bytes are UTF-8 (RFC 3629) without a control byte. */
int util_text_valid(const char *text, size_t len);

/* Whether a string is a b64token (RFC 6750 section 2.1), 1..TOKEN_MAX bytes. */
int util_b64token_valid(const char *token);

/* Whether two strings are equal but for ASCII case, whatever the locale. */
int util_case_equal(const char *a, const char *b);

/* Whether a list, with blanks between its words, has one; likewise. */
int util_has_word(const char *list, const char *word);

/*
 * Make one line of text out of bytes from elsewhere.
 *
 *	dst	always terminated; size at least 1
 *	src	len bytes, anything
 *
 * A run of control characters becomes one blank: C0 and C1, line separators,
 * and those that turn the direction of a text (U+202A to U+202E, U+2066 to
 * U+2069). Bytes that are not UTF-8 become '?', leading and trailing blanks go,
 * what does not fit is cut between characters.
 */
void util_sanitise(char *dst, size_t size, const char *src, size_t len);

/*
 * Hide a secret in a text: each run of 12 bytes and more that stands in the
 * secret as well becomes "***".
 *
 *	text	changed in place; it never grows
 *	secret	len bytes
 */
void util_redact(char *text, const char *secret, size_t len);

/*
 * Read a decimal number: digits only, no sign, no blank.
 *
 * Returns 0 and writes *ret, or -ERR_NUMBER when it is anything else or not
 * within min..max.
 */
int util_number_parse(const char *text, int64_t min, int64_t max, int64_t *ret);

/* The value of a hexadecimal digit, or -1. */
int util_hex_digit(char c);

/* Write size bytes as twice as many hexadecimal digits, in lower case, and NUL. */
void util_hex_format(char *dst, const unsigned char *src, size_t size);

/*
 * Read a descriptor to its end.
 *
 *	buf	size bytes; holds what was read also after a failure
 *	ret_len	written always
 *
 * Returns 0, -ERR_TOOBIG when there is more than size bytes, or a negative
 * errno. Blocks.
 */
int util_read_all(int fd, char *buf, size_t size, size_t *ret_len);

/* Write all bytes to a descriptor. Returns 0 or a negative errno. Blocks. */
int util_write_all(int fd, const char *buf, size_t len);

#endif
