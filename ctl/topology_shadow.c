/* A candidate beside what runs (dataplane/shadow.h): built in a thread, given to the workers
 * between two turns, taken back by time, by command, or when who asked has gone; ended, where that
 * takes long, by the thread that built.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/candidate.h"
#include "ctl/config_compare.h"
#include "ctl/record_diff.h"
#include "ctl/topology_parts.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/graph/op_feed.h"
#include "dataplane/shadow.h"

/* Counts of very many queues are told less often. */
#define TELL_EVERY_NS   NS_PER_S
#define TELL_QUEUES_MAX 1000

enum stage { BUILDING, RUNS, SETTLES, ENDED };

/* What one worker has. */
struct part {
	struct errand errand;
	struct shadow *shadow;
	struct shadow *give; /* what the errand brings; NULL: nothing */
	unsigned n_told;     /* samples */
};

struct side_plan {
	struct graph_plan plan;
	struct graph_node *nodes;
	uint16_t *queues;
};

struct shadowing {
	struct control_job job; /* first */
	struct topology *t;
	struct shadow_query q;
	struct candidate *candidate;
	struct generation *runs;
	enum stage stage;
	int rc; /* of what is made of the candidate */
	struct err wrong;
	const char *end;    /* why it has ended */
	unsigned n_settled; /* parts of these */
	unsigned n_reloads; /* when it began */
	uint64_t began_ns, told_ns;
	struct side_plan plans[2];
	const char **names; /* of queues of both sides */
	unsigned n_queues;
	struct part *parts; /* by worker */
	char *text;         /* to be read */
	size_t text_len, text_at;
	FILE *out; /* into text */
};

/* ---- what feeds a dimension that others read must not do it twice ---- */

static void pass_by(const struct op_plan *p, void *state, struct op_run *x, struct rec *const *recs,
		    unsigned n)
{
}

static const struct op op_muted = {.name = "muted", .run = pass_by};

static bool is_lent(const struct generation *g, const char *dimension)
{
	for (size_t i = 0; i < g->conf->n_dimensions; i++)
		if (strcmp(g->conf->dimensions[i].spec.name, dimension) == 0)
			return g->pipeline->dims_lent[i];
	return false;
}

static int copy_plan(struct side_plan *s, const struct generation *g, bool runs)
{
	const struct graph_plan *plan = &g->pipeline->graph;
	s->plan = *plan;
	s->nodes = mem_alloc((plan->n_nodes + 1) * sizeof(*s->nodes));
	s->queues = mem_alloc((g->conf->n_queues + 1) * sizeof(*s->queues));
	if (!s->nodes || !s->queues)
		return -ENOMEM;
	memcpy(s->nodes, plan->nodes, plan->n_nodes * sizeof(*s->nodes));
	for (unsigned i = 0; i < plan->n_nodes; i++)
		if (s->nodes[i].op == &op_feed && (runs || is_lent(g, s->nodes[i].name)))
			s->nodes[i].op = &op_muted;
	s->plan.nodes = s->nodes;
	return 0;
}

/* Queues of one name are one. Those of both sides stand in one order, most often: the one behind
 * the last is looked at first.
 */
static uint16_t number_of(struct shadowing *j, const char *name, unsigned *io_next)
{
	unsigned n = j->n_queues, i = 0;
	while (i < n && strcmp(j->names[(*io_next + i) % n], name) != 0)
		i++;
	unsigned at = i < n ? (*io_next + i) % n : j->n_queues++;
	j->names[at] = name;
	*io_next = at + 1;
	return (uint16_t)at;
}

