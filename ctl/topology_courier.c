/* The queues that have a spool or a backup, and the courier that they go by. */
#include <string.h>

#include "ctl/config_read.h"
#include "ctl/topology_parts.h"
#include "dataplane/base/mem.h"

/* A replay waits for its sinks; it has a spool only where all is to be in one first. */
static int mode_of(const struct topology *t, unsigned queue, bool is_file)
{
	int spool = t->conf->queues[queue].spool;
	if (!t->conf->has_spool || spool == QUEUE_SPOOL_OFF)
		return LANE_OFF;
	if (spool == QUEUE_SPOOL_ALWAYS)
		return LANE_ALWAYS;
	return is_file ? LANE_OFF : LANE_OVERFLOW;
}

/* Which queues go by the courier: those with a spool or a backup, and each other one that leads to
 * a sink of these, since such a sink may be made to give back what it has.
 */
static unsigned choose(const struct topology *t, bool is_file, bool *ret_chosen, bool *by_sink)
{
	const struct config *c = t->conf;
	unsigned n = 0;
	for (bool grew = true; grew;) {
		grew = false;
		for (unsigned q = 0; q < c->n_queues; q++) {
			const struct queue_conf *qc = &c->queues[q];
			bool backup = qc->backup != CONFIG_NO_SINK;
			if (ret_chosen[q] ||
			    (mode_of(t, q, is_file) == LANE_OFF && !backup && !by_sink[qc->sink]))
				continue;
			ret_chosen[q] = grew = true;
			n++;
			by_sink[qc->sink] = true;
			if (backup)
				by_sink[qc->backup] = true;
		}
	}
	return n;
}

static struct out_batch *take_batch(void *ctx, unsigned queue)
{
	const struct topology *t = ctx;
	return handoff_take_queue(t->handoff, queue);
}

static void give_batch_back(void *ctx, struct out_batch *b)
{
	const struct topology *t = ctx;
	handoff_give_back(t->handoff, b);
}

static void describe(const struct topology *t, bool is_file, const bool *chosen,
		     struct courier_queue *out)
{
	for (unsigned q = 0; q < t->conf->n_queues; q++) {
		const struct queue_conf *qc = &t->conf->queues[q];
		if (!chosen[q])
			continue;
		*out++ = (struct courier_queue){
			.name = qc->name,
			.queue = q,
			.mode = mode_of(t, q, is_file),
			.sink = qc->sink,
			.backup = qc->backup == CONFIG_NO_SINK ? COURIER_NO_SINK : qc->backup,
			.by_health = qc->switched == QUEUE_SWITCH_HEALTH,
			.switch_after_ns = qc->switch_after_ns,
			.return_after_ns = qc->return_after_ns,
			.marks = t->gen->forms[q].marks,
		};
	}
}

static int create(struct topology *t, bool is_file, const bool *chosen, unsigned n, struct err *e)
{
	const struct config *c = t->conf;
	struct courier_queue *queues = mem_alloc(n * sizeof(*queues));
	bool spools = false;
	int rc = -ENOMEM;
	t->sink_names = mem_alloc((c->n_sinks + 1) * sizeof(*t->sink_names));
	if (!queues || !t->sink_names) {
		err_set(e, rc, "no memory for queues");
		goto out;
	}
	for (size_t i = 0; i < c->n_sinks; i++)
		t->sink_names[i] = c->sinks[i].name;
	describe(t, is_file, chosen, queues);
	for (unsigned i = 0; i < n; i++)
		spools |= queues[i].mode != LANE_OFF;
	const struct courier_spec spec = {
		.queues = queues,
		.n_queues = n,
		.n_sinks = (unsigned)c->n_sinks,
		.sink_names = t->sink_names,
		.n_workers = t->n_workers,
		.worker_batches = HANDOFF_BATCHES + (is_file ? 0 : HANDOFF_SPARES),
		.batch_cap = t->batch_cap,
		.spool = spools ? &c->spool : NULL,
		.io = &file_ops_real,
		.take = take_batch,
		.give_back = give_batch_back,
		.ctx = t,
	};
	rc = courier_create(&spec, &t->courier, e);
out:
	mem_free(queues);
	return rc;
}

