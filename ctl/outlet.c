#include "ctl/outlet.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/api.h"
#include "ctl/config_compare.h"
#include "ctl/config_read.h"
#include "ctl/say.h"
#include "ctl/topology_parts.h"
#include "dataplane/base/confine.h"
#include "dataplane/base/mem.h"
#include "dataplane/sink/recent.h"

/* A sink that is left and writes nothing is given up after so long; sooner where a spool takes what
 * it has not written.
 */
#define LEAVE_MS       10000
#define LEAVE_SPOOL_MS 1000
#define LEAVE_MS_MAX   60000 /* however much it writes */

const struct queue_conf *outlet_queue(const struct outlet *o, unsigned queue)
{
	return &o->gen->conf->queues[o->of.queues[queue]];
}

const struct sink_conf *outlet_sink(const struct outlet *o, unsigned sink)
{
	return &o->gen->conf->sinks[o->of.sinks[sink]];
}

/* By index in the configuration. */
static unsigned local_sink(const struct outlet *o, unsigned sink)
{
	unsigned i = 0;
	while (i < o->of.n_sinks && o->of.sinks[i] != sink)
		i++;
	return i;
}

static unsigned backup_of(const struct outlet *o, const struct queue_conf *qc, unsigned none)
{
	return qc->backup == CONFIG_NO_SINK ? none : local_sink(o, qc->backup);
}

bool outlet_is_paired(const struct outlet *o, unsigned sink)
{
	for (unsigned q = 0; q < o->of.n_queues; q++) {
		const struct queue_conf *qc = outlet_queue(o, q);
		if (qc->backup != CONFIG_NO_SINK &&
		    (qc->sink == o->of.sinks[sink] || qc->backup == o->of.sinks[sink]))
			return true;
	}
	return false;
}

/* ---- is it the same? ---- */

static bool same_queue(const struct outlet *o, unsigned queue, const struct generation *gen,
		       unsigned q)
{
	const struct queue_form *a = &o->gen->forms[o->of.queues[queue]], *b = &gen->forms[q];
	return config_queue_way_equal(outlet_queue(o, queue), &gen->conf->queues[q]) &&
	       a->marks == b->marks && a->encoder->binary == b->encoder->binary;
}

/* Most often it stands where it stood. */
static bool has_queue(const struct outlet *o, const struct generation *gen, unsigned q, unsigned at)
{
	if (same_queue(o, at, gen, q))
		return true;
	for (unsigned i = 0; i < o->of.n_queues; i++)
		if (same_queue(o, i, gen, q))
			return true;
	return false;
}

static bool has_sink(const struct outlet *o, const struct sink_conf *s)
{
	for (unsigned i = 0; i < o->of.n_sinks; i++)
		if (config_sink_equal(outlet_sink(o, i), s))
			return true;
	return false;
}

bool outlet_is(const struct outlet *o, const struct generation *gen,
	       const struct outlet_parts *parts)
{
	bool same = o->of.n_queues == parts->n_queues && o->of.n_sinks == parts->n_sinks &&
		    o->of.by_courier == parts->by_courier;
	for (unsigned i = 0; same && i < parts->n_sinks; i++)
		same = has_sink(o, &gen->conf->sinks[parts->sinks[i]]);
	for (unsigned i = 0; same && i < parts->n_queues; i++)
		same = has_queue(o, gen, parts->queues[i], i);
	return same;
}

bool outlet_shares(const struct outlet *a, const struct outlet *b)
{
	for (unsigned i = 0; i < a->of.n_sinks; i++)
		for (unsigned k = 0; k < b->of.n_sinks; k++)
			if (strcmp(outlet_sink(a, i)->name, outlet_sink(b, k)->name) == 0)
				return true;
	for (unsigned i = 0; i < a->of.n_queues; i++)
		for (unsigned k = 0; k < b->of.n_queues; k++)
			if (strcmp(outlet_queue(a, i)->name, outlet_queue(b, k)->name) == 0)
				return true;
	return false;
}

/* ---- building ---- */

