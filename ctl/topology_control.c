/* What a running topology answers to commands, and the reports that it publishes for them. */
#include <stdio.h>
#include <string.h>

#include "ctl/topology_parts.h"

#define REPORT_EVERY_MS 500

static void list_sinks(void *arg, json_t *rows)
{
	const struct topology *t = arg;
	for (unsigned i = 0; i < t->conf->n_sinks; i++) {
		const struct way *y = &t->outlets->sinks[i];
		struct shipper *s = y->o->sides[y->index].shipper;
		struct err e = {0};
		uint64_t sum[SHIPPER_N_COLS] = {0}, row[SHIPPER_N_COLS];
		for (unsigned q = 0; q < y->o->of.n_queues; q++) {
			shipper_row(s, q, row);
			for (unsigned k = 0; k < SHIPPER_N_COLS; k++)
				sum[k] += row[k];
		}
		if (!shipper_trouble(s, &e) && shipper_failed(s))
			err_set(&e, 0, "it has failed");
		json_array_append_new(
			rows, json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:s}", "sink",
					t->conf->sinks[i].name, "type", t->conf->sinks[i].ops->name,
					"records", (json_int_t)sum[SHIPPER_records_in], "written",
					(json_int_t)sum[SHIPPER_written], "in_flight",
					(json_int_t)sum[SHIPPER_in_flight], "lost",
					(json_int_t)ledger_sum(&shipper_ledger, sum, LEDGER_LOSS),
					"trouble", e.text));
	}
}

static void list_dims(void *arg, json_t *rows)
{
	const struct topology *t = arg;
	for (size_t i = 0; i < t->conf->n_dimensions; i++) {
		const struct dim_spec *spec = &t->conf->dimensions[i].spec;
		uint64_t row[DIM_N_COLS];
		json_t *o =
			json_pack("{s:s,s:s}", "dimension", spec->name, "from", spec->kind->name);
		dim_row(t->pipeline->dims[i], row);
		for (unsigned k = 0; k < DIM_N_COLS; k++)
			json_object_set_new(o, dim_ledger.cols[k].name,
					    json_integer((json_int_t)row[k]));
		json_array_append_new(rows, o);
	}
}

/* From the packet's time on: to the end of the path, by worker, and to the acknowledgement, by
 * queue. */
static void each_latency(void *arg, latency_fn *each, void *to)
{
	const struct topology *t = arg;
	for (unsigned i = 0; i < t->n_workers; i++) {
		struct latency_sum sum = {0};
		char scope[24];
		snprintf(scope, sizeof(scope), "worker %u", i);
		latency_read(worker_latency(t->workers[i]), &sum);
		each(to, "record", scope, &sum);
	}
	for (unsigned q = 0; q < t->conf->n_queues; q++) {
		const struct way *y = &t->outlets->queues[q];
		struct latency_sum sum = {0};
		for (unsigned i = 0; i < y->o->of.n_sinks; i++)
			latency_read(shipper_latency(y->o->sides[i].shipper, y->index), &sum);
		each(to, "ack", t->conf->queues[q].name, &sum);
	}
}

/* Without a courier there is no other sink; before it has started neither. */
static const char *queue_sink(void *arg, unsigned q)
{
	const struct topology *t = arg;
	const struct way *y = &t->outlets->queues[q];
	if (!y->o->started || !y->o->courier)
		return t->conf->queues[q].sink_name;
	return outlet_sink(y->o, courier_sink(y->o->courier, y->index))->name;
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
	const struct way *y = &t->outlets->queues[q];
	if (!y->o->of.by_courier)
		return err_set(e, -EINVAL, "queue %s has no spool and no backup", queue);
	if (!y->o->started)
		return err_set(e, -EINVAL,
			       "queue %s: what a reload has replaced has not ended yet; try again",
			       queue);
	struct courier *courier = y->o->courier;
	if (order != TOPOLOGY_SWITCH)
		return courier_command(courier, y->index, commands[order], 0, e);
	if (!sink)
		return courier_command(courier, y->index, LANE_AUTO, 0, e);
	const struct queue_conf *qc = &c->queues[q];
	bool to_backup = qc->backup_name && strcmp(sink, qc->backup_name) == 0;
	if (!to_backup && strcmp(sink, qc->sink_name) != 0)
		return err_set(e, -EINVAL,
			       "queue %s: sink %s is not one of its own; expected %s%s%s", queue,
			       sink, qc->sink_name, qc->backup_name ? " or " : "",
			       qc->backup_name ? qc->backup_name : "");
	return courier_command(courier, y->index, LANE_SWITCH, to_backup, e);
}

static int queue_pause(void *arg, const char *queue, struct err *e)
{
	return topology_queue_command(arg, queue, TOPOLOGY_PAUSE, NULL, e);
}

static int queue_resume(void *arg, const char *queue, struct err *e)
{
	return topology_queue_command(arg, queue, TOPOLOGY_RESUME, NULL, e);
}

static int queue_switch(void *arg, const char *queue, const char *sink, struct err *e)
{
	return topology_queue_command(arg, queue, TOPOLOGY_SWITCH, sink, e);
}

const struct control_ops topology_control_ops = {
	.workers = topology_list_workers,
	.ports = topology_list_ports,
	.sinks = list_sinks,
	.dims = list_dims,
	.latency = each_latency,
	.queue_sink = queue_sink,
	.queue_pause = queue_pause,
	.queue_resume = queue_resume,
	.queue_switch = queue_switch,
	.reload = topology_reload_ask,
	.check = topology_check,
	.shadow = topology_shadow,
	.shadow_stop = topology_shadow_stop,
	.shadow_state = topology_shadow_show,
	.reload_state = topology_reload_show,
	.flows = topology_flows,
	.tap = topology_tap,
	.explain = topology_explain,
};

bool topology_errands(struct topology *t, struct errand *first, size_t stride)
{
	bool all = true;
	uint8_t *at = (uint8_t *)first;
	for (unsigned i = 0; i < t->n_workers; i++)
		worker_errand(t->workers[i], (struct errand *)(at + i * stride));
	for (unsigned i = 0; i < t->n_workers; i++) {
		const struct errand *er = (const struct errand *)(at + i * stride);
		errand_wait(er);
		all &= errand_state(er) == ERRAND_DONE;
	}
	return all;
}

const char *topology_is_over(const struct topology *t, unsigned n_reloads)
{
	if (t->n_reloads != n_reloads)
		return "the configuration was reloaded";
	return atomic_load(&t->n_running) < t->n_workers ? "sluiced stops" : NULL;
}

/* Called each step: asks the workers, and publishes when all have answered. */
void topology_publish(struct topology *t)
{
	if (!t->control)
		return;
	if (t->control_ms < REPORT_EVERY_MS) {
		t->control_ms += t->step_ms;
		if (t->control_ms >= REPORT_EVERY_MS)
			topology_ask(t);
		return;
	}
	struct report *r = topology_answered(t) ? report_create() : NULL;
	if (!r)
		return;
	topology_report(t, r);
	control_publish(t->control, r);
	t->control_ms = 0;
}

void topology_control(struct topology *t, struct control *c)
{
	t->control = c;
}
