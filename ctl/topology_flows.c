/* The sessions of all workers, for those who look: each worker goes through its own between two
 * turns, a few at a time.
 */
#include "ctl/topology_parts.h"
#include "dataplane/base/mem.h"

/* Of the indexes of sessions, used or not: some 10 us, less than a turn takes. */
#define INDEXES_PER_PIECE 256

/* What one worker does. */
struct look {
	struct errand errand;
	struct flow_table *table;
	unsigned worker;
	uint32_t at; /* the next session */
	atomic_bool cancelled;
};

struct flows {
	struct control_job job; /* first */
	struct topology *t;
	unsigned n_reloads;         /* when it began: sources are numbered as they were then */
	struct flow_table **tables; /* by worker */
	struct look looks[];
};

static bool look_on(void *arg, struct worker *w)
{
	struct look *l = arg;
	const struct flow *flow = worker_flow(w);
	uint32_t end = flow_sessions_end(flow), until = l->at + INDEXES_PER_PIECE;
	for (; l->at < end && l->at < until; l->at++) {
		struct flow_look s;
		struct frame_look claim;
		if (!flow_look(flow, l->at, &s))
			continue;
		frame_look(worker_frame(w), l->at, &claim);
		flow_table_add(l->table, l->worker, &s, &claim);
	}
	return l->at >= end || atomic_load_explicit(&l->cancelled, memory_order_relaxed);
}

static const char *source_name(const void *arg, unsigned i)
{
	const struct topology *t = arg;
	return t->conf->sources[i].name;
}

static int poll_flows(struct control_job *j, json_t *reply, struct err *e)
{
	struct flows *f = (struct flows *)j;
	for (unsigned i = 0; i < f->t->n_workers; i++) {
		enum errand_state state = errand_state(&f->looks[i].errand);
		if (state == ERRAND_WAITS)
			return -EAGAIN;
		if (state == ERRAND_LOST)
			return err_set(e, -ESHUTDOWN, TOPOLOGY_NO_WORKERS);
	}
	if (topology_reload_takes(f->t))
		return -EAGAIN;
	if (f->t->n_reloads != f->n_reloads)
		return err_set(e, -ECANCELED,
			       "the configuration was reloaded meanwhile: ask again");
	flow_table_reply(f->tables, f->t->n_workers, source_name, f->t, reply);
	return 0;
}

/* Workers that are still at it stop at their next turn. */
static void drop_flows(struct control_job *j)
{
	struct flows *f = (struct flows *)j;
	for (unsigned i = 0; i < f->t->n_workers; i++)
		atomic_store(&f->looks[i].cancelled, true);
	for (unsigned i = 0; i < f->t->n_workers; i++) {
		if (f->looks[i].table)
			errand_wait(&f->looks[i].errand);
		flow_table_destroy(f->looks[i].table);
	}
	mem_free(f->tables);
	mem_free(f);
}

static const struct control_job_ops flows_ops = {.poll = poll_flows, .drop = drop_flows};

int topology_flows(void *arg, const struct flow_query *q, struct control_job **ret_j, struct err *e)
{
	struct topology *t = arg;
	struct flows *f = mem_alloc(sizeof(*f) + t->n_workers * sizeof(struct look));
	if (!f)
		return err_set(e, -ENOMEM, "no memory");
	f->job.ops = &flows_ops;
	f->t = t;
	f->n_reloads = t->n_reloads;
	f->tables = mem_alloc(t->n_workers * sizeof(*f->tables));
	for (unsigned i = 0; i < t->n_workers; i++) {
		struct look *l = &f->looks[i];
		l->errand = (struct errand){.piece = look_on, .arg = l, .state = ERRAND_LOST};
		l->worker = i;
		l->at = 1;
		l->table = f->tables ? flow_table_create(q) : NULL;
		if (!l->table) {
			drop_flows(&f->job);
			return err_set(e, -ENOMEM, "no memory for the sessions");
		}
		f->tables[i] = l->table;
	}
	for (unsigned i = 0; i < t->n_workers; i++)
		worker_errand(t->workers[i], &f->looks[i].errand);
	*ret_j = &f->job;
	return 0;
}
