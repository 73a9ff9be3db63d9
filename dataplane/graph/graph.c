#include "dataplane/graph/graph.h"

#include "dataplane/base/mem.h"
#include "dataplane/rec/later.h"

LEDGER_DEFINE(graph, "graph", "records", GRAPH_COLS);

struct graph {
	const struct graph_plan *plan;
	graph_put *put;
	const struct graph_dead *dead; /* NULL: there are no dead letters */
	void *arg;
	struct graph_tap *taps;         /* mostly none */
	void **states;                  /* by node */
	uint64_t (*rows)[GRAPH_N_COLS]; /* by origin */
	uint64_t (*node_rows)[LEDGER_COLS_MAX];
	unsigned *rooms;                  /* by origin: pairs that its records have room for */
	unsigned room;                    /* of all sources */
	struct rec *list[BATCH_RECS_MAX]; /* records of one source */
};

/* A call of a node. */
struct node_run {
	struct op_run x; /* first: operators know no more of it */
	struct graph *g;
	const struct graph_node *node;
	void *state;
};

static void emit(struct graph *g, unsigned origin, struct batch *b, struct rec *const *recs,
		 unsigned n);

static void emit_port(struct op_run *x, unsigned port, struct rec *const *recs, unsigned n)
{
	const struct node_run *r = (const struct node_run *)x;
	emit(r->g, r->node->first_origin + port, x->b, recs, n);
}

static void bury(struct op_run *x, const struct rec *r, const char *why, struct slice about)
{
	const struct node_run *n = (const struct node_run *)x;
	unsigned node = (unsigned)(n->node - n->g->plan->nodes);
	n->g->dead->bury(n->g->arg, node, x->b, r, why, about);
}

static struct slice about(struct op_run *x, const struct rec *r)
{
	const struct node_run *n = (const struct node_run *)x;
	return n->g->dead->about(n->g->arg, x->b, r);
}

static struct node_run in_node(struct graph *g, unsigned node, struct batch *b)
{
	return (struct node_run){.x = {.b = b,
				       .row = g->node_rows[node],
				       .emit = emit_port,
				       .dead = g->dead ? bury : NULL,
				       .about = about,
				       .room_next = g->rooms[g->plan->nodes[node].first_origin]},
				 .g = g,
				 .node = &g->plan->nodes[node],
				 .state = g->states[node]};
}

static __attribute__((noinline)) void show(const struct graph *g, unsigned origin, struct batch *b,
					   struct rec *const *recs, unsigned n)
{
	size_t mark = b->arena.used;
	for (const struct graph_tap *t = g->taps; t; t = t->next) {
		if (t->origins[origin])
			t->see(t->arg, origin, b, recs, n);
		b->arena.used = mark;
	}
}

/* Depth first: an operator's records are through when it goes on, and what was made of them in the
 * arena goes. Nodes stand behind those that they take from, so this ends.
 */
static void emit(struct graph *g, unsigned origin, struct batch *b, struct rec *const *recs,
		 unsigned n)
{
	const struct graph_origin *o = &g->plan->origins[origin];
	uint64_t *row = g->rows[origin];
	row[GRAPH_records_in] += n;
	row[o->n_queues + o->n_nodes ? GRAPH_records_out : GRAPH_no_queue] += n;
	row[GRAPH_copies] += (uint64_t)o->n_queues * n;
	if (__builtin_expect(g->taps != NULL, 0))
		show(g, origin, b, recs, n);
	for (unsigned i = 0; i < o->n_queues; i++)
		g->put(g->arg, o->queues[i], b, recs, n);
	size_t mark = b->arena.used;
	bool has_room = origin >= g->plan->n_sources || b->room >= g->rooms[origin];
	for (unsigned i = 0; i < o->n_nodes; i++) {
		struct node_run r = in_node(g, o->nodes[i], b);
		r.x.room = has_room ? g->rooms[origin] : 0;
		r.node->op->run(r.node->plan, r.state, &r.x, recs, n);
		b->arena.used = mark;
	}
}

/* ---- a burst ---- */

/* What is to be written later may be, by each of them. */
static size_t later_bytes(const struct rec *r)
{
	unsigned n_vals = r->flags & REC_LATER ? r->schema->n_fields + 2u * r->n_pairs : 0;
	size_t n = 0;
	for (unsigned i = 0; i < n_vals; i++)
		if (r->vals[i].type == VAL_LATER)
			n += (size_t)JSON_TEXT_FACTOR * r->vals[i].len;
	return n;
}

static size_t rec_bytes(const struct rec *r)
{
	return r->frame_len + later_bytes(r) + sizeof(*r) +
	       (r->schema->n_fields + 2u * r->n_pairs) * sizeof(struct val);
}

/* What the records come to at most, without a look at their values: they stand in the arena, too.
 */
