/* Reload: a new generation is built beside the one that runs, in a thread of its own; the workers
 * take it between two turns, idle ones too; what it replaces goes when every one of them is past
 * it. Until the workers take it, any failure leaves everything as it was.
 *
 *     asked > building > built > taking > settling > done, or failed
 */
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/candidate.h"
#include "ctl/say.h"
#include "ctl/topology_parts.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/confine.h"
#include "dataplane/base/mem.h"
#include "dataplane/dim/dim_watch.h"

#define MOVING_MAX 16

enum step { IDLE, BUILDING, BUILT, TAKING, SETTLING };

struct reload {
	struct topology *t;
	pthread_t thread;
	bool has_thread; /* to be joined */
	atomic_int step; /* enum step; BUILDING to BUILT: the thread; the others: main */
	unsigned n;      /* of this reload */
	uint64_t began_ns;
	int rc; /* of the thread */
	char *text;
	size_t text_len;
	struct generation *next;
	struct worker_gen **gens; /* by worker */
	struct outlets *outlets;  /* of next */

	pthread_mutex_t lock; /* of what is shown */
	unsigned n_asked;     /* by API or signal */
	unsigned n_done;
	bool ok;
	char *why; /* of the last one that ended; may be empty */
	uint64_t took_ms;
	atomic_bool hangup; /* asked for by a signal */
};

/* ---- the thread that builds ---- */

static int build_gens(struct reload *r, struct err *e)
{
	struct worker_conf wc = generation_worker_conf(r->next);
	int rc = 0;
	wc.frame = &r->t->frame;
	wc.out.arg = r->outlets;
	r->gens = mem_alloc(r->t->n_workers * sizeof(struct worker_gen *));
	if (!r->gens)
		return err_set(e, -ENOMEM, "no memory");
	for (unsigned i = 0; rc == 0 && i < r->t->n_workers; i++)
		rc = worker_gen_create(r->t->workers[i], &wc, &r->gens[i], e);
	return rc;
}

/* As before the start of a run. */
static int run_new_keepers(const struct generation *g, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < g->conf->n_sources; i++) {
		const struct frame_source *s = &g->pipeline->frame_sources[i];
		if (s->keep && !s->goes_on && (rc = s->parser->keep_run(s->keep, false, e)) < 0)
			err_prefix(e, rc, "source %s: ", s->name);
	}
	return rc;
}

static int build(struct reload *r, FILE *out)
{
	struct topology *t = r->t;
	struct err e = {0};
	unsigned n_restarts = 0;
	int rc = candidate_load(t->first->conf->path, t->gen, &r->next, &n_restarts, out);
	if (rc < 0 || n_restarts > 0)
		return -EINVAL;
	rc = topology_make_outlets(t, r->next, t->outlets, &r->outlets, &e);
	if (rc == 0)
		rc = topology_open_outlets(r->outlets, t->outlets, &e);
	if (rc == 0)
		rc = build_gens(r, &e);
	if (rc == 0)
		rc = run_new_keepers(r->next, &e);
	if (rc < 0)
		fprintf(out, "%s\n", e.text);
	return rc;
}

/* What was built, or what it has replaced. */
static void drop_built(struct reload *r)
{
	topology_drop_outlets(r->outlets, r->t->outlets);
	r->outlets = NULL;
	for (unsigned i = 0; r->gens && i < r->t->n_workers; i++)
		worker_gen_destroy(r->gens[i]);
	mem_free(r->gens);
	r->gens = NULL;
	generation_put(r->next);
	r->next = NULL;
}

static void *run(void *arg)
{
	struct reload *r = arg;
	FILE *out = open_memstream(&r->text, &r->text_len);
	confine_thread();
	r->rc = out ? build(r, out) : -ENOMEM;
	if (out)
		fclose(out);
	atomic_store_explicit(&r->step, BUILT, memory_order_release);
	return NULL;
}

/* ---- main ---- */

static void start(struct reload *r)
{
	sigset_t all, before;
	r->n++;
	r->began_ns = clock_mono_ns();
	atomic_store(&r->step, BUILDING);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&r->thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	r->has_thread = rc == 0;
	if (rc == 0)
		return;
	r->rc = -rc;
	atomic_store(&r->step, BUILT);
}

/* Shows how it ended, and is ready for the next. */
static void end(struct reload *r, bool ok)
{
	uint64_t took_ms = (clock_mono_ns() - r->began_ns) / 1000000;
	const char *why = r->text && *r->text ? r->text : strerror(-r->rc);
	/* Each was built in a thread of its own, and so most likely in another arena. */
	malloc_trim(0);
	if (ok)
		say(SAY_INFO, "reload %u: done in %" PRIu64 " ms", r->n, took_ms);
	else
		say(SAY_ERROR, "reload %u: failed, everything stays as it was: %.*s", r->n,
		    (int)(strlen(why) - (why[strlen(why) - 1] == '\n')), why);
	pthread_mutex_lock(&r->lock);
	free(r->why);
	r->why = r->text ? r->text : strdup(ok ? "" : strerror(-r->rc));
	r->text = NULL;
	r->ok = ok;
	r->took_ms = took_ms;
	r->n_done = r->n;
	pthread_mutex_unlock(&r->lock);
	atomic_store(&r->step, IDLE);
}

