/* Which outlet each queue and sink of a configuration has; what a reload keeps of them, starts and
 * leaves. outlet.h is one of them.
 *
 *     a reload:  made, opened > workers go over > started, when those before it have ended
 *                                old: left > drained > ended, its rows are of the past
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/say.h"
#include "ctl/topology_parts.h"
#include "dataplane/base/confine.h"
#include "dataplane/base/mem.h"

#define RETRY_MS                   1000

/* A record is at most its frame with every byte escaped, and its keys. A body that was compressed
 * may be four times frame.bytes_max (frame_scratch_max).
 */
#define BATCH_CAP(frame_bytes_max) (OUT_BATCH_BYTES + 32 * (frame_bytes_max) + (16u << 20))

size_t topology_batch_cap(const struct topology *t)
{
	return BATCH_CAP(frame_limit_max(&t->conf->frame, t->gen->pipeline->frame_sources,
					 (unsigned)t->conf->n_sources));
}

/* ---- a worker's way out: its queues in the hand-offs ---- */

static const struct way *way_of(void *arg, unsigned queue)
{
	return &((const struct outlets *)arg)->queues[queue];
}

static uint8_t *out_room(void *arg, unsigned worker, unsigned queue, size_t len)
{
	const struct way *y = way_of(arg, queue);
	return handoff_room(y->handoff, worker, y->index, len);
}

static void out_commit(void *arg, unsigned worker, unsigned queue, size_t len, uint64_t time_ns)
{
	const struct way *y = way_of(arg, queue);
	handoff_commit(y->handoff, worker, y->index, len, time_ns);
}

static struct out_batch *out_open(void *arg, unsigned worker, unsigned queue, size_t len)
{
	const struct way *y = way_of(arg, queue);
	return handoff_open(y->handoff, worker, y->index, len);
}

static void out_soon(void *arg, unsigned worker, const uint16_t *queues, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct way *y = way_of(arg, queues[i]);
		handoff_soon(y->handoff, worker, y->index);
	}
}

static void out_added(void *arg, unsigned worker, unsigned queue, unsigned n)
{
	const struct way *y = way_of(arg, queue);
	handoff_added(y->handoff, worker, y->index, n);
}

static void out_mark(void *arg, unsigned worker, unsigned queue, struct slice key, struct slice id)
{
	const struct way *y = way_of(arg, queue);
	handoff_mark(y->handoff, worker, y->index, key, id);
}

static unsigned out_level(void *arg, unsigned worker, unsigned queue)
{
	const struct way *y = way_of(arg, queue);
	return handoff_level(y->handoff, worker, y->index);
}

static void out_flush(void *arg, unsigned worker, bool last)
{
	const struct outlets *x = arg;
	for (unsigned i = 0; i < x->n; i++)
		handoff_flush(x->of[i]->handoff, worker, last);
	if (x->letters)
		handoff_flush(x->letters, worker, last);
}

static void out_leave(void *arg, unsigned worker)
{
	const struct outlets *x = arg;
	for (unsigned i = 0; i < x->n; i++)
		if (x->of[i]->leaving)
			handoff_flush(x->of[i]->handoff, worker, true);
}

static void out_leave_out(void *arg, unsigned worker, unsigned queue, enum encode_fit why)
{
	static const unsigned cols[] = {[ENCODE_DDL] = HANDOFF_ddl,
					[ENCODE_END] = HANDOFF_ends,
					[ENCODE_NO_FORM] = HANDOFF_no_form,
					[ENCODE_TOO_FAR] = HANDOFF_too_many_hops};
	const struct way *y = way_of(arg, queue);
	handoff_leave_out(y->handoff, worker, y->index, cols[why]);
}

static void out_narrowed(void *arg, unsigned worker, unsigned queue, unsigned n_more,
			 unsigned n_misfits)
{
	const struct way *y = way_of(arg, queue);
	handoff_narrowed(y->handoff, worker, y->index, n_more, n_misfits);
}

const struct worker_out topology_worker_out = {
	.room = out_room,
	.open = out_open,
	.mark = out_mark,
	.commit = out_commit,
	.added = out_added,
	.soon = out_soon,
	.flush = out_flush,
	.leave = out_leave,
	.level = out_level,
	.leave_out = out_leave_out,
	.narrowed = out_narrowed,
};

/* ---- who goes with whom ---- */

/* A replay waits for its sinks; it has a spool only where all is to be in one first. */
int topology_spool_mode(const struct topology *t, const struct config *c, unsigned queue)
{
	int spool = c->queues[queue].spool;
	if (!c->has_spool || spool == QUEUE_SPOOL_OFF)
		return LANE_OFF;
	if (spool == QUEUE_SPOOL_ALWAYS)
		return LANE_ALWAYS;
	return t->is_file ? LANE_OFF : LANE_OVERFLOW;
}

