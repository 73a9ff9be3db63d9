/* Live taps: made in the thread that asks, added to the workers' graphs between two turns, and
 * taken out again before they go.
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
	struct live_tap *tap;
	unsigned n_reloads; /* when it was made */
	bool fitted;
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

static bool take_out(struct tapping *j)
{
	bool run = !j->fitted || fit_all(j, NULL);
	j->fitted = false;
	return run;
}

/* NULL: it goes on. */
static const char *why_end(const struct tapping *j)
{
	if (live_tap_is_full(j->tap))
		return "as many as were asked for";
	return topology_is_over(j->t, j->n_reloads);
}

static ssize_t read_tap(struct control_job *job, char *out, size_t cap)
{
	struct tapping *j = (struct tapping *)job;
	const char *end = why_end(j);
	if (end && j->fitted) {
		take_out(j);
		live_tap_end(j->tap, end);
	}
	return live_tap_read(j->tap, out, cap);
}

static void drop_tap(struct control_job *job)
{
	struct tapping *j = (struct tapping *)job;
	if (j->tap)
		take_out(j);
	live_tap_destroy(j->tap);
	atomic_fetch_sub(&j->t->n_taps, 1);
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
	int rc = atomic_fetch_add(&t->n_taps, 1) < TOPOLOGY_TAPS_MAX
			 ? live_tap_create(t->pipeline, q, t->n_workers, &j->tap, e)
			 : err_set(e, -EBUSY, "%d taps are open, and that is all there may be",
				   TOPOLOGY_TAPS_MAX);
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
