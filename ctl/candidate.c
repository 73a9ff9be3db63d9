#include "ctl/candidate.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/config_compare.h"
#include "dataplane/base/confine.h"
#include "dataplane/base/mem.h"

struct candidate {
	pthread_t thread;
	bool has_thread;
	atomic_bool built;
	char *path;
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
	/* It is built beside the sources that run. */
	if (!config_same_sources(runs->conf, conf)) {
		config_free(conf);
		return -EINVAL;
	}
	rc = generation_build(conf, runs, ret_g, out, &e);
	if (rc == 0)
		(*ret_g)->own_conf = conf;
	else
		config_free(conf);
	if (rc < 0)
		fprintf(out, "%s\n", e.text);
	return rc;
}

static void *run(void *arg)
{
	struct candidate *c = arg;
	confine_thread();
	FILE *out = open_memstream(&c->text, &c->text_len);
	if (out) {
		candidate_load(c->path, c->runs, &c->made, &c->restarts, out);
		fclose(out);
	}
	atomic_store_explicit(&c->built, true, memory_order_release);
	return NULL;
}

int candidate_begin(const char *path, struct generation *runs, struct candidate **ret_c,
		    struct err *e)
{
	sigset_t all, before;
	struct candidate *c = mem_alloc(sizeof(*c));
	char *copy = c ? mem_strdup(path) : NULL;
	if (!copy) {
		mem_free(c);
		return err_set(e, -ENOMEM, "no memory");
	}
	c->path = copy;
	c->runs = generation_get(runs);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&c->thread, NULL, run, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	c->has_thread = rc == 0;
	if (rc) {
		candidate_drop(c);
		return err_set(e, -rc, "no thread: %s", strerror(rc));
	}
	*ret_c = c;
	return 0;
}

void candidate_drop(struct candidate *c)
{
	if (!c)
		return;
	if (c->has_thread)
		pthread_join(c->thread, NULL);
	generation_put(c->made);
	generation_put(c->runs);
	free(c->text);
	mem_free(c->path);
	mem_free(c);
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