struct division {
	const struct config *c;
	unsigned n;
	bool *chosen;     /* queues that go by the courier */
	bool *by_courier; /* sinks */
	uint16_t *of;     /* by sink: its outlet */
	struct outlet_parts *parts;
	uint16_t *indexes; /* their memory */
};

/* Those with a spool or a backup go by the courier, and so does each other queue that leads to a
 * sink of these, since such a sink may be made to give back what it has.
 */
static void choose(const struct topology *t, struct division *d)
{
	const struct config *c = d->c;
	for (bool grew = true; grew;) {
		grew = false;
		for (unsigned q = 0; q < c->n_queues; q++) {
			const struct queue_conf *qc = &c->queues[q];
			bool backup = qc->backup != CONFIG_NO_SINK;
			if (d->chosen[q] || (topology_spool_mode(t, c, q) == LANE_OFF && !backup &&
					     !d->by_courier[qc->sink]))
				continue;
			d->chosen[q] = grew = true;
			d->by_courier[qc->sink] = true;
			if (backup)
				d->by_courier[qc->backup] = true;
		}
	}
}

static void count_parts(struct division *d)
{
	const struct config *c = d->c;
	unsigned shared = UINT_MAX;
	for (unsigned i = 0; i < c->n_sinks; i++) {
		unsigned o = d->by_courier[i] && shared != UINT_MAX ? shared : d->n++;
		if (d->by_courier[i])
			shared = o;
		d->of[i] = (uint16_t)o;
		d->parts[o].by_courier = d->by_courier[i];
		d->parts[o].n_sinks++;
	}
	for (unsigned q = 0; q < c->n_queues; q++)
		d->parts[d->of[c->queues[q].sink]].n_queues++;
}

static void fill_parts(struct division *d)
{
	const struct config *c = d->c;
	uint16_t *at = d->indexes;
	for (unsigned o = 0; o < d->n; o++) {
		struct outlet_parts *p = &d->parts[o];
		p->queues = at;
		p->sinks = at + p->n_queues;
		at += p->n_queues + p->n_sinks;
		p->n_queues = p->n_sinks = 0;
	}
	for (unsigned i = 0; i < c->n_sinks; i++) {
		struct outlet_parts *p = &d->parts[d->of[i]];
		p->sinks[p->n_sinks++] = (uint16_t)i;
	}
	for (unsigned q = 0; q < c->n_queues; q++) {
		struct outlet_parts *p = &d->parts[d->of[c->queues[q].sink]];
		p->queues[p->n_queues++] = (uint16_t)q;
	}
}

static void division_fini(struct division *d)
{
	mem_free(d->chosen);
	mem_free(d->by_courier);
	mem_free(d->of);
	mem_free(d->parts);
	mem_free(d->indexes);
}

static int division_init(struct division *d, const struct topology *t, const struct config *c)
{
	*d = (struct division){.c = c};
	d->chosen = mem_alloc((c->n_queues + 1) * sizeof(*d->chosen));
	d->by_courier = mem_alloc((c->n_sinks + 1) * sizeof(*d->by_courier));
	d->of = mem_alloc((c->n_sinks + 1) * sizeof(*d->of));
	d->parts = mem_alloc((c->n_sinks + 1) * sizeof(*d->parts));
	d->indexes = mem_alloc((c->n_queues + c->n_sinks + 1) * sizeof(*d->indexes));
	if (!d->chosen || !d->by_courier || !d->of || !d->parts || !d->indexes)
		return -ENOMEM;
	choose(t, d);
	count_parts(d);
	fill_parts(d);
	return 0;
}

/* ---- making ---- */

static bool has_outlet(const struct outlets *x, const struct outlet *o)
{
	for (unsigned i = 0; x && i < x->n; i++)
		if (x->of[i] == o)
			return true;
	return false;
}

static struct outlet *find_same(const struct outlets *before, const struct generation *gen,
				const struct outlet_parts *parts, unsigned at)
{
	if (!before)
		return NULL;
	if (at < before->n && outlet_is(before->of[at], gen, parts))
		return before->of[at];
	for (unsigned i = 0; i < before->n; i++)
		if (outlet_is(before->of[i], gen, parts))
			return before->of[i];
	return NULL;
}

static unsigned find_queue(const struct outlet *o, const char *name, unsigned at)
{
	if (strcmp(outlet_queue(o, at)->name, name) == 0)
		return at;
	for (at = 0; strcmp(outlet_queue(o, at)->name, name) != 0;)
		at++;
	return at;
}