static int build_handoff(struct outlet *o, struct err *e)
{
	uint16_t *sink_of = mem_alloc((o->of.n_queues + 1) * sizeof(*sink_of));
	if (!sink_of)
		return err_set(e, -ENOMEM, "no memory for queues");
	for (unsigned q = 0; q < o->of.n_queues; q++)
		sink_of[q] = o->of.by_courier ? HANDOFF_NO_SINK
					      : (uint16_t)local_sink(o, outlet_queue(o, q)->sink);
	struct handoff_spec spec = {.n_workers = o->t->n_workers,
				    .n_queues = o->of.n_queues,
				    .n_sinks = o->of.n_sinks,
				    .sink_of_queue = sink_of,
				    .batch_cap = o->t->batch_cap,
				    .wait = o->t->is_file};
	for (unsigned i = 0; i < o->of.n_sinks; i++)
		if (outlet_sink(o, i)->ops->holds > spec.n_held)
			spec.n_held = outlet_sink(o, i)->ops->holds;
	int rc = handoff_create(&spec, &o->handoff, e);
	mem_free(sink_of);
	for (unsigned q = 0; rc == 0 && q < o->of.n_queues; q++)
		if (o->gen->forms[o->of.queues[q]].marks)
			handoff_mark_queue(o->handoff, q);
	return rc;
}

int outlet_create(struct topology *t, struct generation *gen, const struct outlet_parts *parts,
		  struct outlet **ret_o, struct err *e)
{
	size_t n = (size_t)parts->n_queues + parts->n_sinks;
	struct outlet *o = mem_alloc(sizeof(*o) + n * sizeof(uint16_t));
	if (!o)
		return err_set(e, -ENOMEM, "no memory for queues");
	o->t = t;
	o->gen = generation_get(gen);
	o->of = *parts;
	o->of.queues = (uint16_t *)(o + 1);
	o->of.sinks = o->of.queues + parts->n_queues;
	memcpy(o->of.queues, parts->queues, parts->n_queues * sizeof(uint16_t));
	memcpy(o->of.sinks, parts->sinks, parts->n_sinks * sizeof(uint16_t));
	int rc = build_handoff(o, e);
	if (rc < 0) {
		outlet_destroy(o);
		return rc;
	}
	*ret_o = o;
	return 0;
}

void outlet_destroy(struct outlet *o)
{
	if (!o)
		return;
	for (unsigned i = 0; o->sides && i < o->of.n_sinks; i++) {
		shipper_destroy(o->sides[i].shipper);
		topology_give_letters_place(o->t, o->sides[i].letters);
	}
	courier_destroy(o->courier);
	handoff_destroy(o->handoff);
	mem_free(o->sides);
	for (unsigned q = 0; o->queues && q < o->of.n_queues; q++)
		recent_destroy(o->queues[q].recent);
	mem_free(o->queues);
	mem_free(o->sink_names);
	generation_put(o->gen);
	mem_free(o);
}

static int describe_queues(struct outlet *o, struct err *e)
{
	o->queues = mem_alloc((o->of.n_queues + 1) * sizeof(*o->queues));
	if (!o->queues)
		return err_set(e, -ENOMEM, "no memory for queues");
	for (unsigned q = 0; q < o->of.n_queues; q++) {
		const struct queue_conf *qc = outlet_queue(o, q);
		unsigned sink = local_sink(o, qc->sink);
		o->queues[q] = (struct sink_queue){.name = qc->name,
						   .sink = sink,
						   .backup = backup_of(o, qc, sink),
						   .topic = qc->topic,
						   .partitions = (unsigned)qc->partitions,
						   .pack = (unsigned)qc->pack,
						   .headers = qc->headers,
						   .binary = encoders[qc->format]->binary,
						   .succeeds = o->gen != o->t->first,
						   .properties = qc->properties};
		bool asked = api_is_wanted(&o->gen->conf->api) && o->t->ports;
		if (asked && outlet_sink(o, sink)->ops->places &&
		    !(o->queues[q].recent = recent_create(o->gen->conf->n_queues)))
			return err_set(e, -ENOMEM, "no memory for queues");
	}
	return 0;
}

static struct out_batch *take_batch(void *arg)
{
	struct sink_side *s = arg;
	struct out_batch *b = handoff_take(s->o->handoff, s->index);
	return b || !s->o->courier ? b : courier_take(s->o->courier, s->index);
}

static void give_batch_back(void *arg, struct out_batch *b, const struct shipper_outcome *o)
{
	struct sink_side *s = arg;
	if (s->o->courier)
		courier_settle(s->o->courier, s->index, b, o);
	else
		handoff_give_back(s->o->handoff, b);
}

