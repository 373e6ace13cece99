/* SPDX-License-Identifier: MIT */
/* worker - one thread for what waits for a disk */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "helper/daemon/worker.h"

struct queue {
	struct job *first;
	struct job **last;
};

struct worker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct queue todo;
	struct queue finished;
	int stopping;
	int wake[2]; /* pipe: the thread has put something in finished */
	struct event *event;
};

static void
queue_add(struct queue *q, struct job *j)
{
	j->next = NULL;
	*q->last = j;
	q->last = &j->next;
}

/* Take the first job, or NULL. */
static struct job *
queue_take(struct queue *q)
{
	struct job *j = q->first;

	if (!j)
		return NULL;
	q->first = j->next;
	if (!q->first)
		q->last = &q->first;
	return j;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct job *j;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		j = queue_take(&w->todo);
		if (!j && w->stopping)
			break;
		if (!j) {
			pthread_cond_wait(&w->more, &w->lock);
			continue;
		}
		pthread_mutex_unlock(&w->lock);
		j->run(j);
		pthread_mutex_lock(&w->lock);
		queue_add(&w->finished, j);
		/* a full pipe wakes the loop as well */
		(void)!write(w->wake[1], "", 1);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void
finish_jobs(struct worker *w)
{
	struct job *j;

	for (;;) {
		pthread_mutex_lock(&w->lock);
		j = queue_take(&w->finished);
		pthread_mutex_unlock(&w->lock);
		if (!j)
			return;
		j->done(j);
	}
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	char buf[256];

	(void)what;
	while (read(fd, buf, sizeof(buf)) == (ssize_t)sizeof(buf))
		;
	finish_jobs(arg);
}

/* Signals are the event loop's. */
static int
start_thread(struct worker *w)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&w->thread, NULL, work, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

static void
worker_free(struct worker *w)
{
	if (w->event)
		event_free(w->event);
	if (w->wake[0] >= 0) {
		close(w->wake[0]);
		close(w->wake[1]);
	}
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->more);
	free(w);
}

int
worker_start(struct event_base *base, struct worker **ret)
{
	struct worker *w = calloc(1, sizeof(*w));
	int r = -ENOMEM;

	if (!w)
		return -ENOMEM;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	w->todo.last = &w->todo.first;
	w->finished.last = &w->finished.first;
	w->wake[0] = -1;
	if (pipe2(w->wake, O_CLOEXEC | O_NONBLOCK) < 0) {
		r = -errno;
		goto out;
	}
	w->event =
	    event_new(base, w->wake[0], EV_READ | EV_PERSIST, on_wake, w);
	if (!w->event || event_add(w->event, NULL) < 0)
		goto out;
	r = start_thread(w);
	if (r == 0)
		*ret = w;
out:
	if (r < 0)
		worker_free(w);
	return r;
}

void
worker_submit(struct worker *w, struct job *j)
{
	pthread_mutex_lock(&w->lock);
	queue_add(&w->todo, j);
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
}

void
worker_stop(struct worker *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = 1;
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	finish_jobs(w);
	worker_free(w);
}