static unsigned find_sink(const struct outlet *o, const char *name)
{
	unsigned at = 0;
	while (strcmp(outlet_sink(o, at)->name, name) != 0)
		at++;
	return at;
}

/* The ways of @parts lead to @o, which has them all, in its own order. */
static void set_ways(struct outlets *x, const struct config *c, const struct outlet_parts *parts,
		     struct outlet *o)
{
	for (unsigned i = 0; i < parts->n_queues; i++) {
		unsigned q = parts->queues[i];
		x->queues[q] = (struct way){o, o->handoff, find_queue(o, c->queues[q].name, i)};
	}
	for (unsigned i = 0; i < parts->n_sinks; i++)
		x->sinks[parts->sinks[i]] =
			(struct way){o, o->handoff, find_sink(o, c->sinks[parts->sinks[i]].name)};
}

static int make_outlets(struct topology *t, struct generation *gen, const struct outlets *before,
			const struct division *d, struct outlets *x, struct err *e)
{
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < d->n; i++) {
		const struct outlet_parts *p = &d->parts[i];
		struct outlet *o = find_same(before, gen, p, i);
		if (!o)
			rc = outlet_create(t, gen, p, &o, e);
		if (rc < 0)
			break;
		x->of[x->n++] = o;
		set_ways(x, gen->conf, p, o);
	}
	return rc;
}

int topology_make_outlets(struct topology *t, struct generation *gen, const struct outlets *before,
			  struct outlets **ret_outlets, struct err *e)
{
	const struct config *c = gen->conf;
	struct division d;
	struct outlets *x = mem_alloc(sizeof(*x));
	int rc = division_init(&d, t, c);
	if (x) {
		x->n_queues = (unsigned)c->n_queues;
		x->n_sinks = (unsigned)c->n_sinks;
		x->queues = mem_alloc((c->n_queues + 1) * sizeof(*x->queues));
		x->sinks = mem_alloc((c->n_sinks + 1) * sizeof(*x->sinks));
		x->of = mem_alloc((d.n + 1) * sizeof(struct outlet *));
		x->letters = topology_letters(t);
	}
	if (rc < 0 || !x || !x->queues || !x->sinks || !x->of)
		rc = err_set(e, -ENOMEM, "no memory for queues");
	else
		rc = make_outlets(t, gen, before, &d, x, e);
	division_fini(&d);
	if (rc < 0) {
		topology_drop_outlets(x, before);
		return rc;
	}
	*ret_outlets = x;
	return 0;
}

struct opening {
	struct outlets *x;
	const struct outlets *before;
	struct err *e;
};

static int open_outlets(void *arg)
{
	const struct opening *o = arg;
	int rc = 0;
	o->e->text[0] = '\0'; /* there is a thread */
	for (unsigned i = 0; rc == 0 && i < o->x->n; i++)
		if (!has_outlet(o->before, o->x->of[i]))
			rc = outlet_open(o->x->of[i], o->e);
	return rc;
}

/* What clients of stores start is confined from its first call on. */
int topology_open_outlets(struct outlets *x, const struct outlets *before, struct err *e)
{
	err_set(e, -EAGAIN, "no thread to open sinks in");
	return confine_call(open_outlets, &(struct opening){x, before, e});
}

void topology_free_outlets(struct outlets *x)
{
	if (!x)
		return;
	mem_free(x->queues);
	mem_free(x->sinks);
	mem_free(x->of);
	mem_free(x);
}

void topology_drop_outlets(struct outlets *x, const struct outlets *before)
{
	for (unsigned i = 0; x && i < x->n; i++)
		if (!has_outlet(before, x->of[i]))
			outlet_destroy(x->of[i]);
	topology_free_outlets(x);
}

/* Records that a queue of this name left, when it was called otherwise or had a spool. */
static int tell_orphan(void *arg, const char *queue)
{
	const struct topology *t = arg;
	const struct config *c = t->conf;
	for (unsigned q = 0; q < c->n_queues; q++)
		if (strcmp(c->queues[q].name, queue) == 0 &&
		    topology_spool_mode(t, c, q) != LANE_OFF)
			return 0;
	say(SAY_WARNING,
	    "the spool in %s has records of queue %s, which has no spool in this "
	    "configuration: they stay there; see `sluicectl spool`",
	    c->spool.dir, queue);
	return 0;
}

/* The first ones: a spool that cannot be opened keeps sluice from starting. */
int topology_build_outlets(struct topology *t, struct err *e)
{
	int rc = topology_make_outlets(t, t->gen, NULL, &t->outlets, e);
	struct outlet **end = &t->all;
	for (unsigned i = 0; rc == 0 && i < t->outlets->n; i++) {
		*end = t->outlets->of[i];
		end = &t->outlets->of[i]->next;
	}
	for (struct outlet *o = t->all; o && rc == 0; o = o->next)
		if (o->of.by_courier)
			rc = outlet_build_courier(o, e);
	if (rc == 0 && t->conf->spool.dir && !t->is_file)
		spool_queues(&file_ops_real, t->conf->spool.dir, tell_orphan, t);
	return rc;
}