static int open_sink(struct outlet *o, unsigned i, struct err *e)
{
	const struct sink_conf *c = outlet_sink(o, i);
	struct sink_side *s = &o->sides[i];
	s->o = o;
	s->index = i;
	int rc = topology_take_letters_place(o->t, &s->letters, e);
	if (rc < 0)
		return rc;
	struct shipper_spec spec = {.name = c->name,
				    .ops = c->ops,
				    .conf = c->conf,
				    .n_queues = o->of.n_queues,
				    .queues = o->queues,
				    .index = i,
				    .reopen = !o->t->is_file || o->of.by_courier,
				    .kept = o->of.by_courier,
				    .probe = outlet_is_paired(o, i),
				    .take = take_batch,
				    .give_back = give_batch_back,
				    .dead = o->t->letters ? topology_refused_again
					    : o->t->dead  ? topology_bury_refused
							  : NULL,
				    .ctx = s};
	rc = shipper_create(&spec, &s->shipper, e);
	if (rc == 0 && e->text[0])
		say(SAY_NOTICE, "%s", e->text);
	return rc;
}

int outlet_open(struct outlet *o, struct err *e)
{
	o->sides = mem_alloc((o->of.n_sinks + 1) * sizeof(*o->sides));
	if (!o->sides)
		return err_set(e, -ENOMEM, "no memory for sinks");
	for (unsigned i = 0; i < o->of.n_sinks; i++)
		o->sides[i].letters = TOPOLOGY_NO_PLACE;
	int rc = describe_queues(o, e);
	for (unsigned i = 0; rc == 0 && i < o->of.n_sinks; i++)
		rc = open_sink(o, i, e);
	return rc;
}

/* ---- the courier ---- */

static struct out_batch *take_from_workers(void *ctx, unsigned queue)
{
	const struct outlet *o = ctx;
	return handoff_take_queue(o->handoff, queue);
}

static void give_to_workers(void *ctx, struct out_batch *b)
{
	const struct outlet *o = ctx;
	handoff_give_back(o->handoff, b);
}

static bool describe_lanes(const struct outlet *o, struct courier_queue *queues)
{
	bool spools = false;
	for (unsigned q = 0; q < o->of.n_queues; q++) {
		const struct queue_conf *qc = outlet_queue(o, q);
		queues[q] = (struct courier_queue){
			.name = qc->name,
			.queue = q,
			.mode = topology_spool_mode(o->t, o->gen->conf, o->of.queues[q]),
			.sink = local_sink(o, qc->sink),
			.backup = backup_of(o, qc, COURIER_NO_SINK),
			.by_health = qc->switched == QUEUE_SWITCH_HEALTH,
			.switch_after_ns = qc->switch_after_ns,
			.return_after_ns = qc->return_after_ns,
			.marks = o->gen->forms[o->of.queues[q]].marks,
		};
		spools |= queues[q].mode != LANE_OFF;
	}
	return spools;
}

int outlet_build_courier(struct outlet *o, struct err *e)
{
	struct courier_queue *queues = mem_alloc((o->of.n_queues + 1) * sizeof(*queues));
	int rc = -ENOMEM;
	if (!o->sink_names)
		o->sink_names = mem_alloc((o->of.n_sinks + 1) * sizeof(*o->sink_names));
	if (!queues || !o->sink_names) {
		err_set(e, rc, "no memory for queues");
		goto out;
	}
	for (unsigned i = 0; i < o->of.n_sinks; i++)
		o->sink_names[i] = outlet_sink(o, i)->name;
	bool spools = describe_lanes(o, queues);
	const struct courier_spec spec = {
		.queues = queues,
		.n_queues = o->of.n_queues,
		.n_sinks = o->of.n_sinks,
		.sink_names = o->sink_names,
		.n_workers = o->t->n_workers,
		.worker_batches = handoff_batches(o->handoff),
		.batch_cap = o->t->batch_cap,
		.spool = spools ? &o->gen->conf->spool : NULL,
		.io = &file_ops_real,
		.take = take_from_workers,
		.give_back = give_to_workers,
		.ctx = o,
	};
	rc = courier_create(&spec, &o->courier, e);
out:
	mem_free(queues);
	return rc;
}

/* ---- running ---- */

int outlet_start(struct outlet *o, struct err *e)
{
	int rc = 0;
	if (o->of.by_courier && !o->courier)
		rc = outlet_build_courier(o, e);
	for (unsigned i = 0; rc == 0 && o->courier && i < o->of.n_sinks; i++)
		courier_attach(o->courier, i, o->sides[i].shipper);
	for (unsigned i = 0; rc == 0 && i < o->of.n_sinks; i++)
		rc = shipper_start(o->sides[i].shipper, e);
	if (rc == 0 && o->courier)
		rc = courier_start(o->courier, e);
	o->started = rc == 0;
	return rc;
}

static uint64_t count_of_sink(struct outlet *o, unsigned sink, unsigned queue)
{
	uint64_t row[SHIPPER_N_COLS];
	shipper_row(o->sides[sink].shipper, queue, row);
	o->sides[sink].n_now += row[SHIPPER_records_in] - row[SHIPPER_in_flight];
	return row[SHIPPER_records_in] - row[SHIPPER_in_flight];
}

