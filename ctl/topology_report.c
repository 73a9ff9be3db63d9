/* The ledger's rows. A worker copies its own between two turns, when they balance, into a snapshot;
 * reports are made of snapshots.
 *
 * Both are one walk over the rows, in the order of the path: the first copies each row to the end
 * of the snapshot, the second takes each from there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/report.h"
#include "ctl/report_told.h"
#include "ctl/say.h"
#include "ctl/topology_parts.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"

struct walk {
	uint8_t *at;      /* in the snapshot; NULL: only `len` is wanted */
	size_t len;       /* of what came by */
	struct report *r; /* NULL: rows are copied into the snapshot */
};

/* Where in the snapshot @len bytes stand that now are @live. */
static const void *pass(struct walk *k, const void *live, size_t len)
{
	uint8_t *here = k->at ? k->at + k->len : NULL;
	k->len += len;
	if (here && !k->r)
		memcpy(here, live, len);
	return here;
}

static void pass_row(struct walk *k, const struct ledger_table *table, const char *scope,
		     const uint64_t *live)
{
	const uint64_t *row = pass(k, live, table->n_cols * sizeof(*live));
	if (k->r)
		report_add(k->r, table, scope, row);
}

#define PORT_COLS(X)                                                                         \
	X(IN, received, "packets from the card or the kernel")                               \
	X(OUT, taken, "handed to capture")                                                   \
	X(MISSED, missed, "lost before us: the card's or the kernel's ring was full")        \
	X(MISSED, no_buffer, "lost before us: the driver had no free buffer")                \
	X(MISSED, bad_frames, "lost before us: broken on the wire, by the card's own count") \
	X(INFO, unstamped, "the card's stamp was missing, or no time: the host's is taken")  \
	X(INFO, clock_steps, "the card's clock, or the host's, was set")                     \
	X(INFO, link_downs, "times that a queue saw the interface go down, or away")
#define PORT_COL(kind, name, help) PORT_##name,
enum { PORT_COLS(PORT_COL) PORT_N_COLS };
LEDGER_DEFINE(port, "port", "packets", PORT_COLS);

/* The queues that worker @i reads. */
static void walk_port(const struct topology *t, unsigned i, struct walk *k)
{
	uint64_t row[PORT_N_COLS] = {0};
	for (unsigned q = 0; q < t->n_rx; q++) {
		const struct capture_stats *st = &t->rx[q].c->stats;
		if (t->rx[q].worker != i)
			continue;
		row[PORT_received] += atomic_load(&st->packets);
		row[PORT_missed] += atomic_load(&st->missed);
		row[PORT_no_buffer] += atomic_load(&st->no_buffer);
		row[PORT_bad_frames] += atomic_load(&st->bad_frames);
		row[PORT_unstamped] += atomic_load(&st->unstamped);
		row[PORT_clock_steps] += atomic_load(&st->clock_steps);
		row[PORT_link_downs] += atomic_load(&st->link_downs);
	}
	row[PORT_taken] = row[PORT_received];
	pass_row(k, &port_ledger, "", row);
	if (t->rehash) {
		uint64_t shared[REHASH_N_COLS];
		rehash_row(t->rehash, i, shared);
		pass_row(k, &rehash_ledger, "", shared);
	}
}

static void walk_packets(const struct topology *t, unsigned i, struct walk *k)
{
	const struct worker *w = t->workers[i];
	if (t->ports)
		walk_port(t, i, k);
	pass_row(k, &decode_ledger, "", decode_row(worker_decode(w)));
	pass_row(k, &flow_packet_ledger, "", flow_packet_row(worker_flow(w)));
	pass_row(k, &flow_byte_ledger, "", flow_byte_row(worker_flow(w)));
}

void topology_report_reasons(struct report *r, const char *scope, const struct reasons *why)
{
	for (unsigned i = 0; i < REASONS_MAX; i++)
		if (why->of[i].text)
			report_add_reason(r, &frame_ledger, scope, why->of[i].col, why->of[i].text,
					  why->of[i].bytes, why->of[i].times);
}

/* The row of source @s; the last one is nobody's. */
static void walk_frame(const struct topology *t, const struct worker *w, unsigned s, struct walk *k)
{
	const char *name = s < t->conf->n_sources ? t->conf->sources[s].name : "(none)";
	pass_row(k, &frame_ledger, name, frame_row(worker_frame(w), s));
	const struct reasons *why =
		pass(k, frame_reasons(worker_frame(w), s), sizeof(struct reasons));
	if (k->r)
		topology_report_reasons(k->r, name, why);
}

