/* Live taps: made in the thread that asks, added to the workers' graphs between two turns, and
 * taken out again before they go. After a reload another one is made of the same query, and goes
 * on.
 */
#include "ctl/live_tap.h"
#include "ctl/topology_parts.h"
#include "dataplane/base/mem.h"

/* What one worker does: adds it to its graph, or takes it out. */
struct fitting {
	struct errand errand;
	struct graph_tap *tap;
	const struct graph_plan *plan; /* NULL: out */
};

struct tapping {
	struct control_job job; /* first */
	struct topology *t;
	struct tap_query q; /* its texts are its own */
	struct live_tap *tap;
	struct live_tap *before; /* of what was reloaded, until its last record is read */
	unsigned n_reloads;      /* when it was made */
	bool fitted;
	struct err why; /* it does not go on */
	struct fitting fittings[];
};

static bool fit(void *arg, struct worker *w)
{
	struct fitting *f = arg;
	if (f->plan)
		worker_tap(w, f->plan, f->tap);
	else
		worker_untap(w, f->tap);
	return true;
}

/* In all workers; waits for them, as long as a turn takes. False: some have ended. */
static bool fit_all(struct tapping *j, const struct graph_plan *plan)
{
	for (unsigned i = 0; i < j->t->n_workers; i++) {
		struct fitting *f = &j->fittings[i];
		f->plan = plan;
		f->tap = live_tap_of_worker(j->tap, i);
		f->errand = (struct errand){.piece = fit, .arg = f};
	}
	return topology_errands(j->t, &j->fittings[0].errand, sizeof(j->fittings[0]));
}

static void take_out(struct tapping *j)
{
	if (j->fitted)
		fit_all(j, NULL);
	j->fitted = false;
}

/* NULL: it goes on. */
static const char *why_end(const struct tapping *j)
{
	if (live_tap_is_full(j->tap))
		return "as many as were asked for";
	return topology_is_over(j->t, j->t->n_reloads);
}

/* For what runs now. @j->tap is of what was reloaded, which no worker runs any more. */
static void go_over(struct tapping *j)
{
	struct live_tap *next;
	struct err e;
	take_out(j);
	j->n_reloads = j->t->n_reloads;
	if (live_tap_create(j->t->pipeline, &j->q, j->t->n_workers, &next, &e) < 0) {
		err_set(&j->why, 0, "the configuration was reloaded, and %s", e.text);
		live_tap_end(j->tap, j->why.text);
		return;
	}
	j->before = j->tap;
	j->tap = next;
	j->fitted = true;
	fit_all(j, &j->t->pipeline->graph);
}

/* What the earlier tap has left; then it is done with. */
static size_t read_before(struct tapping *j, char *out, size_t cap)
{
	size_t n;
	if (!live_tap_drain(j->before, out, cap, &n))
		return n;
	live_tap_follow(j->tap, j->before, j->n_reloads + 1);
	live_tap_destroy(j->before);
	j->before = NULL;
	return n;
}

static ssize_t read_tap(struct control_job *job, char *out, size_t cap)
{
	struct tapping *j = (struct tapping *)job;
	size_t n = 0;
	if (j->fitted && !j->before && j->n_reloads != j->t->n_reloads && !live_tap_is_full(j->tap))
		go_over(j);
	if (j->before)
		n = read_before(j, out, cap);
	if (j->before || n == cap)
		return (ssize_t)n;
	const char *end = why_end(j);
	if (end && j->fitted) {
		take_out(j);
		live_tap_end(j->tap, end);
	}
	ssize_t more = live_tap_read(j->tap, out + n, cap - n);
	return more < 0 && n == 0 ? -1 : (ssize_t)n + (more > 0 ? more : 0);
}

static void drop_tap(struct control_job *job)
{
	struct tapping *j = (struct tapping *)job;
	if (j->tap)
		take_out(j);
	live_tap_destroy(j->tap);
	live_tap_destroy(j->before);
	atomic_fetch_sub(&j->t->n_taps, 1);
	mem_free((void *)j->q.node);
	mem_free((void *)j->q.where);
	mem_free(j);
}

static const struct control_job_ops tap_ops = {.read = read_tap, .drop = drop_tap};

int topology_tap(void *arg, const struct tap_query *q, struct control_job **ret_j, struct err *e)
{
	struct topology *t = arg;
	struct tapping *j = mem_alloc(sizeof(*j) + t->n_workers * sizeof(struct fitting));
	if (!j)
		return err_set(e, -ENOMEM, "no memory for a tap");
	j->job.ops = &tap_ops;
	j->t = t;
	j->n_reloads = t->n_reloads;
	j->q = *q;
	j->q.node = mem_strdup(q->node);
	j->q.where = q->where ? mem_strdup(q->where) : NULL;
	int rc = 0;
	if (atomic_fetch_add(&t->n_taps, 1) >= TOPOLOGY_TAPS_MAX)
		rc = err_set(e, -EBUSY, "%d taps are open, and that is all there may be",
			     TOPOLOGY_TAPS_MAX);
	else if (!j->q.node || (q->where && !j->q.where))
		rc = err_set(e, -ENOMEM, "no memory for a tap");
	else
		rc = live_tap_create(t->pipeline, q, t->n_workers, &j->tap, e);
	j->fitted = rc == 0;
	if (rc == 0 && !fit_all(j, &t->pipeline->graph))
		rc = err_set(e, -ESHUTDOWN, TOPOLOGY_NO_WORKERS);
	if (rc < 0) {
		drop_tap(&j->job);
		return rc;
	}
	*ret_j = &j->job;
	return 0;
}