uint64_t outlet_settled(struct outlet *o)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < o->of.n_sinks; i++)
		o->sides[i].n_now = 0;
	for (unsigned q = 0; q < o->of.n_queues; q++) {
		const struct sink_queue *sq = &o->queues[q];
		n += count_of_sink(o, sq->sink, q);
		if (sq->backup != sq->sink)
			count_of_sink(o, sq->backup, q);
	}
	return n;
}

bool outlet_is_done(struct outlet *o)
{
	uint64_t n = 0, settled = outlet_settled(o);
	if (!o->started)
		return false;
	if (o->courier)
		return courier_idle(o->courier);
	for (unsigned q = 0; q < o->of.n_queues; q++)
		for (unsigned i = 0; i < o->t->n_workers; i++)
			n += handoff_row(o->handoff, i, q)[HANDOFF_records_out];
	return settled >= n;
}

void outlet_tell(struct outlet *o)
{
	struct err e;
	for (unsigned i = 0; i < o->of.n_sinks; i++)
		while (shipper_notice(o->sides[i].shipper, &e))
			say(SAY_WARNING, "%s", e.text);
	while (o->courier && courier_notice(o->courier, &e))
		say(SAY_WARNING, "%s", e.text);
}

int outlet_stop(struct outlet *o, bool drain)
{
	struct err e;
	int rc = 0;
	if (o->courier)
		courier_finish(o->courier);
	for (unsigned i = 0; i < o->of.n_sinks; i++)
		if (shipper_stop(o->sides[i].shipper, drain, &e) < 0) {
			say(SAY_ERROR, "%s", e.text);
			rc = -EIO;
		}
	if (o->courier && courier_stop(o->courier, &e) < 0) {
		say(SAY_ERROR, "%s", e.text);
		rc = -EIO;
	}
	outlet_tell(o);
	return rc;
}

/* ---- leaving ---- */

static bool all_spooled(const struct outlet *o)
{
	bool all = o->of.by_courier;
	for (unsigned q = 0; all && q < o->of.n_queues; q++)
		all = topology_spool_mode(o->t, o->gen->conf, o->of.queues[q]) != LANE_OFF;
	return all;
}

static void *leave(void *arg)
{
	struct outlet *o = arg;
	unsigned ms = 0, still_ms = 0, limit_ms = all_spooled(o) ? LEAVE_SPOOL_MS : LEAVE_MS;
	uint64_t moved = 0;
	bool done;
	confine_thread();
	if (o->courier)
		courier_stop_reading(o->courier);
	while (!(done = outlet_is_done(o)) && still_ms < limit_ms && ms++ < LEAVE_MS_MAX &&
	       !atomic_load(&o->t->give_up)) {
		uint64_t now = 0;
		for (unsigned i = 0; i < o->of.n_sinks; i++)
			now += o->sides[i].n_now;
		still_ms = now == moved ? still_ms + 1 : 0;
		moved = now;
		usleep(1000);
	}
	outlet_stop(o, done);
	atomic_store_explicit(&o->ended, true, memory_order_release);
	return NULL;
}

int outlet_leave(struct outlet *o)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&o->thread, NULL, leave, o);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	o->has_thread = rc == 0;
	return -rc;
}

/* ---- the ledger ---- */

void outlet_report(const struct outlet *o, unsigned q, struct report *r)
{
	const char *name = outlet_queue(o, q)->name;
	const struct sink_queue *sq = &o->queues[q];
	uint64_t row[SHIPPER_N_COLS], lane[LANE_N_COLS], spool[SPOOL_N_COLS];
	if (o->courier && courier_row(o->courier, q, lane))
		report_add(r, &lane_ledger, name, lane);
	if (o->courier && courier_spool_row(o->courier, q, spool))
		report_add(r, &spool_ledger, name, spool);
	shipper_row(o->sides[sq->sink].shipper, q, row);
	report_add(r, &shipper_ledger, name, row);
	if (sq->backup == sq->sink)
		return;
	shipper_row(o->sides[sq->backup].shipper, q, row);
	report_add(r, &shipper_ledger, name, row);
}

void outlet_report_handoff(const struct outlet *o, struct report *r)
{
	for (unsigned q = 0; q < o->of.n_queues; q++)
		for (unsigned i = 0; i < o->t->n_workers; i++)
			report_add(r, &handoff_ledger, outlet_queue(o, q)->name,
				   handoff_row(o->handoff, i, q));
}
