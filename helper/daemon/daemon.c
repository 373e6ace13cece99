/* SPDX-License-Identifier: MIT */
/* daemon - the loop: timers, signals, and an end that loses nothing */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/util.h"
#include "helper/daemon/daemon.h"
#include "helper/daemon/fetch.h"
#include "helper/daemon/grant.h"
#include "helper/daemon/load.h"
#include "helper/daemon/log.h"
#include "helper/daemon/notify.h"
#include "helper/daemon/reseal.h"
#include "helper/daemon/run.h"
#include "helper/daemon/save.h"
#include "helper/daemon/server.h"
#include "helper/daemon/tell.h"

#define SWEEP_MS 5000
#define MINUTE_MS 60000
#define USERS_MS 300000
#define STOP_GRACE_MS 5000

/* What happens now and then. */
struct loop {
	struct daemon *daemon;
	struct event *term;
	struct event *interrupt;
	struct event *hangup;
	struct event *sweep;
	struct event *give_up;
	int64_t minute_ms; /* when the last minute began */
	int64_t users_ms;
	int64_t slept_ms; /* how far CLOCK_BOOTTIME is ahead */
	int failed;
};

void
daemon_busy(struct daemon *d)
{
	d->busy++;
}

void
daemon_idle(struct daemon *d)
{
	if (--d->busy == 0 && d->stopping)
		event_base_loopbreak(d->base);
}

static int64_t
clock_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
daemon_now_ms(void)
{
#ifdef CLOCK_BOOTTIME
	return clock_ms(CLOCK_BOOTTIME);
#else
	return clock_ms(CLOCK_MONOTONIC);
#endif
}

int64_t
daemon_wall_s(void)
{
	return time(NULL);
}

int
daemon_jitter(void)
{
	unsigned char byte = 0;

	if (getrandom(&byte, 1, GRND_NONBLOCK) != 1)
		return 0;
	return (int)byte * 100 / 255 - 50;
}

void
daemon_timer(struct event *timer, int64_t delay_ms)
{
	struct timeval tv = {0};

	if (delay_ms > 0) {
		tv.tv_sec = (time_t)(delay_ms / 1000);
		tv.tv_usec = (suseconds_t)(delay_ms % 1000 * 1000);
	}
	evtimer_add(timer, &tv);
}

static void
settle_idle(struct account *a, void *context)
{
	(void)context;
	if (!a->life.fetching)
		account_settle(a);
}

/* Stop: what is under way is finished and kept, nothing new begins. */
static void
on_stop(evutil_socket_t sig, short what, void *arg)
{
	struct loop *l = arg;
	struct daemon *d = l->daemon;

	(void)sig;
	(void)what;
	if (d->stopping)
		return;
	log_line(LEVEL_INFO, "stopping");
	notify_send("STOPPING=1");
	d->stopping = 1;
	server_stop(d->server);
	fetch_next(d);
	table_each(&d->table, settle_idle, NULL);
	daemon_timer(
	    l->give_up, d->settings.fetch_timeout_s * 1000 + STOP_GRACE_MS);
	if (d->busy == 0)
		event_base_loopbreak(d->base);
}

static void
on_give_up(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd;
	(void)what;
	log_line(LEVEL_WARNING, "not everything has ended in time");
	event_base_loopbreak(l->daemon->base);
}

static void
on_loaded(void *context, const char *first_error)
{
	(void)context;
	if (first_error)
		log_line(LEVEL_ERROR,
		    "reloaded with errors; what has errors is as before");
	else
		log_line(LEVEL_INFO, "reloaded");
	notify_send("READY=1");
}

void
daemon_reload(struct daemon *d)
{
	d->reload =
	    !d->stopping && load_start(d, 1, on_loaded, NULL) == -EALREADY;
}

static void
on_hangup(evutil_socket_t sig, short what, void *arg)
{
	struct loop *l = arg;

	(void)sig;
	(void)what;
	daemon_reload(l->daemon);
}

static void
wake(struct account *a, void *context)
{
	(void)context;
	account_event(a, EVENT_TIMER, NULL);
}

/* Timers of the event loop stand still while the machine sleeps. */
static void
catch_up_sleep(struct loop *l)
{
	int64_t slept = daemon_now_ms() - clock_ms(CLOCK_MONOTONIC);

	if (slept - l->slept_ms > 1000)
		table_each(&l->daemon->table, wake, NULL);
	l->slept_ms = slept;
}