/* Records that a queue of this name left, when it was called otherwise or had a spool. */
static int tell_orphan(void *arg, const char *queue)
{
	const struct topology *t = arg;
	const struct config *c = t->conf;
	for (unsigned q = 0; q < c->n_queues; q++)
		if (strcmp(c->queues[q].name, queue) == 0 && mode_of(t, q, false) != LANE_OFF)
			return 0;
	fprintf(stderr,
		"sluiced: the spool in %s has records of queue %s, which has no spool in this "
		"configuration: they stay there; see `sluicectl spool`\n",
		c->spool.dir, queue);
	return 0;
}

int topology_build_courier(struct topology *t, bool is_file, struct err *e)
{
	const struct config *c = t->conf;
	bool *chosen = mem_alloc((c->n_queues + 1) * sizeof(*chosen));
	bool *by_sink = mem_alloc((c->n_sinks + 1) * sizeof(*by_sink));
	int rc = chosen && by_sink ? 0 : err_set(e, -ENOMEM, "no memory for queues");
	unsigned n = rc == 0 ? choose(t, is_file, chosen, by_sink) : 0;
	if (n)
		rc = create(t, is_file, chosen, n, e);
	if (rc == 0 && c->spool.dir && !is_file)
		spool_queues(&file_ops_real, c->spool.dir, tell_orphan, t);
	mem_free(chosen);
	mem_free(by_sink);
	return rc;
}

bool topology_couriers(const struct topology *t, unsigned queue)
{
	return t->courier && courier_has(t->courier, queue);
}

bool topology_is_paired(const struct topology *t, unsigned sink)
{
	for (unsigned q = 0; q < t->conf->n_queues; q++) {
		const struct queue_conf *qc = &t->conf->queues[q];
		if (qc->backup != CONFIG_NO_SINK && (qc->sink == sink || qc->backup == sink))
			return true;
	}
	return false;
}

void topology_tell_courier(struct topology *t, FILE *out)
{
	struct err e;
	while (t->courier && courier_notice(t->courier, &e))
		fprintf(out, "sluiced: %s\n", e.text);
}

int topology_queue_command(struct topology *t, const char *queue, enum topology_queue_order order,
			   const char *sink, struct err *e)
{
	static const enum lane_command commands[] = {[TOPOLOGY_PAUSE] = LANE_PAUSE,
						     [TOPOLOGY_RESUME] = LANE_RESUME,
						     [TOPOLOGY_SWITCH] = LANE_SWITCH};
	const struct config *c = t->conf;
	size_t q = 0;
	while (q < c->n_queues && strcmp(c->queues[q].name, queue) != 0)
		q++;
	if (q == c->n_queues)
		return err_set(e, -ENOENT, "no queue is named %s", queue);
	if (!topology_couriers(t, (unsigned)q))
		return err_set(e, -EINVAL, "queue %s has no spool and no backup", queue);
	if (order != TOPOLOGY_SWITCH)
		return courier_command(t->courier, (unsigned)q, commands[order], 0, e);
	if (!sink)
		return courier_command(t->courier, (unsigned)q, LANE_AUTO, 0, e);
	const struct queue_conf *qc = &c->queues[q];
	bool to_backup = qc->backup_name && strcmp(sink, qc->backup_name) == 0;
	if (!to_backup && strcmp(sink, qc->sink_name) != 0)
		return err_set(e, -EINVAL,
			       "queue %s: sink %s is not one of its own; expected %s%s%s", queue,
			       sink, qc->sink_name, qc->backup_name ? " or " : "",
			       qc->backup_name ? qc->backup_name : "");
	return courier_command(t->courier, (unsigned)q, LANE_SWITCH, to_backup, e);
}