static int make_plans(struct shadowing *j, const struct generation *gens[2])
{
	j->names = mem_alloc((gens[0]->conf->n_queues + gens[1]->conf->n_queues + 1) *
			     sizeof(*j->names));
	if (!j->names)
		return -ENOMEM;
	for (unsigned i = 0; i < 2; i++)
		if (copy_plan(&j->plans[i], gens[i], i == PAIR_OLD) < 0)
			return -ENOMEM;
	unsigned next = 0;
	for (size_t q = 0; q < gens[PAIR_OLD]->conf->n_queues; q++) {
		j->plans[PAIR_OLD].queues[q] = (uint16_t)j->n_queues;
		j->names[j->n_queues++] = gens[PAIR_OLD]->conf->queues[q].name;
	}
	for (size_t q = 0; q < gens[PAIR_NEW]->conf->n_queues; q++)
		j->plans[PAIR_NEW].queues[q] =
			number_of(j, gens[PAIR_NEW]->conf->queues[q].name, &next);
	return 0;
}

static int make_all(struct shadowing *j, const struct generation *made, struct err *e)
{
	const struct generation *gens[2] = {j->runs, made};
	struct shadow_conf c = {.samples_max = j->q.samples, .line_max = j->t->batch_cap};
	if (make_plans(j, gens) < 0)
		return err_set(e, -ENOMEM, "no memory for a shadow");
	for (unsigned i = 0; i < 2; i++) {
		c.sides[i].conf = generation_worker_conf(gens[i]);
		c.sides[i].conf.graph = &j->plans[i].plan;
		c.sides[i].conf.frame = &j->t->first->conf->frame;
		c.sides[i].queues = j->plans[i].queues;
	}
	c.n_queues = j->n_queues;
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < j->t->n_workers; i++)
		rc = shadow_create(&c, &j->parts[i].shadow, e);
	return rc;
}

/* By the thread that builds. */
static void make_shadows(void *arg, const struct candidate *c)
{
	struct shadowing *j = arg;
	if (candidate_restarts(c) == 0)
		j->rc = make_all(j, candidate_generation(c), &j->wrong);
}

/* ---- workers ---- */

static bool give(void *arg, struct worker *w)
{
	worker_shadow(w, ((struct part *)arg)->give);
	return true;
}

/* To all workers; waits as long as a turn takes. False: some have ended. */
static bool give_all(struct shadowing *j, bool in)
{
	for (unsigned i = 0; i < j->t->n_workers; i++) {
		struct part *p = &j->parts[i];
		p->give = in ? p->shadow : NULL;
		p->errand = (struct errand){.piece = give, .arg = p};
	}
	return topology_errands(j->t, &j->parts[0].errand, sizeof(j->parts[0]));
}

/* ---- what is told ---- */

static uint64_t count_of(const struct shadowing *j, unsigned queue, enum pair_fate fate)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < j->t->n_workers; i++)
		n += record_pairs_count(shadow_pairs(j->parts[i].shadow), queue, fate);
	return n;
}

static json_t *counts(const struct shadowing *j, const char *state, const char *end)
{
	struct shadow_load sum = {.share = SHADOW_SHARE_MAX};
	json_t *rows = json_array();
	for (unsigned i = 0; i < j->t->n_workers; i++) {
		struct shadow_load l = shadow_load(j->parts[i].shadow);
		sum.frames += l.frames;
		sum.compared += l.compared;
		sum.too_long += l.too_long;
		sum.share = l.share < sum.share ? l.share : sum.share;
	}
	for (unsigned q = 0; q < j->n_queues; q++) {
		json_t *row = json_pack("{s:s}", "queue", j->names[q]);
		for (unsigned f = 0; f < PAIR_N_FATES; f++)
			json_object_set_new(row, pair_fate_names[f],
					    json_integer((json_int_t)count_of(j, q, f)));
		json_array_append_new(rows, row);
	}
	uint64_t s = (clock_mono_ns() - j->began_ns) / NS_PER_S;
	return json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:f,s:I,s:o}", "shadow", state, "why", end,
			 "config", j->q.config, "seconds", (json_int_t)s, "frames",
			 (json_int_t)sum.frames, "compared", (json_int_t)sum.compared, "share_now",
			 (double)sum.share / SHADOW_SHARE_MAX, "too_long", (json_int_t)sum.too_long,
			 "rows", rows);
}