static void
sweep(struct account *a, void *context)
{
	const int *minute = context;

	grant_check_files(a);
	if (*minute)
		save_retry(a);
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	struct daemon *d = l->daemon;
	int64_t now = util_now_ms();
	int minute = now - l->minute_ms >= MINUTE_MS;

	(void)fd;
	(void)what;
	if (d->stopping)
		return;
	catch_up_sleep(l);
	table_each(&d->table, sweep, &minute);
	if (d->settings.notify_command)
		table_each(&d->table, tell, NULL);
	if (minute) {
		log_flush();
		l->minute_ms = now;
	}
	if (now - l->users_ms >= USERS_MS) {
		load_unknown_users(d);
		l->users_ms = now;
	}
	daemon_timer(l->sweep, SWEEP_MS);
}

static void
on_spawner_lost(void *context)
{
	struct loop *l = context;

	log_line(LEVEL_ERROR, "the process that starts children is gone");
	l->failed = 1;
	on_stop(0, 0, l);
}

static int
watch(struct loop *l)
{
	struct event_base *base = l->daemon->base;

	l->term = evsignal_new(base, SIGTERM, on_stop, l);
	l->interrupt = evsignal_new(base, SIGINT, on_stop, l);
	l->hangup = evsignal_new(base, SIGHUP, on_hangup, l);
	l->sweep = evtimer_new(base, on_sweep, l);
	l->give_up = evtimer_new(base, on_give_up, l);
	if (!l->term || !l->interrupt || !l->hangup || !l->sweep ||
	    !l->give_up || event_add(l->term, NULL) < 0 ||
	    event_add(l->interrupt, NULL) < 0 || event_add(l->hangup, NULL) < 0)
		return -ENOMEM;
	/* before the requests of the same round, which may be about the new */
	event_priority_set(l->hangup, 0);
	daemon_timer(l->sweep, SWEEP_MS);
	return 0;
}

static int
start(struct loop *l, int spawner_fd)
{
	struct daemon *d = l->daemon;
	int r;

	d->base = event_base_new();
	if (!d->base || event_base_priority_init(d->base, 2) < 0)
		return -ENOMEM;
	d->children = children_new(d->base, spawner_fd, on_spawner_lost, l);
	if (!d->children)
		return -ENOMEM;
	r = worker_start(d->base, &d->worker);
	if (r == 0)
		r = watch(l);
	if (r == 0)
		r = load_now(d);
	if (r == 0) {
		d->server = server_new(d);
		r = d->server ? 0 : -ENOMEM;
	}
	return r;
}

static void
let_go(struct account *a, void *context)
{
	(void)context;
	save_last(a);
	a->pins = (unsigned)a->box_count;
}

/* The last thing: what the disk has refused so far is tried once more. */
static void
finish(struct loop *l)
{
	struct daemon *d = l->daemon;
	size_t i;

	worker_stop(d->worker);
	server_free(d->server);
	table_each(&d->table, let_go, NULL);
	for (i = 0; i < d->table.count; i++)
		account_drop(d->table.by_name[i]);
	table_clear(&d->table);
	reseal_clear(d);
	children_free(d->children);
	if (l->term)
		event_free(l->term);
	if (l->interrupt)
		event_free(l->interrupt);
	if (l->hangup)
		event_free(l->hangup);
	if (l->sweep)
		event_free(l->sweep);
	if (l->give_up)
		event_free(l->give_up);
	if (d->base)
		event_base_free(d->base);
	log_flush();
}

int
daemon_run(struct daemon *d, int spawner_fd, void (*ready)(void *), void *arg)
{
	struct loop l = {.daemon = d};
	char text[64];
	int r;

	l.slept_ms = daemon_now_ms() - clock_ms(CLOCK_MONOTONIC);
	l.minute_ms = l.users_ms = util_now_ms();
	r = start(&l, spawner_fd);
	if (r < 0) {
		log_line(LEVEL_ERROR, "cannot start: %s",
		    err_text(r, text, sizeof(text)));
	} else {
		log_line(LEVEL_INFO, "ready, %zu account%s", d->table.count,
		    d->table.count == 1 ? "" : "s");
		notify_send("READY=1");
		ready(arg);
		event_base_dispatch(d->base);
	}
	finish(&l);
	return r < 0 ? r : l.failed ? -EPIPE : 0;
}
