/* worker.h - one core that takes packets to records, run to completion.
 *
 * In:     a packet source of its own.
 * Out:    encoded records, handed over to the sinks' threads in batches.
 * Owns:   its source, its stages and their pools; shares the hand-off's rings and read-only tables.
 * Runs:   create and destroy: main. worker_run: its lcore. Counters: read by any thread.
 * Limits: -
 */
#ifndef SL_WORKER_H
#define SL_WORKER_H

#include <stdatomic.h>

#include "dataplane/base/latency.h"
#include "dataplane/capture/capture.h"
#include "dataplane/capture/decode.h"
#include "dataplane/errand.h"
#include "dataplane/extract/extract.h"
#include "dataplane/extract/shed.h"
#include "dataplane/flow/flow.h"
#include "dataplane/flush.h"
#include "dataplane/frame/frame.h"
#include "dataplane/graph/graph.h"
#include "dataplane/match/rules.h"
#include "dataplane/sink/dead_letter.h"
#include "dataplane/sink/encode.h"
#include "dataplane/sink/out_batch.h"
#include "dataplane/sink/proto_shape.h"

/* Bursts of frames and their records stay far below; a single huge frame may need all of it: its
 * own bytes, and copies of its values with every byte escaped.
 */
#define WORKER_ARENA_BYTES(frame_bytes_max) (16 * (frame_bytes_max) + (16u << 20))

/* Where encoded records go: the hand-off to the sinks (handoff.h says what each does), or a test.
 */
struct worker_out {
	uint8_t *(*room)(void *arg, unsigned worker, unsigned queue, size_t len);
	/* Before commit, where the queue's form has marks: the record's key and id, or ptr NULL. */
	void (*mark)(void *arg, unsigned worker, unsigned queue, struct slice key, struct slice id);
	void (*commit)(void *arg, unsigned worker, unsigned queue, size_t len, uint64_t time_ns);
	/* The same for many records at a time; NULL: one by one. */
	struct out_batch *(*open)(void *arg, unsigned worker, unsigned queue, size_t len);
	void (*added)(void *arg, unsigned worker, unsigned queue, unsigned n);
	/* Records come to these queues next; only what is faster for it. NULL: nothing is. */
	void (*soon)(void *arg, unsigned worker, const uint16_t *queues, unsigned n);
	void (*flush)(void *arg, unsigned worker, bool last);
	/* The worker goes over to another @arg: what is open in the parts of this one that are not
	 * of that one is handed over. NULL: there is none.
	 */
	void (*leave)(void *arg, unsigned worker);
	/* How full the queue is for this worker, up to SHED_LEVEL_MAX. NULL: nothing is shed. */
	unsigned (*level)(void *arg, unsigned worker, unsigned queue);
	/* A record that the queue's format does not hold. */
	void (*leave_out)(void *arg, unsigned worker, unsigned queue, enum encode_fit why);
	/* So many records of those put last were written without some of their fields. */
	void (*narrowed)(void *arg, unsigned worker, unsigned queue, unsigned n_more,
			 unsigned n_misfits);
	/* What cannot go on; its texts are borrowed. NULL: there are no dead letters. */
	void (*dead)(void *arg, unsigned worker, const struct dead_letter *l);
	void *dead_arg;
	void *arg;
};

/* Where frames come from that are no packets any more: dead letters that are tried again. */
struct worker_feed {
	/* Makes the next one in the arena of @b, which is empty; *ret_ground: what its parser has
	 * to read it again with, or nothing. False: there are no more.
	 */
	bool (*next)(void *arg, struct batch *b, struct frame *ret_f, struct slice *ret_ground);
	void *arg;
};

/* Who looks on while a worker works; `explain`. Records then go through the graph one by one, and
 * come out the same.
 */
struct worker_witness {
	void (*frames)(void *arg, const struct frame *frames, unsigned n); /* of a burst */
	void (*before)(void *arg, const struct batch *b, const struct rec *r);
	void (*after)(void *arg);
	void *arg;
};

/* How a queue wants its records. */
struct queue_form {
	const struct encoder *encoder;
	bool ddl;   /* also changes of tables, of an encoder that holds changes only */
	bool marks; /* records go with a key or an id */
	bool ids;
	uint8_t hops_max;                /* records that came through more are refused; 0: any */
	const char *key;                 /* the field, or the column; NULL: none */
	const struct proto_shape *shape; /* of encoder_protobuf */
	const struct proto_shape *only;  /* the fields that are written; NULL: all */
};

/* Counters are told between two turns, when everything in them balances, to whoever asks. */
struct worker_ask {
	_Alignas(64) atomic_uint asked; /* raised by one by who asks */
	atomic_uint answered;           /* what `asked` was at the last answer */
	void (*answer)(void *arg, unsigned worker, unsigned asked);
	void *arg;
};

