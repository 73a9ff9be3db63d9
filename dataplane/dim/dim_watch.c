#include "dataplane/dim/dim_watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/confine.h"
#include "dataplane/base/mem.h"

#define NS_PER_S    1000000000ull
#define BACKOFF_MAX 5 /* doublings: what cannot be reached is asked every 32nd interval */

struct side {
	struct dim_watch *w;
	struct dim *dim;
	pthread_t thread;
	bool started;
	int told; /* the kind of failure, an errno, that people know of */
};

struct dim_watch {
	dim_watch_tell *tell;
	void *arg;
	pthread_mutex_t lock; /* of stop */
	pthread_cond_t woken;
	bool stop;
	unsigned n;
	struct side sides[];
};

/* False: there is to be an end. */
static bool wait_for(struct dim_watch *w, uint64_t ns)
{
	uint64_t until = clock_mono_ns() + ns;
	struct timespec t = {(time_t)(until / NS_PER_S), (long)(until % NS_PER_S)};
	pthread_mutex_lock(&w->lock);
	while (!w->stop && pthread_cond_timedwait(&w->woken, &w->lock, &t) == 0)
		;
	bool go_on = !w->stop;
	pthread_mutex_unlock(&w->lock);
	return go_on;
}

static void tell(struct side *s, int rc, const struct err *e)
{
	char text[sizeof(e->text) + 128];
	if (rc < 0 && rc != s->told) {
		snprintf(text, sizeof(text), "%s; the rows stay as they were", e->text);
		s->w->tell(s->w->arg, text);
	} else if (rc >= 0 && e->text[0]) {
		snprintf(text, sizeof(text), "dimension %s: %s", dim_spec_of(s->dim)->name,
			 e->text);
		s->w->tell(s->w->arg, text);
	} else if (rc > 0 && s->told) {
		snprintf(text, sizeof(text), "dimension %s: read again", dim_spec_of(s->dim)->name);
		s->w->tell(s->w->arg, text);
	}
	if (rc != 0)
		s->told = rc < 0 ? rc : 0;
}

static void *watch(void *arg)
{
	struct side *s = arg;
	uint64_t every_ns = dim_spec_of(s->dim)->every_ns, pause_ns = every_ns;
	bool told = dim_is_told(s->dim);
	confine_thread();
	while (wait_for(s->w, pause_ns)) {
		struct err e = {0};
		int rc = dim_refresh(s->dim, &e);
		tell(s, rc, &e);
		if (!told || (rc < 0 && pause_ns < every_ns))
			pause_ns = every_ns;
		else if (rc >= 0)
			pause_ns = 0; /* it waits by itself */
		else if (pause_ns < every_ns << BACKOFF_MAX)
			pause_ns *= 2;
	}
	return NULL;
}

static int start_side(struct side *s, struct err *e)
{
	sigset_t all, before;
	const char *dim = dim_spec_of(s->dim)->name;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are main's */
	int rc = pthread_create(&s->thread, NULL, watch, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return err_set(e, -rc, "dimension %s: cannot start a thread: %s", dim,
			       strerror(rc));
	s->started = true;
	char name[16];
	snprintf(name, sizeof(name), "dim-%.11s", dim);
	pthread_setname_np(s->thread, name);
	return 0;
}

int dim_watch_start(struct dim *const *dims, unsigned n, dim_watch_tell *tell_fn, void *arg,
		    struct dim_watch **ret_w, struct err *e)
{
	struct dim_watch *w = mem_alloc(sizeof(*w) + n * sizeof(w->sides[0]));
	if (!w)
		return err_set(e, -ENOMEM, "no memory for the dimensions' threads");
	w->tell = tell_fn;
	w->arg = arg;
	w->n = n;
	pthread_condattr_t mono;
	pthread_condattr_init(&mono);
	pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->woken, &mono);
	pthread_condattr_destroy(&mono);
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < n; i++) {
		w->sides[i].w = w;
		w->sides[i].dim = dims[i];
		rc = start_side(&w->sides[i], e);
	}
	if (rc < 0)
		dim_watch_stop(w);
	else
		*ret_w = w;
	return rc;
}

void dim_watch_stop(struct dim_watch *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_broadcast(&w->woken);
	pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < w->n; i++)
		if (w->sides[i].started)
			pthread_join(w->sides[i].thread, NULL);
	pthread_cond_destroy(&w->woken);
	pthread_mutex_destroy(&w->lock);
	mem_free(w);
}
