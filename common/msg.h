/* SPDX-License-Identifier: MIT */
/* msg.h - the one message format: name=value lines and an empty line */
#ifndef SASL_BEARER_MSG_H
#define SASL_BEARER_MSG_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MSG_MAX 65536 /* bytes of a message, its empty line included */
#define MSG_LINES 64  /* lines of a message, the empty one not counted */
#define MSG_NAME 31   /* bytes of a name */

/* A parsed message. It points into the buffer it was parsed from. */
struct msg {
	size_t count;
	struct {
		const char *name;
		const char *value;
	} line[MSG_LINES];
};

/* A message being written into a buffer of the caller. */
struct msg_writer {
	char *buf;
	size_t size;
	size_t len;
	size_t count;
	int error; /* the first one; later calls do nothing */
};

/*
 * Find the end of the first message in a stream.
 *
 * Returns its length with the empty line; 0 when more bytes are needed;
 * -ERR_TOOBIG when there is no end within MSG_MAX bytes.
 */
ssize_t msg_length(const char *buf, size_t len);

/*
 * Parse one whole message, in place.
 *
 *	m	written only on success; valid as long as buf is
 *	buf	changed: each value is terminated by a NUL
 *	len	exactly one message; a byte more is an error
 *
 * Returns 0, or -ERR_FORMAT, -ERR_CONTROL, -ERR_TWICE, -ERR_VERSION or
 * -ERR_TOOBIG. After a failure the connection it came from is of no use.
 */
int msg_parse(struct msg *m, char *buf, size_t len);

/* The value of a name, or NULL when it is absent or empty. */
const char *msg_get(const struct msg *m, const char *name);

/*
 * The number under a name.
 *
 *	ret	written only on success; unchanged when the name is absent
 *
 * Returns 0, also when absent; -ERR_NUMBER when it is not decimal digits or
 * not within min..max.
 */
int msg_get_number(const struct msg *m, const char *name, int64_t min,
    int64_t max, int64_t *ret);

/* Start a message in buf: writes protocol=1. */
void msg_begin(struct msg_writer *w, char *buf, size_t size);

/*
 * Add a line. A NULL or empty value adds nothing, since empty means absent.
 * What is wrong with it (-ERR_CONTROL, -ERR_FORMAT, -ERR_TOOBIG) is kept
 * for msg_end().
 */
void msg_put(struct msg_writer *w, const char *name, const char *value);
void msg_put_number(struct msg_writer *w, const char *name, int64_t value);

/*
 * Finish the message: w->buf holds w->len bytes to send.
 *
 * Returns 0, or the first error of any msg_put(); then nothing may be sent.
 */
int msg_end(struct msg_writer *w);

#endif
