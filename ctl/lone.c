#include "ctl/lone.h"

#include "dataplane/base/mem.h"

struct lone {
	struct queue_form *forms;
	struct worker *worker;
	uint8_t *room; /* of a record */
	size_t cap;
	lone_line *line;
	void *arg;
	uint64_t n_too_large;
	atomic_bool stop;
};

static uint8_t *take_room(void *arg, unsigned worker, unsigned queue, size_t len)
{
	struct lone *l = arg;
	l->n_too_large += len > l->cap;
	return len > l->cap || atomic_load(&l->stop) ? NULL : l->room;
}

static void give_line(void *arg, unsigned worker, unsigned queue, size_t len, uint64_t time_ns)
{
	struct lone *l = arg;
	mem_seal(false); /* the function is the caller's, who is in no hurry */
	if (!l->line(l->arg, queue, slice_of(l->room, len)))
		atomic_store(&l->stop, true);
	mem_seal(true);
}

static void no_mark(void *arg, unsigned worker, unsigned queue, struct slice key, struct slice id)
{
}

static void nothing_open(void *arg, unsigned worker, bool last)
{
}

static void nothing_left_out(void *arg, unsigned worker, unsigned queue, enum encode_fit why)
{
}

static int build_worker(struct lone *l, const struct pipeline *p, const struct graph_plan *plan,
			const struct replay_conf *rc, struct err *e)
{
	const struct config *c = p->conf;
	struct worker_conf wc = {
		.n_workers = 1,
		.decode = &c->decode,
		.flow = &c->flow,
		.frame = &c->frame,
		.frame_sources = p->frame_sources,
		.extract_sources = p->extract_sources,
		.rules = p->rules,
		.graph = plan,
		.forms = l->forms,
		.source_names = p->source_names,
		.n_sources = (unsigned)c->n_sources,
		.names = p->names,
		.encode = p->encode,
		.out = {.room = take_room,
			.mark = no_mark,
			.commit = give_line,
			.flush = nothing_open,
			.leave_out = nothing_left_out,
			.arg = l},
		.stop = &l->stop,
	};
	int ret = replay_open(rc, &wc.capture, e);
	return ret < 0 ? ret : worker_create(&wc, &l->worker, e);
}

int lone_create(const struct pipeline *p, const struct graph_plan *plan, unsigned n_queues,
		const struct replay_conf *rc, lone_line *line, void *arg, struct lone **ret_l,
		struct err *e)
{
	const struct config *c = p->conf;
	struct lone *l = mem_alloc(sizeof(*l));
	if (!l)
		return err_set(e, -ENOMEM, "no memory");
	l->line = line;
	l->arg = arg;
	l->cap = LONE_ROOM(frame_limit_max(&c->frame, p->frame_sources, (unsigned)c->n_sources));
	l->forms = mem_alloc((n_queues + 1) * sizeof(*l->forms));
	l->room = mem_map(l->cap);
	int rc_ = l->forms && l->room ? 0 : err_set(e, -ENOMEM, "no memory");
	for (unsigned q = 0; rc_ == 0 && q < n_queues; q++)
		l->forms[q].encoder = &encoder_json;
	if (rc_ == 0)
		rc_ = build_worker(l, p, plan, rc, e);
	if (rc_ < 0) {
		lone_destroy(l);
		return rc_;
	}
	*ret_l = l;
	return 0;
}

void lone_destroy(struct lone *l)
{
	if (!l)
		return;
	worker_destroy(l->worker);
	mem_free(l->forms);
	if (l->room)
		mem_unmap(l->room, l->cap);
	mem_free(l);
}

bool lone_run(struct lone *l, FILE *out)
{
	bool whole = worker_run(l->worker) == 0 && !atomic_load(&l->stop);
	for (unsigned i = 0; worker_error(l->worker, i); i++)
		fprintf(out, "sluiced: %s\n", worker_error(l->worker, i));
	if (l->n_too_large)
		fprintf(out, "sluiced: %llu records of more than %zu bytes are left out\n",
			(unsigned long long)l->n_too_large, l->cap);
	return whole && l->n_too_large == 0;
}

const struct worker *lone_worker(const struct lone *l)
{
	return l->worker;
}
