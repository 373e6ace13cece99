/* SPDX-License-Identifier: MIT */
/* conf.h - read name = value files by a table */
#ifndef SASL_BEARER_CONF_H
#define SASL_BEARER_CONF_H

#include <stddef.h>
#include <stdint.h>

#define CONF_TEXT_MAX 1024  /* bytes of an error line */
#define CONF_FILE_MAX 65536 /* bytes of a file */

/* What a value is, and the member it is stored in. */
enum conf_type {
	CONF_STRING,   /* char *: text */
	CONF_PATH,     /* char *: absolute path */
	CONF_URL,      /* char *: https, or http to this machine */
	CONF_SERVER,   /* char *: HOST or HOST:PORT, see hostport.h */
	CONF_LIST,     /* char **: blank-separated words, NULL at the end */
	CONF_DURATION, /* int64_t: seconds; 90, 90s, 15m, 12h, 7d */
	CONF_DATE,     /* int64_t: Unix seconds; 2027-12-31, its begin in UTC */
	CONF_CHOICE,   /* int: index into choices */
	CONF_SET,      /* unsigned: bit per word of choices */
};

/* What else holds for a value; bits. */
enum conf_flag {
	CONF_EXPAND = 1,   /* ${NAME} is that variable of the environment */
	CONF_METADATA = 2, /* CONF_URL: http to 169.254.169.254 as well */
};

struct conf_key {
	const char *name;
	enum conf_type type;
	int flags;		    /* enum conf_flag */
	size_t offset;		    /* of the member in the struct */
	const char *const *choices; /* CONF_CHOICE, CONF_SET; NULL at the end */
	int64_t min, max;	    /* CONF_DURATION */
	const char *def;	    /* as it would stand in the file, or NULL */
};

/*
 * Where errors go. Each is one line, "FILE:LINE: what is wrong", without a
 * line feed. report may be NULL; count and first are kept in any case.
 */
struct conf_errors {
	void (*report)(void *context, const char *line);
	void *context;
	unsigned count;
	char first[CONF_TEXT_MAX];
};

__attribute__((format(printf, 4, 5))) void conf_error(struct conf_errors *e,
    const char *file, unsigned line, const char *fmt, ...);

/* Report "FILE: warning: ..."; it does not count. */
__attribute__((format(printf, 3, 4))) void
conf_warning(struct conf_errors *e, const char *file, const char *fmt, ...);

/*
 * Read a file into a struct.
 *
 *	path	refused unless it is a regular file owned by root or the
 *		effective uid, and not writable by group or others
 *	keys	NULL name at the end
 *	into	zeroed by the caller; members not in the file get defaults
 *	lines	NULL, or an array as long as keys: the line each key stands
 *		on, 0 when it does not, for errors found later
 *
 * Unknown names (with the name probably meant), bad values, a name twice, a CR,
 * and placeholders such as CLIENT_ID_HERE are errors; all are reported, not
 * only the first.
 *
 * Returns 0; -EINVAL when there was an error; a negative errno when the file
 * cannot be read, reported as well.
 */
int conf_load(const char *path, const struct conf_key *keys, void *into,
    unsigned *lines, struct conf_errors *e);

/* The bytes of a file. */
struct conf_text {
	const char *path; /* for errors only */
	char *buf;	  /* len bytes and room for one more; is changed */
	size_t len;
};

/*
 * As conf_load(), from bytes. Returns 0, -EINVAL or -ENOMEM, reported.
 */
int conf_parse(const struct conf_text *text, const struct conf_key *keys,
    void *into, unsigned *lines, struct conf_errors *e);

/*
 * Give every member its default, as conf_load() does where there is no file.
 *
 * Returns 0 or -ENOMEM.
 */
int conf_defaults(const struct conf_key *keys, void *into);

/* The index of a name in a table, or -1. */
int conf_find(const struct conf_key *keys, const char *name);

/* The key a wrong name was probably meant to be, or NULL. */
const char *conf_near_miss(const struct conf_key *keys, const char *name);

/* Free what conf_load() stored, wiping it, and zero the members. */
void conf_clear(const struct conf_key *keys, void *into);

#endif