static void walk_sources(const struct topology *t, const struct worker *w, struct walk *k)
{
	for (unsigned s = 0; s < t->conf->n_sources; s++) {
		const char *name = t->conf->sources[s].name;
		walk_frame(t, w, s, k);
		pass_row(k, &extract_ledger, name, extract_row(worker_extract(w), s));
		pass_row(k, &graph_ledger, name, graph_row(worker_graph(w), s));
	}
	walk_frame(t, w, (unsigned)t->conf->n_sources, k);
}

/* What the parsers count by themselves. */
static void walk_parsers(const struct topology *t, const struct worker *w, struct walk *k)
{
	for (unsigned s = 0; s < t->conf->n_sources; s++) {
		const struct parser *p = t->pipeline->frame_sources[s].parser;
		if (p->pool_row)
			pass_row(k, p->ledger, t->conf->sources[s].name,
				 p->pool_row(frame_pool(worker_frame(w), s)));
	}
}

static void walk_nodes(const struct topology *t, const struct worker *w, struct walk *k)
{
	const struct graph_plan *plan = &t->pipeline->graph;
	const struct graph *g = worker_graph(w);
	for (unsigned i = 0; i < plan->n_nodes; i++)
		pass_row(k, plan->nodes[i].op->ledger, plan->nodes[i].name, graph_node_row(g, i));
	for (unsigned o = plan->n_sources; o < plan->n_origins; o++)
		pass_row(k, &graph_ledger, t->conf->origins[o].name, graph_row(g, o));
}

static void walk_queue(const struct topology *t, unsigned worker, unsigned q, struct walk *k)
{
	const struct way *y = &t->outlets->queues[q];
	pass_row(k, &handoff_ledger, t->conf->queues[q].name,
		 handoff_row(y->handoff, worker, y->index));
}

static void walk_letters(const struct topology *t, unsigned worker, struct walk *k)
{
	if (t->outlets->letters)
		pass_row(k, &handoff_ledger, TOPOLOGY_LETTERS,
			 handoff_row(t->outlets->letters, worker, 0));
}

/* All that a worker counts. */
static void walk_worker(const struct topology *t, unsigned i, struct walk *k)
{
	const struct worker *w = t->workers[i];
	walk_packets(t, i, k);
	walk_sources(t, w, k);
	walk_parsers(t, w, k);
	walk_nodes(t, w, k);
	for (unsigned q = 0; q < t->conf->n_queues; q++)
		walk_queue(t, i, q, k);
	walk_letters(t, i, k);
}

/* ---- snapshots: two a worker, so that the one that is read is never written to ---- */

static uint8_t *snapshot_of(const struct topology *t, unsigned worker, unsigned asked)
{
	return t->snapshots + (2 * (size_t)worker + (asked & 1)) * t->snapshot_bytes;
}

static void answer(void *arg, unsigned worker, unsigned asked)
{
	const struct topology *t = arg;
	struct walk k = {.at = snapshot_of(t, worker, asked)};
	walk_worker(t, worker, &k);
}

int topology_build_snapshots(struct topology *t, struct err *e)
{
	struct walk k = {0};
	walk_worker(t, 0, &k);
	t->snapshot_bytes = k.len;
	t->snapshots = mem_alloc(2 * t->n_workers * t->snapshot_bytes);
	return t->snapshots ? 0 : err_set(e, -ENOMEM, "no memory for the ledger");
}

int topology_build_asks(struct topology *t, struct err *e)
{
	t->asks = mem_alloc(t->n_workers * sizeof(*t->asks));
	if (!t->asks)
		return err_set(e, -ENOMEM, "no memory for the ledger");
	for (unsigned i = 0; i < t->n_workers; i++) {
		t->asks[i].answer = answer;
		t->asks[i].arg = t;
	}
	return 0;
}

void topology_ask(struct topology *t)
{
	for (unsigned i = 0; i < t->n_workers; i++) {
		struct worker_ask *a = &t->asks[i];
		if (atomic_load(&a->asked) == atomic_load(&a->answered))
			atomic_fetch_add(&a->asked, 1);
	}
}

bool topology_answered(const struct topology *t)
{
	for (unsigned i = 0; i < t->n_workers; i++)
		if (atomic_load(&t->asks[i].asked) != atomic_load(&t->asks[i].answered))
			return false;
	return true;
}