struct worker_conf {
	unsigned index, n_workers;
	bool live;               /* a port: the clock goes on without packets */
	uint64_t rest_max_ns;    /* when nothing comes; 0: it never rests */
	struct flush_conf flush; /* of a live port; a file's clock stands still */
	bool share;              /* every worker reads all packets and keeps its own (replay) */
	struct capture *capture; /* moved: the worker closes it; NULL: worker_track feeds it */
	const struct decode_conf *decode;
	const struct flow_conf *flow;
	const struct frame_conf *frame;
	const struct frame_source *frame_sources;
	const struct extract_source *extract_sources;
	const struct rules *rules; /* of all sources; NULL: none */
	const struct graph_plan *graph;
	const uint16_t *next_nodes;      /* of a reload: graph_go_over's; NULL: nothing stays */
	const uint16_t *next_sources;    /* the same */
	const struct queue_form *forms;  /* by queue */
	unsigned n_queues;               /* of these, the ones that may have keys */
	const struct shed_source *sheds; /* by source; NULL: none is shed */
	const struct slice *source_names;
	unsigned n_sources;
	struct names *names;
	struct encode_ctx encode;
	struct worker_out out;
	uint8_t dead_flags;      /* enum rec_flag: extraction's records that out.dead takes */
	struct worker_feed feed; /* instead of a capture */
	const struct worker_witness *witness; /* NULL: nobody looks on */
	atomic_bool *stop;                    /* set from outside: finish and return */
	struct worker_ask *ask;               /* NULL: nobody asks while it runs */
};

struct worker;

/* What a reload exchanges of a worker: what makes records of frames, and takes them to the queues.
 * Made and destroyed by another thread; taken by the worker between two turns.
 */
struct worker_gen;

int worker_create(const struct worker_conf *conf, struct worker **ret_w, struct err *e);
void worker_destroy(struct worker *w);

/* Until the source ends, or *stop. Then closes every session and hands over what is left. Returns
 * 0, or -EIO when the source broke somewhere: worker_error then has the texts; what came before and
 * behind has gone out.
 */
int worker_run(struct worker *w);

/* For a worker without a capture: packets that are decoded already, and the end of them. */
void worker_track(struct worker *w, const struct pkt *pkts, unsigned n);
void worker_finish(struct worker *w);

/* The sources of @w, and its parts from extraction on, by @conf: its frame_sources (see
 * frame_table_create), flush, extract_sources, sheds, rules, graph, forms, names, encode and the
 * argument of out; the rest is as it was. 0 or -errno with a text.
 */
int worker_gen_create(struct worker *w, const struct worker_conf *conf, struct worker_gen **ret_g,
		      struct err *e);
void worker_gen_destroy(struct worker_gen *g); /* accepts NULL */

/* Hands @g over. Within a few turns @w goes on with @g, as frame_leave and graph_go_over say; @g
 * has the old parts then.
 */
void worker_gen_give(struct worker *w, struct worker_gen *g);
bool worker_gen_taken(const struct worker *w); /* what was given last */
/* In place of a worker that has ended, and so has ended its graph. */
void worker_gen_take_late(struct worker *w);

/* Of the parts that were exchanged: for their ledger. */
const struct frame_table *worker_gen_sources(const struct worker_gen *g);
const struct extract *worker_gen_extract(const struct worker_gen *g);
const struct graph *worker_gen_graph(const struct worker_gen *g);

/* For an errand, or before it runs. @plan: what the tap was made for; false: the graph is of
 * another. */
bool worker_tap(struct worker *w, const struct graph_plan *plan, struct graph_tap *t);
void worker_untap(struct worker *w, const struct graph_tap *t);

/* For an errand alone. @s runs beside the graph from now on; NULL: what did is its owner's again.
 */
struct shadow;
void worker_shadow(struct worker *w, struct shadow *s);

/* Between two turns, as long as it runs; a worker that is fed does none. Any thread. */
void worker_errand(struct worker *w, struct errand *er);

/* Text @i of what broke, or NULL: one for each broken file. */
#define WORKER_ERRORS_MAX 16
const char *worker_error(const struct worker *w, unsigned i);
/* Told to stop before it had seen the end of its files, or of its feed. */
bool worker_unread(const struct worker *w);

/* For the ledger and for progress. */
const struct capture_stats *worker_capture_stats(const struct worker *w);
/* From packet to record, of a port: how long after its packet time a packet had been through the
 * path; of a burst that of its oldest packet, for all of them.
 */
const struct latency *worker_latency(const struct worker *w);
const struct decode *worker_decode(const struct worker *w);
const struct flow *worker_flow(const struct worker *w);
const struct frame_stage *worker_frame(const struct worker *w);
const struct extract *worker_extract(const struct worker *w);
const struct graph *worker_graph(const struct worker *w);

#endif
