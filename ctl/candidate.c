#include "ctl/candidate.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/config_compare.h"
#include "dataplane/base/confine.h"
#include "dataplane/base/mem.h"

struct candidate {
	atomic_bool built;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t gone;
	bool dropped;
	void (*last)(void *arg);
	void *last_arg;

	atomic_uint *n_alive;
	char *path;
	void (*then)(void *arg, const struct candidate *c);
	void *then_arg;
	struct generation *runs, *made;
	unsigned restarts;
	char *text;
	size_t text_len;
};

int candidate_load(const char *path, struct generation *runs, struct generation **ret_g,
		   unsigned *ret_restarts, FILE *out)
{
	struct config *conf = NULL;
	struct err_list errs = {0};
	struct err e = {0};
	int rc = config_load_beside(path, &conf, &errs);
	err_list_print(&errs, out);
	err_list_fini(&errs);
	if (rc < 0)
		return rc;
	*ret_restarts = config_restarts(runs->conf, conf, out);
	conf->started = runs->conf->started ? runs->conf->started : runs->conf;
	rc = generation_build(conf, runs, ret_g, out, &e);
	if (rc == 0)
		(*ret_g)->own_conf = conf;
	else
		config_free(conf);
	if (rc < 0)
		fprintf(out, "%s\n", e.text);
	return rc;
}

static void wait_for_drop(struct candidate *c)
{
	pthread_mutex_lock(&c->lock);
	while (!c->dropped)
		pthread_cond_wait(&c->gone, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

static void free_candidate(struct candidate *c)
{
	generation_put(c->made);
	generation_put(c->runs);
	pthread_cond_destroy(&c->gone);
	pthread_mutex_destroy(&c->lock);
	free(c->text);
	mem_free(c->path);
	mem_free(c);
}

/* Builds it, and takes it apart: both may take seconds, in which nobody waits. */
static void *run(void *arg)
{
	struct candidate *c = arg;
	atomic_uint *n_alive = c->n_alive;
	confine_thread();
	FILE *out = open_memstream(&c->text, &c->text_len);
	if (out) {
		candidate_load(c->path, c->runs, &c->made, &c->restarts, out);
		fclose(out);
	}
	if (c->made && c->then)
		c->then(c->then_arg, c);
	atomic_store_explicit(&c->built, true, memory_order_release);
	wait_for_drop(c);
	if (c->last)
		c->last(c->last_arg);
	free_candidate(c);
	atomic_fetch_sub(n_alive, 1);
	return NULL;
}

int candidate_begin(const char *path, struct generation *runs, atomic_uint *io_n_alive,
		    void (*then)(void *arg, const struct candidate *c), void *arg,
		    struct candidate **ret_c, struct err *e)
{
	sigset_t all, before;
	pthread_t thread;
	struct candidate *c = mem_alloc(sizeof(*c));
	char *copy = c ? mem_strdup(path) : NULL;
	if (!copy) {
		mem_free(c);
		return err_set(e, -ENOMEM, "no memory");
	}
	c->path = copy;
	c->then = then;
	c->then_arg = arg;
	c->n_alive = io_n_alive;
	c->runs = generation_get(runs);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->gone, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&thread, NULL, run, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc) {
		free_candidate(c);
		return err_set(e, -rc, "no thread: %s", strerror(rc));
	}
	pthread_detach(thread);
	atomic_fetch_add(io_n_alive, 1);
	*ret_c = c;
	return 0;
}

void candidate_drop(struct candidate *c, void (*last)(void *arg), void *arg)
{
	pthread_mutex_lock(&c->lock);
	c->dropped = true;
	c->last = last;
	c->last_arg = arg;
	pthread_cond_signal(&c->gone);
	pthread_mutex_unlock(&c->lock);
}

bool candidate_is_built(const struct candidate *c)
{
	return atomic_load_explicit(&c->built, memory_order_acquire);
}

struct generation *candidate_generation(const struct candidate *c)
{
	return c->made;
}

const char *candidate_text(const struct candidate *c)
{
	return c->text && *c->text ? c->text : c->made ? "" : "no memory\n";
}

unsigned candidate_restarts(const struct candidate *c)
{
	return c->restarts;
}