/* For `shadow status`; it is @o's owner then. */
static void keep_last(struct topology *t, json_t *o)
{
	pthread_mutex_lock(&t->shadow.lock);
	json_decref(t->shadow.last);
	t->shadow.last = o;
	pthread_mutex_unlock(&t->shadow.lock);
}

/* As a line, and for `shadow status`. */
static void tell_both(struct shadowing *j, json_t *o)
{
	json_dumpf(o, j->out, JSON_COMPACT);
	fputc('\n', j->out);
	keep_last(j->t, o);
}

static void tell(struct shadowing *j, const char *state, const char *end)
{
	j->told_ns = clock_mono_ns();
	tell_both(j, counts(j, state, end));
}

/* Each worker has its own; all together no more than were asked for. */
static void tell_samples(struct shadowing *j)
{
	struct pair_sample s;
	for (unsigned i = 0; i < j->t->n_workers; i++) {
		struct part *p = &j->parts[i];
		while (record_pairs_sample(shadow_pairs(p->shadow), p->n_told, &s)) {
			p->n_told++;
			record_diff_write(j->out, pair_fate_names[s.fate], j->names[s.queue], s.old,
					  s.new);
		}
	}
}

static void fail(struct shadowing *j, const char *why)
{
	tell_both(j, json_pack("{s:s,s:s,s:s}", "shadow", "failed", "why", why, "config",
			       j->q.config));
	j->stage = ENDED;
}

/* ---- the job ---- */

static void begin(struct shadowing *j)
{
	if (!candidate_is_built(j->candidate))
		return;
	if (!candidate_generation(j->candidate) || candidate_restarts(j->candidate)) {
		fail(j, candidate_text(j->candidate));
	} else if (!config_same_sources(j->t->conf, candidate_generation(j->candidate)->conf)) {
		fail(j, "its sources are others: a shadow reads the frames of those that run");
	} else if (j->t->n_reloads != j->n_reloads) {
		fail(j, "the configuration was reloaded meanwhile");
	} else if (j->rc < 0) {
		fail(j, j->wrong.text);
	} else if (!give_all(j, true)) {
		give_all(j, false);
		fail(j, TOPOLOGY_NO_WORKERS);
	} else {
		j->began_ns = clock_mono_ns();
		j->stage = RUNS;
		tell(j, "runs", "");
	}
}

/* NULL: it goes on. */
static const char *why_end(struct shadowing *j)
{
	if (atomic_load(&j->t->shadow.stop))
		return "it was stopped";
	if (clock_mono_ns() - j->began_ns >= j->q.for_ns)
		return "its time is over";
	return topology_is_over(j->t, j->n_reloads);
}

static void go_on(struct shadowing *j)
{
	j->end = why_end(j);
	if (j->end) {
		give_all(j, false);
		j->stage = SETTLES;
	}
	tell_samples(j);
	uint64_t every_ns = (1 + j->n_queues / TELL_QUEUES_MAX) * TELL_EVERY_NS;
	if (!j->end && clock_mono_ns() - j->told_ns >= every_ns)
		tell(j, "runs", "");
}

/* What waits in each part stays alone: a piece of it. */
static void settle(struct shadowing *j)
{
	if (j->n_settled < j->t->n_workers) {
		j->n_settled += shadow_finish(j->parts[j->n_settled].shadow);
		return;
	}
	tell_samples(j);
	tell(j, "ended", j->end);
	j->stage = ENDED;
}

