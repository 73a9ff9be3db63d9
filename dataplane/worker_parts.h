/* worker_parts.h - what the files of a worker share: worker.c has the path, worker_put.c its end in
 * the queues, worker_dead.c what could not be worked on, worker_make.c what is made before it runs.
 *
 * In:     a worker, between two stages.
 * Out:    -
 * Owns:   nothing.
 * Runs:   the worker's thread; worker_make.c: main, and a reload's thread.
 * Limits: private to these four files.
 */
#ifndef SL_WORKER_PARTS_H
#define SL_WORKER_PARTS_H

#include "dataplane/capture/idle.h"
#include "dataplane/sink/out_key.h"
#include "dataplane/worker.h"

struct worker_gen {
	struct worker_conf conf;
	struct frame_table *sources; /* NULL: of the first, which frame has made */
	struct shed *shed;
	struct rules_scratch *rules;
	struct extract *extract;
	struct graph *graph;
	struct out_key **keys;
	bool counts_hops; /* a queue wants to know through how many the records have come */
};

struct worker {
	struct worker_conf conf;
	struct worker_gen *_Atomic next; /* given, and not taken yet, or not all of it */
	bool settles;                    /* of it only sessions are to be gone through */
	struct errands errands;
	struct shadow *shadow; /* NULL: nobody compares */
	struct decode *decode;
	struct flow *flow;
	struct frame_stage *frame;
	struct shed *shed; /* NULL: nothing is ever shed */
	bool counts_hops;
	struct rules_scratch *rules;
	struct extract *extract;
	struct graph *graph;
	struct encode_ctx encode;
	struct out_key **keys;         /* by queue; NULL: it has none */
	size_t extract_cap, graph_cap; /* of the arena; the second while the graph has it */
	unsigned idle_turns, turns;
	struct latency latency;
	struct idle idle;
	uint64_t rested_ns;  /* since the idle turns were counted last */
	uint64_t flushed_ns; /* by the wall clock, of a live port */
	uint64_t noted_ns;   /* by the wall clock, before the next look; 0: not noted */
	struct capture_stop stop;
	struct err errors[WORKER_ERRORS_MAX];
	unsigned n_errors;
	bool unread;

	struct pkt_raw raw[PKT_BURST];
	struct pkt pkts[PKT_BURST];
	struct frame frames[BATCH_RECS_MAX];
	unsigned n_frames; /* of the burst whose records are in the batch */
	struct batch batch;
};

/* worker_put.c. The end of the graph: records into one queue, each in its format. */
void worker_put(void *arg, unsigned queue, struct batch *b, struct rec *const *recs, unsigned n);
/* Tells the way out which queues the batch's records go to without an operator in between. */
void worker_foresee(const struct worker *w, const struct batch *b);
/* Where a queue wants to know through how many sluices the records have come. */
void worker_count_hops(const struct worker *w, struct batch *b);

/* worker_make.c. Goes on with what @g has, which has what there was before. */
void worker_gen_exchange(struct worker *w, struct worker_gen *g);

/* worker_dead.c. What extraction could not read leaves the batch; what a node could not is the
 * graph's to tell.
 */
void worker_bury_unread(struct worker *w, struct batch *b);
extern const struct graph_dead worker_graph_dead;

#endif