static void keep_source(struct topology *t, const struct frame_table *sources, unsigned s)
{
	const char *name = t->conf->sources[s].name;
	const struct parser *p = t->conf->sources[s].parser;
	struct frame_left left;
	if (!frame_table_left(sources, s, &left))
		return;
	report_add(t->past, &frame_ledger, name, left.row);
	topology_report_reasons(t->past, name, left.reasons);
	if (p->pool_row)
		report_add(t->past, p->ledger, name, p->pool_row(left.pool));
}

/* The rows of what is replaced go on, as those of the past. */
static void keep_rows(struct topology *t, const struct worker_gen *g)
{
	const struct graph_plan *plan = &t->pipeline->graph;
	const struct extract *x = worker_gen_extract(g);
	const struct graph *graph = worker_gen_graph(g);
	for (unsigned s = 0; s < t->conf->n_sources; s++) {
		keep_source(t, worker_gen_sources(g), s);
		report_add(t->past, &extract_ledger, t->conf->sources[s].name, extract_row(x, s));
		report_add(t->past, &graph_ledger, t->conf->sources[s].name, graph_row(graph, s));
	}
	for (unsigned i = 0; i < plan->n_nodes; i++)
		report_add(t->past, plan->nodes[i].op->ledger, plan->nodes[i].name,
			   graph_node_row(graph, i));
	for (unsigned o = plan->n_sources; o < plan->n_origins; o++)
		report_add(t->past, &graph_ledger, t->conf->origins[o].name, graph_row(graph, o));
}

/* What sources that are gone have to tell: there is no other report of it. */
static void tell_left(const struct reload *r)
{
	const struct topology *t = r->t;
	const void *pools[TOPOLOGY_WORKERS_MAX];
	struct frame_left left;
	for (unsigned s = 0; s < t->conf->n_sources; s++) {
		unsigned n = 0;
		while (n < t->n_workers &&
		       frame_table_left(worker_gen_sources(r->gens[n]), s, &left))
			pools[n++] = left.pool;
		if (n == t->n_workers)
			topology_tell_left(t, s, pools);
	}
}

static bool all_taken(const struct topology *t)
{
	for (unsigned i = 0; i < t->n_workers; i++)
		if (!worker_gen_taken(t->workers[i]))
			return false;
	return true;
}

static bool same_dimensions(const struct generation *was, const struct generation *is)
{
	bool same = was->conf->n_dimensions == is->conf->n_dimensions;
	for (size_t i = 0; same && i < is->conf->n_dimensions; i++)
		same = was->pipeline->dims[i] == is->pipeline->dims[i];
	return same;
}

/* What parsers of sources that are gone keep is written once more. */
static void end_keepers(const struct generation *was, const struct generation *is)
{
	for (size_t i = 0; i < was->conf->n_sources; i++) {
		const struct frame_source *s = &was->pipeline->frame_sources[i];
		bool goes_on = false;
		struct err e;
		for (size_t k = 0; s->keep && !goes_on && k < is->conf->n_sources; k++)
			goes_on = is->pipeline->frame_sources[k].keep == s->keep;
		if (s->keep && !goes_on && s->parser->keep_run(s->keep, true, &e) < 0)
			say(SAY_WARNING, "source %s: %s", s->name, e.text);
	}
}

/* All workers run the new generation: main goes over to it, and so does who asks. */
static void go_over(struct reload *r)
{
	struct topology *t = r->t;
	struct generation *was = t->gen;
	struct err e;
	for (unsigned i = 0; i < t->n_workers; i++)
		keep_rows(t, r->gens[i]);
	tell_left(r);
	bool watch = !same_dimensions(was, r->next);
	if (watch) {
		dim_watch_stop(t->watch);
		t->watch = NULL;
	}
	if (t->control)
		control_lock(t->control);
	t->n_reloads++;
	struct outlets *left = t->outlets;
	topology_take_outlets(t, r->outlets);
	topology_free_outlets(left);
	r->outlets = NULL;
	t->gen = r->next;
	t->conf = t->gen->conf;
	t->pipeline = t->gen->pipeline;
	r->next = was; /* to be dropped, once every worker is past it */
	if (t->control) {
		control_set_config(t->control, t->conf);
		control_unlock(t->control);
	}
	end_keepers(was, t->gen);
	mem_free(t->snapshots);
	if (topology_build_snapshots(t, &e) < 0 || topology_list_keepers(t, &e) < 0)
		say(SAY_ERROR, "%s", e.text);
	if (watch)
		topology_watch_dimensions(t);
}

