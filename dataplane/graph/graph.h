/* graph.h - the compiled pipeline: records go from sources through operators to queues.
 *
 * In:     the records of a burst.
 * Out:    lists of records, to the queues that take them.
 * Owns:   a graph (one for each worker): the operators' states, the counters.
 * Runs:   plan: built by main, read by all. graph: worker.
 * Limits: 65,535 origins.
 *
 * An origin is a place that records come from: a source, or a port of a node. Whoever takes from
 * it, a node or a queue, gets every record of it in the order of their coming.
 *
 *     origins: source 0 .. source n-1 | ports of node 0 | ports of node 1 | ...
 */
#ifndef SL_GRAPH_GRAPH_H
#define SL_GRAPH_GRAPH_H

#include "dataplane/graph/op.h"

/* Records of one chunk may come to this many times their size while they are worked on; chunks are
 * cut so that they fit what the arena has behind them.
 */
#define GRAPH_GROWTH 8

struct graph_origin {
	const uint16_t
		*nodes; /* those that take from it; each stands behind the node of the origin */
	unsigned n_nodes;
	const uint16_t *queues;
	unsigned n_queues;
	bool is_fed; /* a source with a node that changes what other nodes see */
};

struct graph_node {
	const char *name;
	const struct op *op;
	const struct op_plan *plan;
	unsigned first_origin; /* of its ports */
};

struct graph_plan {
	const struct graph_node *nodes; /* each behind those that it takes from */
	unsigned n_nodes;
	const struct graph_origin *origins;
	unsigned n_origins, n_sources;
	bool in_order; /* records of several sources go one after the other, as they came */
};

/* Takes the records that come to @queue; borrowed until it returns. */
typedef void graph_put(void *arg, unsigned queue, struct batch *b, struct rec *const *recs,
		       unsigned n);

/* Takes records that a node could not work on. */
struct graph_dead {
	/* Borrowed until it returns. @about: empty, or what `about` once gave for it. */
	void (*bury)(void *arg, unsigned node, struct batch *b, const struct rec *r,
		     const char *why, struct slice about);
	/* What is to be kept of a record that waits beyond its batch; in the arena of @b. */
	struct slice (*about)(void *arg, struct batch *b, const struct rec *r);
};

/* Sees the records that come to some origins, before queues and nodes do, and changes nothing. */
struct graph_tap {
	const bool *origins; /* by origin: is it one of them? */
	/* Borrowed until it returns. It may use the arena; what it takes is given back behind it.
	 */
	void (*see)(void *arg, unsigned origin, struct batch *b, struct rec *const *recs,
		    unsigned n);
	void *arg;
	struct graph_tap *next;
};

struct graph;

/* @plan is borrowed. 0, or -errno with a text. */
int graph_create(const struct graph_plan *plan, graph_put *put, void *arg, struct graph **ret_g,
		 struct err *e);
void graph_destroy(struct graph *g);

/* Records that a node loses go to @dead from now on, with the argument of @put. */
void graph_set_dead(struct graph *g, const struct graph_dead *dead);

/* Worker. @t is borrowed until it is removed; one that is not there is no fault. */
void graph_tap_add(struct graph *g, struct graph_tap *t);
void graph_tap_remove(struct graph *g, const struct graph_tap *t);
void graph_tap_remove_all(struct graph *g);
const struct graph_plan *graph_plan(const struct graph *g);

/* The room (struct batch) that records should have, so that the first nodes need not copy them. */
unsigned graph_room(const struct graph *g);

/* All records of the batch, by their sources. The arena behind them is used, and given back. */
void graph_push(struct graph *g, struct batch *b);

/* Packet time has come to @now_ns; @b lends its arena. */
void graph_advance(struct graph *g, uint64_t now_ns, struct batch *b);

/* The input has ended. */
void graph_finish(struct graph *g, struct batch *b);

#define GRAPH_NO_NODE UINT16_MAX

/* @next, which has seen no record yet, goes on in place of @g. @next_of: by node of @g, the one of
 * @next that goes on with what it holds, or GRAPH_NO_NODE: that goes out, as at the end of the
 * input; NULL: all of it. @sources: by source before, which it is now, of all that come to nodes
 * that go on; NULL: they are as they were.
 */
void graph_go_over(struct graph *g, struct graph *next, const uint16_t *next_of,
		   const uint16_t *sources, struct batch *b);

#define GRAPH_COLS(X)                                                          \
	X(IN, records_in, "records of this source, or of this port of a node") \
	X(OUT, records_out, "went to a queue or a node, or to several")        \
	X(POLICY, no_queue, "no queue and no node takes from here")            \
	X(INFO, copies, "records put into queues")

#define GRAPH_COL(kind, name, help) GRAPH_##name,
enum { GRAPH_COLS(GRAPH_COL) GRAPH_N_COLS };
extern const struct ledger_table graph_ledger;

const uint64_t *graph_row(const struct graph *g, unsigned origin);
const uint64_t *graph_node_row(const struct graph *g, unsigned node); /* of its op's ledger */

#endif
