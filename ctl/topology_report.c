/* The ledger's rows, read from the parts of a topology. */
#include <string.h>

#include "ctl/report.h"
#include "ctl/topology_parts.h"
#include "dataplane/base/mem.h"

static void report_dimensions(const struct topology *t, struct report *r)
{
	for (size_t i = 0; i < t->conf->n_dimensions; i++) {
		uint64_t row[DIM_N_COLS];
		dim_row(t->pipeline->dims[i], row);
		report_add(r, &dim_ledger, t->conf->dimensions[i].spec.name, row);
	}
}

/* The row of source @s; the last one is nobody's. */
static void report_frame(const struct topology *t, const struct worker *w, unsigned s,
			 struct report *r)
{
	const char *name = s < t->conf->n_sources ? t->conf->sources[s].name : "(none)";
	const struct reasons *why = frame_reasons(worker_frame(w), s);
	report_add(r, &frame_ledger, name, frame_row(worker_frame(w), s));
	for (unsigned i = 0; i < REASONS_MAX; i++)
		if (why->of[i].text)
			report_add_reason(r, &frame_ledger, name, why->of[i].col, why->of[i].text,
					  why->of[i].bytes, why->of[i].times);
}

static void report_sources(const struct topology *t, const struct worker *w, struct report *r)
{
	for (unsigned s = 0; s < t->conf->n_sources; s++) {
		const char *name = t->conf->sources[s].name;
		report_frame(t, w, s, r);
		report_add(r, &extract_ledger, name, extract_row(worker_extract(w), s));
		report_add(r, &graph_ledger, name, graph_row(worker_graph(w), s));
	}
	report_frame(t, w, (unsigned)t->conf->n_sources, r);
}

#define PORT_COLS(X)                                                                        \
	X(IN, received, "packets from the card or the kernel")                              \
	X(OUT, taken, "handed to capture")                                                  \
	X(MISSED, missed, "lost before us, by the card's or the kernel's own count")        \
	X(INFO, unstamped, "the card's stamp was missing, or no time: the host's is taken") \
	X(INFO, clock_steps, "the card's clock, or the host's, was set")                    \
	X(INFO, link_downs, "times that a queue saw the interface go down, or away")
#define PORT_COL(kind, name, help) PORT_##name,
enum { PORT_COLS(PORT_COL) PORT_N_COLS };
LEDGER_DEFINE(port, "port", "packets", PORT_COLS);

static void report_port(const struct worker *w, struct report *r)
{
	const struct capture_stats *st = worker_capture_stats(w);
	uint64_t n = atomic_load(&st->packets);
	uint64_t row[PORT_N_COLS] = {
		[PORT_received] = n,
		[PORT_taken] = n,
		[PORT_missed] = atomic_load(&st->missed),
		[PORT_unstamped] = atomic_load(&st->unstamped),
		[PORT_clock_steps] = atomic_load(&st->clock_steps),
		[PORT_link_downs] = atomic_load(&st->link_downs),
	};
	report_add(r, &port_ledger, "", row);
}

static void report_nodes(const struct topology *t, const struct graph *g, struct report *r)
{
	const struct graph_plan *plan = &t->pipeline->graph;
	for (unsigned i = 0; i < plan->n_nodes; i++)
		report_add(r, plan->nodes[i].op->ledger, plan->nodes[i].name, graph_node_row(g, i));
	for (unsigned o = plan->n_sources; o < plan->n_origins; o++)
		report_add(r, &graph_ledger, t->conf->origins[o].name, graph_row(g, o));
}

/* Rows appear in the order of the path: stage by stage. */
/* What the parser of source @s has seen, in all workers together. */
static void report_told(const struct topology *t, unsigned s, struct report *r)
{
	const struct parser *p = t->pipeline->frame_sources[s].parser;
	const void *pools[TOPOLOGY_WORKERS_MAX];
	char *text;
	if (!p->pool_tell)
		return;
	for (unsigned i = 0; i < t->n_workers; i++) {
		pools[i] = frame_pool(worker_frame(t->workers[i]), s);
		report_add(r, p->ledger, t->conf->sources[s].name, p->pool_row(pools[i]));
	}
	if (!(text = mem_alloc(REPORT_TOLD_MAX)))
		return;
	size_t len = p->pool_tell(pools, t->n_workers, text, REPORT_TOLD_MAX);
	report_tell(r, t->conf->sources[s].name, text, len);
	mem_free(text);
}

void topology_report(const struct topology *t, struct report *r)
{
	for (unsigned i = 0; t->ports && i < t->n_workers; i++)
		report_port(t->workers[i], r);
	for (unsigned i = 0; i < t->n_workers; i++)
		report_add(r, &decode_ledger, "", decode_row(worker_decode(t->workers[i])));
	for (unsigned i = 0; i < t->n_workers; i++) {
		const struct flow *f = worker_flow(t->workers[i]);
		report_add(r, &flow_packet_ledger, "", flow_packet_row(f));
		report_add(r, &flow_byte_ledger, "", flow_byte_row(f));
	}
	for (unsigned i = 0; i < t->n_workers; i++)
		report_sources(t, t->workers[i], r);
	for (unsigned s = 0; s < t->conf->n_sources; s++)
		report_told(t, s, r);
	report_dimensions(t, r);
	for (unsigned i = 0; i < t->n_workers; i++)
		report_nodes(t, worker_graph(t->workers[i]), r);
	for (unsigned q = 0; q < t->conf->n_queues; q++) {
		const struct queue_conf *qc = &t->conf->queues[q];
		for (unsigned i = 0; i < t->n_workers; i++)
			report_add(r, &handoff_ledger, qc->name, handoff_row(t->handoff, i, q));
		uint64_t row[SHIPPER_N_COLS];
		shipper_row(t->sinks[qc->sink].shipper, q, row);
		report_add(r, &shipper_ledger, qc->name, row);
	}
}
