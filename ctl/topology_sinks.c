/* From the graph's end to the threads of the sinks. */
#include <inttypes.h>
#include <string.h>

#include "ctl/config_read.h"
#include "ctl/topology_parts.h"
#include "dataplane/base/confine.h"
#include "dataplane/base/mem.h"

/* A record is at most its frame with every byte escaped, and its keys. A body that was compressed
 * may be four times frame.bytes_max (frame_scratch_max).
 */
#define BATCH_CAP(frame_bytes_max) (OUT_BATCH_BYTES + 32 * (frame_bytes_max) + (16u << 20))

size_t topology_batch_cap(const struct topology *t)
{
	return BATCH_CAP(frame_limit_max(&t->conf->frame, t->gen->pipeline->frame_sources,
					 (unsigned)t->conf->n_sources));
}

int topology_build_handoff(struct topology *t, bool wait, struct err *e)
{
	const struct config *c = t->conf;
	uint16_t *sink_of = mem_alloc((c->n_queues + 1) * sizeof(*sink_of));
	if (!sink_of)
		return err_set(e, -ENOMEM, "no memory for queues");
	for (size_t q = 0; q < c->n_queues; q++)
		sink_of[q] = topology_couriers(t, (unsigned)q) ? HANDOFF_NO_SINK
							       : (uint16_t)c->queues[q].sink;
	unsigned n_queues = (unsigned)c->n_queues + topology_has_dead(t);
	sink_of[c->n_queues] = (uint16_t)TOPOLOGY_DEAD_TAKER(t);
	int rc = handoff_create(t->n_workers, n_queues, sink_of, TOPOLOGY_DEAD_TAKER(t) + 1,
				t->batch_cap, wait, &t->handoff, e);
	mem_free(sink_of);
	for (size_t q = 0; rc == 0 && q < c->n_queues; q++)
		if (t->gen->forms[q].marks)
			rc = handoff_mark_queue(t->handoff, (unsigned)q, e);
	return rc;
}

static int build_queues(struct topology *t, struct err *e)
{
	const struct config *c = t->conf;
	t->queues = mem_alloc((c->n_queues + 1) * sizeof(*t->queues));
	if (!t->queues)
		return err_set(e, -ENOMEM, "no memory for queues");
	for (size_t q = 0; q < c->n_queues; q++) {
		const struct queue_conf *qc = &c->queues[q];
		t->queues[q] = (struct sink_queue){
			.name = qc->name,
			.sink = qc->sink,
			.backup = qc->backup == CONFIG_NO_SINK ? qc->sink : qc->backup,
			.topic = qc->topic,
			.partitions = (unsigned)qc->partitions,
			.pack = (unsigned)qc->pack,
			.headers = qc->headers,
			.binary = encoders[qc->format]->binary,
			.properties = qc->properties};
	}
	return 0;
}

static struct out_batch *take_batch(void *arg)
{
	struct sink_side *s = arg;
	struct out_batch *b = handoff_take(s->t->handoff, s->index);
	return b || !s->t->courier ? b : courier_take(s->t->courier, s->index);
}

static void give_batch_back(void *arg, struct out_batch *b, const struct shipper_outcome *o)
{
	struct sink_side *s = arg;
	if (topology_couriers(s->t, b->queue))
		courier_settle(s->t->courier, s->index, b, o);
	else
		handoff_give_back(s->t->handoff, b);
}

struct sinks_build {
	struct topology *t;
	struct err *e;
};

static int build_sinks(void *arg)
{
	struct topology *t = ((struct sinks_build *)arg)->t;
	struct err *e = ((struct sinks_build *)arg)->e;
	const struct config *c = t->conf;
	int rc = build_queues(t, e);
	for (unsigned i = 0; rc == 0 && i < c->n_sinks; i++) {
		struct sink_side *s = &t->sinks[i];
		s->t = t;
		s->index = i;
		bool kept = t->courier && courier_feeds(t->courier, i);
		struct shipper_spec spec = {.name = c->sinks[i].name,
					    .ops = c->sinks[i].ops,
					    .conf = c->sinks[i].conf,
					    .n_queues = (unsigned)c->n_queues,
					    .queues = t->queues,
					    .index = i,
					    .reopen = t->ports != NULL || kept,
					    .kept = kept,
					    .probe = topology_is_paired(t, i),
					    .take = take_batch,
					    .give_back = give_batch_back,
					    .dead = t->letters ? topology_refused_again
						    : t->dead  ? topology_bury_refused
							       : NULL,
					    .ctx = s};
		rc = shipper_create(&spec, &s->shipper, e);
		if (rc == 0 && e->text[0])
			fprintf(stderr, "sluiced: %s\n", e->text);
		if (rc == 0 && kept)
			courier_attach(t->courier, i, s->shipper);
	}
	return rc;
}

/* What clients of stores start is confined from its first call on. */
int topology_build_sinks(struct topology *t, struct err *e)
{
	t->sinks = mem_alloc((t->conf->n_sinks + 1) * sizeof(*t->sinks));
	if (!t->sinks)
		return err_set(e, -ENOMEM, "no memory for sinks");
	return confine_call(build_sinks, &(struct sinks_build){t, e});
}