static void take_built(struct reload *r)
{
	struct topology *t = r->t;
	if (r->has_thread)
		pthread_join(r->thread, NULL);
	if (r->rc < 0) {
		drop_built(r);
		end(r, false);
		return;
	}
	topology_mark_outlets(t, r->outlets);
	for (unsigned i = 0; i < t->n_workers; i++)
		worker_gen_give(t->workers[i], r->gens[i]);
	atomic_store(&r->step, TAKING);
}

bool topology_reload_takes(const struct topology *t)
{
	return atomic_load_explicit(&t->reload->step, memory_order_acquire) == TAKING;
}

bool topology_reload_step(struct topology *t)
{
	struct reload *r = t->reload;
	switch (atomic_load_explicit(&r->step, memory_order_acquire)) {
	case IDLE:
		pthread_mutex_lock(&r->lock);
		r->n_asked += atomic_exchange(&r->hangup, false) && r->n_asked == r->n;
		bool asked = r->n_asked > r->n;
		pthread_mutex_unlock(&r->lock);
		/* What earlier ones have left comes to its end; there is a limit to it. */
		if (asked && t->n_moving < MOVING_MAX)
			start(r);
		return false;
	case BUILDING:
		return false;
	case BUILT:
		if (topology_answered(t)) /* no snapshot is made of what is exchanged */
			take_built(r);
		return true;
	case TAKING:
		if (!all_taken(t))
			return true;
		go_over(r);
		topology_ask(t);
		atomic_store(&r->step, SETTLING);
		return true;
	default:
		if (!topology_answered(t))
			return true;
		drop_built(r);
		end(r, true);
		return false;
	}
}

/* The workers have ended: what was given to them and not taken is exchanged here. */
void topology_reload_finish(struct topology *t)
{
	struct reload *r = t->reload;
	if (atomic_load(&r->step) == BUILDING || atomic_load(&r->step) == BUILT) {
		if (r->has_thread)
			pthread_join(r->thread, NULL);
		drop_built(r);
		atomic_store(&r->step, IDLE);
	}
	if (atomic_load(&r->step) == TAKING) {
		for (unsigned i = 0; i < t->n_workers; i++)
			if (!worker_gen_taken(t->workers[i]))
				worker_gen_take_late(t->workers[i]);
		go_over(r);
		atomic_store(&r->step, SETTLING);
	}
	if (atomic_load(&r->step) == SETTLING) {
		drop_built(r);
		end(r, true);
	}
}

void topology_reload(struct topology *t)
{
	atomic_store(&t->reload->hangup, true);
}

/* ---- commands ---- */

int topology_reload_ask(void *arg, json_t *reply, struct err *e)
{
	struct reload *r = ((struct topology *)arg)->reload;
	pthread_mutex_lock(&r->lock);
	bool busy = r->n_asked > r->n_done;
	if (!busy)
		r->n_asked++;
	unsigned n = r->n_asked;
	pthread_mutex_unlock(&r->lock);
	if (busy)
		return err_set(e, -EBUSY, "reload %u is under way: see `reload status`", n);
	json_object_set_new(reply, "reload", json_integer(n));
	json_object_set_new(reply, "state", json_string("building"));
	return 0;
}

void topology_reload_show(void *arg, json_t *reply)
{
	struct reload *r = ((struct topology *)arg)->reload;
	pthread_mutex_lock(&r->lock);
	bool busy = r->n_asked > r->n_done;
	const char *state = busy ? "building" : !r->n_done ? "never" : r->ok ? "done" : "failed";
	json_object_set_new(reply, "reload", json_integer(busy ? r->n_asked : r->n_done));
	json_object_set_new(reply, "state", json_string(state));
	if (!busy && r->n_done) {
		json_t *why = json_string(r->why ? r->why : "");
		json_object_set_new(reply, "took_ms", json_integer((json_int_t)r->took_ms));
		json_object_set_new(reply, "why", why ? why : json_string("not UTF-8"));
	}
	pthread_mutex_unlock(&r->lock);
}

int topology_reload_create(struct topology *t, struct err *e)
{
	t->reload = mem_alloc(sizeof(*t->reload));
	t->past = report_create();
	if (!t->reload || !t->past)
		return err_set(e, -ENOMEM, "no memory");
	t->reload->t = t;
	pthread_mutex_init(&t->reload->lock, NULL);
	return 0;
}

void topology_reload_destroy(struct topology *t)
{
	report_destroy(t->past);
	if (!t->reload)
		return;
	free(t->reload->why);
	free(t->reload->text);
	pthread_mutex_destroy(&t->reload->lock);
	mem_free(t->reload);
}
