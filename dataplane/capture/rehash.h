/* rehash.h - packets shared out by session in software: each to the worker that its session has.
 *
 * In:     sources (queues of ports), each read by one worker.
 * Out:    struct capture, one a worker: the sessions of its share, as decode_share has it;
 *         fragments go to all, and decode keeps what is its own.
 * Owns:   the sources and the rings. A burst is borrowed until the next receive.
 * Runs:   create, add, destroy: main. receive, wait: the workers. rehash_row: its worker.
 * Limits: bytes_max of packets that wait for a worker; what comes beyond is counted as
 *         ring_full. A packet waits for earlier ones of other sources REHASH_HOLD_NS at most.
 */
#ifndef SL_CAPTURE_REHASH_H
#define SL_CAPTURE_REHASH_H

#include "dataplane/base/ledger.h"
#include "dataplane/capture/capture.h"
#include "dataplane/capture/decode.h"

/* A receiver that gets no core for so long is not waited for. */
#define REHASH_HOLD_NS 200000000ull

struct rehash;

struct rehash_conf {
	unsigned n_workers, n_sources;
	size_t bytes_max;                        /* of the rings of one worker together */
	const struct decode_conf *decode;        /* what is looked into */
	const struct opt_ports *const *together; /* as decode_share_together, borrowed */
	unsigned n_together;
	const atomic_bool *stop; /* once set, it ends when all sources are dry */
};

int rehash_create(const struct rehash_conf *conf, struct rehash **ret_r, struct err *e);
void rehash_destroy(struct rehash *r); /* accepts NULL; the workers' captures are closed */

/* Source number @i is moved, and read by @worker. */
void rehash_add(struct rehash *r, unsigned i, struct capture *source, unsigned worker);
/* When all are added. Owned by @r: to close it only ends its use. */
struct capture *rehash_capture(struct rehash *r, unsigned worker);

#define REHASH_COLS(X)                                                             \
	X(IN, packets_in, "packets from all ports for this worker")                \
	X(OUT, packets_out, "handed to the worker that has their session")         \
	X(LOSS, ring_full, "the worker was too slow, and the ring to it full")     \
	X(IN_FLIGHT, in_flight, "in the rings")                                    \
	X(INFO, copies, "fragments, which all workers look at: one for each more") \
	X(INFO, out_of_order,                                                      \
	  "packets that came behind one of a later time: a worker "                \
	  "that receives was late")

#define REHASH_COL(kind, name, help) REHASH_##name,
enum { REHASH_COLS(REHASH_COL) REHASH_N_COLS };
extern const struct ledger_table rehash_ledger;
void rehash_row(const struct rehash *r, unsigned worker, uint64_t row[REHASH_N_COLS]);

#endif