static size_t bytes_at_most(const struct batch *b, struct rec *const *recs, unsigned n)
{
	size_t bytes = b->arena.used;
	unsigned flags = 0;
	for (unsigned i = 0; i < n; i++) {
		bytes += recs[i]->frame_len;
		flags |= recs[i]->flags;
	}
	return flags & REC_LATER ? SIZE_MAX : bytes;
}

/* In chunks that the rest of the arena holds, also when every operator writes its records anew. */
static void push_list(struct graph *g, unsigned source, struct batch *b, struct rec *const *recs,
		      unsigned n)
{
	size_t mark = b->arena.used;
	size_t room = arena_left(&b->arena) / GRAPH_GROWTH;
	/* Queues leave nothing in the arena. */
	if (g->plan->origins[source].n_nodes == 0 || bytes_at_most(b, recs, n) < room) {
		emit(g, source, b, recs, n);
		return;
	}
	for (unsigned done = 0; done < n;) {
		unsigned first = done;
		size_t bytes = 0;
		while (done < n && (done == first || bytes < room))
			bytes += rec_bytes(recs[done++]);
		emit(g, source, b, recs + first, done - first);
		b->arena.used = mark;
	}
}

/* Straight to queues go the next ones of one source, where they stand, so that a queue has its
 * records in the order of their packets. Returns the first that is another's.
 */
static unsigned pass_source(struct graph *g, struct batch *b, unsigned first)
{
	uint16_t source = b->recs[first]->source;
	unsigned end = first + 1;
	while (end < b->n_recs && b->recs[end] && b->recs[end]->source == source)
		end++;
	emit(g, source, b, b->recs + first, end - first);
	return end;
}

/* Moves records of one source from the batch to the list, recs[first] at least. Operators like long
 * vectors and get all of the burst. Where a change of one source is to be seen by what comes behind
 * it, and by nothing before it, each goes by itself.
 */
static unsigned take_source(struct graph *g, struct batch *b, unsigned first)
{
	uint16_t source = b->recs[first]->source;
	bool all = !g->plan->in_order;
	unsigned n = 0, end = g->plan->origins[source].is_fed ? first + 1 : b->n_recs;
	for (unsigned i = first; i < end; i++) {
		if (b->recs[i] && b->recs[i]->source == source) {
			g->list[n++] = b->recs[i];
			b->recs[i] = NULL;
		} else if (!all) {
			break;
		}
	}
	return n;
}

/* Are all records of the batch there, and of @source? As mostly. */
static bool is_of_one(const struct batch *b, uint16_t source)
{
	unsigned i = 0;
	while (i < b->n_recs && b->recs[i] && b->recs[i]->source == source)
		i++;
	return i == b->n_recs;
}

static void advance_nodes(struct graph *g, uint64_t now_ns, struct batch *b)
{
	size_t mark = b->arena.used;
	for (unsigned i = 0; i < g->plan->n_nodes; i++) {
		struct node_run r = in_node(g, i, b);
		if (!r.node->op->advance)
			continue;
		r.node->op->advance(r.node->plan, r.state, &r.x, now_ns);
		b->arena.used = mark;
	}
}

/* Records of several sources, or some that are gone. */
static void push_some(struct graph *g, struct batch *b)
{
	for (unsigned first = 0; first < b->n_recs;) {
		const struct rec *r = b->recs[first];
		if (!r) {
			first++;
			continue;
		}
		uint16_t source = r->source;
		const struct graph_origin *o = &g->plan->origins[source];
		if (!o->n_nodes && !o->is_fed) {
			first = pass_source(g, b, first);
			continue;
		}
		if (o->is_fed) /* what waits is over before the change */
			advance_nodes(g, r->time_ns, b);
		unsigned n = take_source(g, b, first++);
		push_list(g, source, b, g->list, n);
	}
}

void graph_push(struct graph *g, struct batch *b)
{
	uint16_t source = b->n_recs && b->recs[0] ? b->recs[0]->source : 0;
	if (is_of_one(b, source) && !g->plan->origins[source].is_fed) {
		if (b->n_recs)
			push_list(g, source, b, b->recs, b->n_recs);
	} else {
		push_some(g, b);
	}
	b->n_recs = 0;
}

void graph_advance(struct graph *g, uint64_t now_ns, struct batch *b)
{
	arena_reset(&b->arena);
	advance_nodes(g, now_ns, b);
}

static void finish_node(struct graph *g, unsigned node, struct batch *b)
{
	struct node_run r = in_node(g, node, b);
	if (!r.node->op->finish)
		return;
	arena_reset(&b->arena);
	r.node->op->finish(r.node->plan, r.state, &r.x);
}

void graph_finish(struct graph *g, struct batch *b)
{
	for (unsigned i = 0; i < g->plan->n_nodes; i++)
		finish_node(g, i, b);
}