void topology_destroy_outlets(struct topology *t)
{
	while (t->all) {
		struct outlet *o = t->all;
		t->all = o->next;
		outlet_destroy(o);
	}
	topology_free_outlets(t->outlets);
}

/* ---- going over ---- */

void topology_mark_outlets(struct topology *t, const struct outlets *next)
{
	for (unsigned i = 0; t->outlets && i < t->outlets->n; i++)
		t->outlets->of[i]->leaving = !has_outlet(next, t->outlets->of[i]);
}

void topology_take_outlets(struct topology *t, struct outlets *next)
{
	struct outlet **end = &t->all;
	for (struct outlet *o = t->all; o; o = o->next) {
		if (o->leaving && !o->has_left) {
			o->has_left = true;
			t->n_moving += o->started;
			outlet_report_handoff(o, t->past);
		}
		end = &o->next;
	}
	for (unsigned i = 0; i < next->n; i++) {
		struct outlet *o = next->of[i];
		if (has_outlet(t->outlets, o))
			continue;
		*end = o;
		end = &o->next;
		t->n_moving++;
	}
	t->outlets = next;
}

/* Are there older ones of the same names that have not ended? */
static bool is_before_its_time(const struct topology *t, const struct outlet *o)
{
	for (const struct outlet *old = t->all; old != o; old = old->next)
		if (old->has_left &&
		    (outlet_shares(old, o) || (old->of.by_courier && o->of.by_courier)))
			return true;
	return false;
}

/* What the spool has found is what one before it held: it counts once. */
static void count_found_once(struct topology *t, const struct outlet *o)
{
	for (unsigned q = 0; o->courier && q < o->of.n_queues; q++) {
		const char *name = outlet_queue(o, q)->name;
		uint64_t row[SPOOL_N_COLS], less[SPOOL_N_COLS] = {0};
		const struct ledger_table *table;
		const uint64_t *past = report_find(t->past, spool_ledger.stage, name, &table);
		if (!past || !courier_spool_row(o->courier, q, row))
			continue;
		uint64_t n = row[SPOOL_recovered] < past[SPOOL_held] ? row[SPOOL_recovered]
								     : past[SPOOL_held];
		less[SPOOL_recovered] = less[SPOOL_held] = 0 - n;
		report_add(t->past, &spool_ledger, name, less);
	}
}

static void try_start(struct topology *t, struct outlet *o)
{
	struct err e = {0};
	o->retry_ms -= o->retry_ms < t->step_ms ? o->retry_ms : t->step_ms;
	if (o->retry_ms)
		return;
	int rc = outlet_start(o, &e);
	outlet_tell(o);
	if (rc == 0) {
		count_found_once(t, o);
		t->n_moving -= !o->has_left;
		return;
	}
	if (!o->told)
		say(SAY_WARNING, "%s; tried again each second", e.text);
	o->told = true;
	o->retry_ms = RETRY_MS;
}

/* What tells of the disk as it is now is the next one's to tell. */
static void keep_rows(struct topology *t, const struct outlet *o)
{
	for (unsigned q = 0; q < o->of.n_queues; q++) {
		uint64_t less[SPOOL_N_COLS] = {0}, row[SPOOL_N_COLS];
		outlet_report(o, q, t->past);
		if (!o->courier || !courier_spool_row(o->courier, q, row))
			continue;
		for (unsigned i = SPOOL_unsynced; i <= SPOOL_oldest_ns; i++)
			less[i] = 0 - row[i];
		report_add(t->past, &spool_ledger, outlet_queue(o, q)->name, less);
	}
}

static void end(struct topology *t, struct outlet **at)
{
	struct outlet *o = *at;
	pthread_join(o->thread, NULL);
	keep_rows(t, o);
	*at = o->next;
	t->n_moving--;
	outlet_destroy(o);
}

void topology_step_outlets(struct topology *t)
{
	for (struct outlet **at = &t->all; t->n_moving && *at;) {
		struct outlet *o = *at;
		if (o->has_thread && atomic_load_explicit(&o->ended, memory_order_acquire)) {
			end(t, at);
			continue;
		}
		if (!o->started && !is_before_its_time(t, o))
			try_start(t, o);
		else if (o->has_left && o->started && !o->has_thread)
			outlet_leave(o);
		at = &o->next;
	}
}