void topology_answer_for(struct topology *t, unsigned worker)
{
	struct worker_ask *a = &t->asks[worker];
	unsigned asked = atomic_load(&a->asked);
	if (asked == atomic_load(&a->answered))
		asked = atomic_fetch_add(&a->asked, 1) + 1;
	answer(t, worker, asked);
	atomic_store(&a->answered, asked);
}

/* ---- reports ---- */

static void report_dimensions(const struct topology *t, struct report *r)
{
	for (size_t i = 0; i < t->conf->n_dimensions; i++) {
		uint64_t row[DIM_N_COLS];
		dim_row(t->pipeline->dims[i], row);
		report_add(r, &dim_ledger, t->conf->dimensions[i].spec.name, row);
	}
}

/* What the driver itself calls its losses. */
static void add_cause(void *arg, const char *name, uint64_t n)
{
	report_add_reason(arg, &port_ledger, "", PORT_missed, name, n, 0);
}

void topology_report(const struct topology *t, struct report *r)
{
	struct walk at[TOPOLOGY_WORKERS_MAX];
	for (unsigned i = 0; i < t->n_workers; i++)
		at[i] = (struct walk){
			.at = snapshot_of(t, i, atomic_load(&t->asks[i].answered)),
			.r = r,
		};
	if (t->archive)
		report_add(r, &archive_ledger, "", archive_feed_row(t->archive));
	for (unsigned i = 0; i < t->n_workers; i++)
		walk_packets(t, i, &at[i]);
	for (unsigned p = 0; t->ports && p < t->conf->capture.n_ports; p++)
		port_causes(t->ports[p], add_cause, r);
	for (unsigned i = 0; i < t->n_workers; i++)
		walk_sources(t, t->workers[i], &at[i]);
	for (unsigned i = 0; i < t->n_workers; i++)
		walk_parsers(t, t->workers[i], &at[i]);
	report_dimensions(t, r);
	for (unsigned i = 0; i < t->n_workers; i++)
		walk_nodes(t, t->workers[i], &at[i]);
	for (unsigned q = 0; q < t->conf->n_queues; q++) {
		for (unsigned i = 0; i < t->n_workers; i++)
			walk_queue(t, i, q, &at[i]);
		outlet_report(t->outlets->queues[q].o, t->outlets->queues[q].index, r);
	}
	for (unsigned i = 0; i < t->n_workers; i++)
		walk_letters(t, i, &at[i]);
	topology_report_dead(t, r);
	for (const struct outlet *o = t->all; o; o = o->next)
		for (unsigned q = 0; o->has_left && q < o->of.n_queues; q++)
			outlet_report(o, q, r);
	report_add_all(r, t->past);
}

/* What the parser of source @s has to tell of its sessions, in all workers together. */
static void tell_source(const struct topology *t, unsigned s, const void *const *pools,
			struct report *r)
{
	const struct parser *p = t->pipeline->frame_sources[s].parser;
	char *text = p->pool_tell ? mem_alloc(REPORT_TOLD_MAX) : NULL;
	if (!text)
		return;
	size_t len = p->pool_tell(pools, t->n_workers, text, REPORT_TOLD_MAX);
	report_tell(r, t->conf->sources[s].name, text, len);
	mem_free(text);
}

void topology_tell(const struct topology *t, struct report *r)
{
	const void *pools[TOPOLOGY_WORKERS_MAX];
	for (unsigned s = 0; s < t->conf->n_sources; s++) {
		for (unsigned i = 0; i < t->n_workers; i++)
			pools[i] = frame_pool(worker_frame(t->workers[i]), s);
		tell_source(t, s, pools, r);
	}
}

void topology_tell_left(const struct topology *t, unsigned s, const void *const *pools)
{
	struct report *r = report_create();
	char *text = NULL, *rest = NULL;
	size_t len;
	FILE *f = r ? open_memstream(&text, &len) : NULL;
	if (f) {
		tell_source(t, s, pools, r);
		report_print_told(r, f);
		fclose(f);
	}
	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, TOLD_INDENT, strlen(TOLD_INDENT)) == 0) /* not the heading */
			say(SAY_WARNING, "source %s, which is gone: %s", t->conf->sources[s].name,
			    line + strlen(TOLD_INDENT));
	free(text);
	report_destroy(r);
}