static ssize_t read_shadow(struct control_job *job, char *out, size_t cap)
{
	struct shadowing *j = (struct shadowing *)job;
	if (j->stage == BUILDING)
		begin(j);
	else if (j->stage == RUNS)
		go_on(j);
	else if (j->stage == SETTLES)
		settle(j);
	fflush(j->out);
	size_t left = j->text_len - j->text_at, n = left < cap ? left : cap;
	memcpy(out, j->text + j->text_at, n);
	j->text_at += n;
	if (j->text_at == j->text_len) { /* from the beginning again */
		rewind(j->out);
		j->text_at = j->text_len = 0;
	}
	return n || j->stage != ENDED ? (ssize_t)n : -1;
}

static void free_shadow(struct shadowing *j)
{
	for (unsigned i = 0; j->parts && i < j->t->n_workers; i++)
		shadow_destroy(j->parts[i].shadow);
	for (unsigned i = 0; i < 2; i++) {
		mem_free(j->plans[i].nodes);
		mem_free(j->plans[i].queues);
	}
	generation_put(j->runs);
	if (j->out)
		fclose(j->out);
	free(j->text);
	mem_free((void *)j->q.config);
	mem_free(j->names);
	mem_free(j->parts);
	mem_free(j);
}

/* In the candidate's thread. */
static void end_shadow(void *arg)
{
	struct shadowing *j = arg;
	if (j->stage == RUNS) {
		give_all(j, false);
		j->stage = SETTLES;
	}
	while (j->stage == SETTLES)
		settle(j);
	struct topology *t = j->t;
	free_shadow(j);
	atomic_store(&t->shadow.busy, false);
}

static void drop_shadow(struct control_job *job)
{
	struct shadowing *j = (struct shadowing *)job;
	j->end = "who asked for it has gone";
	candidate_drop(j->candidate, end_shadow, j);
}

static const struct control_job_ops shadow_ops = {.read = read_shadow, .drop = drop_shadow};

static int make_job(struct topology *t, const struct shadow_query *q, struct shadowing *j,
		    struct err *e)
{
	j->job.ops = &shadow_ops;
	j->t = t;
	j->q = *q;
	j->q.config = mem_strdup(q->config);
	j->runs = generation_get(t->gen);
	j->n_reloads = t->n_reloads;
	j->parts = mem_alloc(t->n_workers * sizeof(*j->parts));
	j->out = open_memstream(&j->text, &j->text_len);
	if (!j->q.config || !j->parts || !j->out)
		return err_set(e, -ENOMEM, "no memory for a shadow");
	return candidate_begin(q->config, t->gen, &t->n_candidates, make_shadows, j, &j->candidate,
			       e);
}

int topology_shadow(void *arg, const struct shadow_query *q, struct control_job **ret_j,
		    struct err *e)
{
	struct topology *t = arg;
	if (atomic_exchange(&t->shadow.busy, true))
		return err_set(e, -EBUSY, "there is a shadow already: see `shadow status`");
	atomic_store(&t->shadow.stop, false);
	struct shadowing *j = mem_alloc(sizeof(*j));
	int rc = j ? make_job(t, q, j, e) : err_set(e, -ENOMEM, "no memory for a shadow");
	if (rc == 0) {
		keep_last(t, NULL); /* no more is told of the one before */
		*ret_j = &j->job;
		return 0;
	}
	if (j)
		free_shadow(j);
	atomic_store(&t->shadow.busy, false);
	return rc;
}

int topology_shadow_stop(void *arg, struct err *e)
{
	struct topology *t = arg;
	if (!atomic_load(&t->shadow.busy))
		return err_set(e, -ENOENT, "there is no shadow");
	atomic_store(&t->shadow.stop, true);
	return 0;
}

void topology_shadow_show(void *arg, json_t *reply)
{
	struct topology *t = arg;
	bool busy = atomic_load(&t->shadow.busy);
	pthread_mutex_lock(&t->shadow.lock);
	if (t->shadow.last)
		json_object_update(reply, t->shadow.last);
	else
		json_object_set_new(reply, "shadow", json_string(busy ? "building" : "none"));
	pthread_mutex_unlock(&t->shadow.lock);
}
