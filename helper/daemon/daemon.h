/* SPDX-License-Identifier: MIT */
/* daemon.h - what the parts of sasl-bearerd share */
#ifndef SASL_BEARER_DAEMON_H
#define SASL_BEARER_DAEMON_H

#include <event2/event.h>

#include "helper/config/settings.h"
#include "helper/daemon/child.h"
#include "helper/daemon/listen.h"
#include "helper/daemon/table.h"
#include "helper/daemon/worker.h"
#include "helper/seal/seal.h"

struct daemon {
	struct settings settings;
	const char *config_path; /* --config, or NULL */
	int user_mode;
	int state_fd;		 /* the state directory, locked */
	struct seal_ring *ring;	 /* keys of what is in it, or NULL */
	struct refused *refused; /* files of mailboxes; see reseal.h */
	struct event_base *base;
	struct worker *worker;
	struct children *children;
	struct table table;
	struct listeners listeners;
	struct server *server;
	unsigned fetches;	     /* under way */
	unsigned tellings;	     /* notify_command that run */
	struct account *fetch_queue; /* too many: these wait */
	uint64_t uses;		     /* of tokens, since the start */
	unsigned busy; /* jobs and fetches whose result is to be kept */
	int loading;   /* files are being read again */
	int reload;    /* and then once more: something has changed */
	int stopping;  /* no new fetches */
};

/* A piece of work that must end before the daemon may: count it. */
void daemon_busy(struct daemon *d);
void daemon_idle(struct daemon *d);

/* Read all files again, as SIGHUP asks for, now or when that is possible. */
void daemon_reload(struct daemon *d);

/* Milliseconds of CLOCK_BOOTTIME, which goes on while a machine sleeps. */
int64_t daemon_now_ms(void);

/* Unix seconds: for the disk and for people, not for decisions. */
int64_t daemon_wall_s(void);

/* A random -50..50, so that what was started together does not stay so. */
int daemon_jitter(void);

/* Arm a timer, relative; a negative delay is 0. */
void daemon_timer(struct event *timer, int64_t delay_ms);

#endif