static bool carry_node(struct graph *g, unsigned node, struct graph *next, unsigned to,
		       const uint16_t *sources, struct batch *b)
{
	const struct graph_node *a = &g->plan->nodes[node], *z = &next->plan->nodes[to];
	arena_reset(&b->arena);
	return a->op->carry &&
	       a->op->carry(a->plan, g->states[node], z->plan, next->states[to], sources, b);
}

/* In the order of the graph: what a node gives out comes to those behind it before they are
 * carried over.
 */
void graph_go_over(struct graph *g, struct graph *next, const uint16_t *next_of,
		   const uint16_t *sources, struct batch *b)
{
	for (unsigned i = 0; i < g->plan->n_nodes; i++)
		if (!next_of || next_of[i] == GRAPH_NO_NODE ||
		    !carry_node(g, i, next, next_of[i], sources, b))
			finish_node(g, i, b);
}

/* ---- life ---- */

/* Pairs that the only one who takes from @origin adds, and those that the next ones do. */
static unsigned room_of(const struct graph_plan *plan, const unsigned *rooms, unsigned origin)
{
	const struct graph_origin *o = &plan->origins[origin];
	if (o->n_queues || o->n_nodes != 1)
		return 0;
	const struct graph_node *next = &plan->nodes[o->nodes[0]];
	return next->op->appends ? next->op->appends(next->plan) + rooms[next->first_origin] : 0;
}

/* Of each record of a source: more is better made of few than left free in all. */
#define SOURCE_ROOM_MAX 16

/* Nodes that add pairs do so in place where nobody else sees the records. From the last node on, as
 * what the next ones add has to have room, too.
 */
static void find_rooms(struct graph *g)
{
	const struct graph_plan *plan = g->plan;
	for (unsigned i = plan->n_nodes; i-- > 0;) {
		const struct graph_node *n = &plan->nodes[i];
		if (n->op->makes_room)
			g->rooms[n->first_origin] = room_of(plan, g->rooms, n->first_origin);
	}
	for (unsigned i = 0; i < plan->n_sources; i++) {
		unsigned room = room_of(plan, g->rooms, i);
		if (room > SOURCE_ROOM_MAX || plan->origins[i].is_fed)
			continue;
		g->rooms[i] = room;
		g->room = room > g->room ? room : g->room;
	}
}

int graph_create(const struct graph_plan *plan, graph_put *put, void *arg, struct graph **ret_g,
		 struct err *e)
{
	struct graph *g = mem_alloc(sizeof(*g));
	if (!g)
		return err_set(e, -ENOMEM, "no memory for the graph of a worker");
	*g = (struct graph){.plan = plan, .put = put, .arg = arg};
	g->states = mem_alloc((plan->n_nodes + 1) * sizeof(*g->states));
	g->rows = mem_alloc((plan->n_origins + 1) * sizeof(*g->rows));
	g->node_rows = mem_alloc((plan->n_nodes + 1) * sizeof(*g->node_rows));
	g->rooms = mem_alloc((plan->n_origins + 1) * sizeof(*g->rooms));
	int rc = 0;
	if (!g->states || !g->rows || !g->node_rows || !g->rooms)
		rc = err_set(e, -ENOMEM, "no memory for the graph of a worker");
	else
		find_rooms(g);
	for (unsigned i = 0; rc == 0 && i < plan->n_nodes; i++)
		if (plan->nodes[i].op->create)
			rc = plan->nodes[i].op->create(plan->nodes[i].plan, &g->states[i], e);
	if (rc < 0) {
		graph_destroy(g);
		return rc;
	}
	*ret_g = g;
	return 0;
}

void graph_set_dead(struct graph *g, const struct graph_dead *dead)
{
	g->dead = dead;
}

void graph_tap_add(struct graph *g, struct graph_tap *t)
{
	t->next = g->taps;
	g->taps = t;
}

void graph_tap_remove(struct graph *g, const struct graph_tap *t)
{
	struct graph_tap **at = &g->taps;
	while (*at && *at != t)
		at = &(*at)->next;
	if (*at)
		*at = t->next;
}

void graph_tap_remove_all(struct graph *g)
{
	g->taps = NULL;
}

const struct graph_plan *graph_plan(const struct graph *g)
{
	return g->plan;
}

unsigned graph_room(const struct graph *g)
{
	return g->room;
}

void graph_destroy(struct graph *g)
{
	if (!g)
		return;
	for (unsigned i = 0; g->states && i < g->plan->n_nodes; i++)
		if (g->states[i])
			g->plan->nodes[i].op->discard(g->states[i]);
	mem_free(g->states);
	mem_free(g->rows);
	mem_free(g->node_rows);
	mem_free(g->rooms);
	mem_free(g);
}

const uint64_t *graph_row(const struct graph *g, unsigned origin)
{
	return g->rows[origin];
}

const uint64_t *graph_node_row(const struct graph *g, unsigned node)
{
	return g->node_rows[node];
}
