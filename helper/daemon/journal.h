/* SPDX-License-Identifier: MIT */
/* journal.h - lines with fields, for systemd's journal */
#ifndef SASL_BEARER_JOURNAL_H
#define SASL_BEARER_JOURNAL_H

/* One more of an entry; by convention a name is upper case. */
struct journal_field {
	const char *name;
	const char *value; /* one line; NULL or "": left out */
};

/*
 * Open the journal's socket, if standard error goes there: then systemd has set
 * JOURNAL_STREAM. To be called before the process shuts itself in.
 */
void journal_open(void);

/*
 * Send an entry, in its own protocol: https://systemd.io/JOURNAL_NATIVE_PROTOCOL
 *
 *	priority	as for syslog(3)
 *	text		one line
 *	fields		NULL, or up to one without a name
 *
 * Returns 0, or -1 when the line must go another way.
 */
int journal_send(
    int priority, const char *text, const struct journal_field *fields);

#endif
