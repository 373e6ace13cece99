/* SPDX-License-Identifier: MIT */
/* pump - carry bytes both ways */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/mail/pump.h"

#define FLOW_SIZE 65536

enum { PROGRESS = 1 };

/* One direction. */
struct flow {
	struct stream *from, *to;
	size_t begin, end;	    /* of what is to be given on */
	int eof;		    /* nothing comes any more */
	short get_waits, put_waits; /* poll events, after -EAGAIN */
	char buf[FLOW_SIZE];
};

struct pump {
	struct flow up;	   /* to the server */
	struct flow down;  /* to the program */
	int64_t linger_ms; /* until when, once the program has ended its part */
};

static short
waits(const struct stream *s)
{
	return s->wants_write ? POLLOUT : POLLIN;
}

/* Returns PROGRESS, 0 when there is nothing to do now, or a negative errno. */
static int
fill(struct flow *f)
{
	ssize_t n;

	if (f->eof || f->end > 0)
		return 0;
	n = stream_get(f->from, f->buf, sizeof(f->buf));
	if (n == -EAGAIN) {
		f->get_waits = waits(f->from);
		return 0;
	}
	if (n < 0)
		return (int)n;
	f->eof = n == 0;
	f->end = (size_t)n;
	return PROGRESS;
}

/* The same for giving it on. */
static int
drain(struct flow *f)
{
	ssize_t n;

	if (f->end == 0)
		return 0;
	n = stream_put(f->to, f->buf + f->begin, f->end - f->begin);
	if (n == -EAGAIN) {
		f->put_waits = waits(f->to);
		return 0;
	}
	if (n < 0)
		return (int)n;
	f->begin += (size_t)n;
	if (f->begin == f->end)
		f->begin = f->end = 0;
	return PROGRESS;
}

static short
events_in(const struct flow *f)
{
	if (f->eof || f->end > 0)
		return 0;
	return f->get_waits;
}

static short
events_out(const struct flow *f)
{
	if (f->end == 0)
		return 0;
	return f->put_waits;
}

/*
 * Wait until something can be done. Where the program has ended its part its
 * other end is watched too: once nobody reads there, all is over.
 *
 * Returns 0, -ETIMEDOUT, -EPIPE or another negative errno.
 */
static int
wait_for_either(const struct pump *p)
{
	int over = p->up.eof && p->up.end == 0;
	short out = events_out(&p->down);
	struct pollfd fds[] = {
	    {p->up.to->in, (short)(events_in(&p->down) | events_out(&p->up)),
		0},
	    {out || over ? p->down.to->out : -1, out, 0},
	    {events_in(&p->up) ? p->up.from->in : -1, events_in(&p->up), 0},
	};
	int64_t left_ms = over ? p->linger_ms - util_now_ms() : -1;

	if (over && left_ms <= 0)
		return -ETIMEDOUT;
	if (poll(fds, COUNT_OF(fds), (int)left_ms) < 0)
		return errno == EINTR ? 0 : -errno;
	return over && fds[1].revents & (POLLERR | POLLHUP) ? -EPIPE : 0;
}

/* Do what can be done. Returns as fill(). */
static int
turn(struct pump *p, int *ret_server)
{
	int r, progress = 0;

	*ret_server = 0;
	r = fill(&p->up);
	if (r < 0) /* a program that has gone has nothing more to say */
		p->up.eof = 1;
	progress |= r;
	r = drain(&p->down);
	if (r < 0)
		return r;
	progress |= r;
	*ret_server = 1;
	r = fill(&p->down);
	if (r >= 0) {
		progress |= r;
		r = drain(&p->up);
	}
	return r < 0 ? r : progress | r;
}

static int
broken(struct stream *server, int code)
{
	char text[64];

	snprintf(server->error, sizeof(server->error),
	    "the connection to the mail server broke: %s",
	    err_text(code, text, sizeof(text)));
	return EX_TEMPFAIL;
}

static int
run(struct pump *p)
{
	int r, of_server;

	for (;;) {
		r = turn(p, &of_server);
		if (r < 0)
			return of_server ? broken(p->up.to, r) : 0;
		if (p->down.eof && p->down.end == 0)
			return 0;
		if (r == PROGRESS) {
			p->linger_ms = util_now_ms() + PUMP_LINGER_MS;
			continue;
		}
		if (wait_for_either(p) < 0)
			return 0;
	}
}

int
pump(struct stream *server, struct stream *local)
{
	struct pump *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return broken(server, -ENOMEM);
	p->up.from = p->down.to = local;
	p->up.to = p->down.from = server;
	r = run(p);
	util_wipe(p, sizeof(*p));
	free(p);
	return r;
}
