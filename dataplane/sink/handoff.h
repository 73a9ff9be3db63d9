/* handoff.h - batches of encoded records from workers to sink threads and back.
 *
 * In:     encoded records of one queue, put into its open batch.
 * Out:    whole batches, to the sink thread of that queue.
 * Owns:   the batches; each worker has its own for each queue, and gets them back by ring.
 * Runs:   open to flush: the worker. take, give_back: the sink's thread, or the courier's.
 *         The others: main.
 * Limits: HANDOFF_BATCHES batches a worker and queue, and more for sinks that hold some: a replay
 *         waits for one; a live port has HANDOFF_SPARES more (fewer where thousands of queues leave
 *         no addresses for them), then sheds.
 */
#ifndef SL_SINK_HANDOFF_H
#define SL_SINK_HANDOFF_H

#include "dataplane/base/ledger.h"
#include "dataplane/sink/sink.h"

/* One being filled, one being written, and six for a sink that is late by a moment: no more, so
 * that they stay in the cache. A live port cannot wait: for it there are spare ones, used only when
 * the others are out, for a sink whose thread does not get a core for a while.
 */
#define HANDOFF_BATCHES  8
#define HANDOFF_SPARES   120
/* Further ones for sinks that keep some until more come. */
#define HANDOFF_HELD_MAX 16

#define HANDOFF_NO_SINK  UINT16_MAX

struct handoff;

struct handoff_spec {
	unsigned n_workers, n_queues, n_sinks;
	/* Index of the sink, by queue; HANDOFF_NO_SINK: handoff_take_queue takes it. Copied. */
	const uint16_t *sink_of_queue;
	unsigned n_held;  /* batches that a sink may keep until more come: HANDOFF_HELD_MAX */
	size_t batch_cap; /* bytes of the largest record and more */
	bool wait;        /* a worker waits for a free batch (replay) instead of shedding */
};

/* Memory is taken where records are written: ten thousand queues that are silent cost 5 KiB each,
 * and up to 8 KiB more, for each worker, beside one of their neighbours that is not.
 * -ENOMEM with a text.
 */
int handoff_create(const struct handoff_spec *spec, struct handoff **ret_h, struct err *e);
void handoff_destroy(struct handoff *h);

/* Batches of a worker and queue. */
unsigned handoff_batches(const struct handoff *h);

/* @queue's records have marks; before its first record. */
void handoff_mark_queue(struct handoff *h, unsigned queue);

/* A record of @queue will be put soon: asks for the memory that it will be written to. Changes
 * nothing.
 */
void handoff_soon(const struct handoff *h, unsigned worker, unsigned queue);

/* The open batch of @queue with @len writable bytes behind its records; it is handed over first
 * when they do not fit. NULL: shed (live), or larger than a batch can be: counted here, as one
 * record lost. It may be given further records as long as out_batch_holds them, and is borrowed
 * until handoff_added.
 */
struct out_batch *handoff_open(struct handoff *h, unsigned worker, unsigned queue, size_t len);

/* @n records were added to the open batch. It may be handed over. */
void handoff_added(struct handoff *h, unsigned worker, unsigned queue, unsigned n);

/* The same for one record: its bytes, and when they are written. */
uint8_t *handoff_room(struct handoff *h, unsigned worker, unsigned queue, size_t len);

/* Of a queue with marks, before its record is added: the record's key (cut at OUT_KEY_MAX) and id
 * (at most 64 bytes), both copied; ptr NULL: it has none.
 */
void handoff_mark(struct handoff *h, unsigned worker, unsigned queue, struct slice key,
		  struct slice id);

/* The record that was written into the room: @len bytes, of packet time @time_ns. */
void handoff_commit(struct handoff *h, unsigned worker, unsigned queue, size_t len,
		    uint64_t time_ns);

/* A record for @queue that is not put: @col says why: HANDOFF_no_form, _ddl or _ends. */
void handoff_leave_out(struct handoff *h, unsigned worker, unsigned queue, unsigned col);

/* So many of the records put last had fields that the queue's schema does not have; values that it
 * does not take.
 */
void handoff_narrowed(struct handoff *h, unsigned worker, unsigned queue, unsigned n_more,
		      unsigned n_misfits);

#define HANDOFF_LEVEL_MAX 3

/* How many of a live port's batches are out: 0: up to half of the spare ones; 1; from three
 * quarters on 2; 3: almost all.
 */
unsigned handoff_level(const struct handoff *h, unsigned worker, unsigned queue);

/* Hands over every open batch that holds a record: nothing to do, or @last: end of input. A lane
 * whose other batches are all with a late sink keeps its open one, which has room for thousands of
 * records yet; else a few that trickle in would use up all batches.
 */
void handoff_flush(struct handoff *h, unsigned worker, bool last);

/* A worker that waits gives up when this is set: the process stops, or the sink has failed. */
void handoff_stop_waiting(struct handoff *h);

/* For the sink's thread; @sink's batches of all workers in turn. NULL when there is none. */
struct out_batch *handoff_take(struct handoff *h, unsigned sink);
/* The same of one queue: for the courier's thread, of queues that lead to no sink's thread. */
struct out_batch *handoff_take_queue(struct handoff *h, unsigned queue);
void handoff_give_back(struct handoff *h, struct out_batch *b);
bool handoff_has(const struct handoff *h, const struct out_batch *b); /* is it one of its own? */

#define HANDOFF_COLS(X)                                                                           \
	X(IN, records_in, "records for this queue")                                               \
	X(OUT, records_out, "handed to the sink")                                                 \
	X(LOSS, shed, "no free batch: the sink is slow or away")                                  \
	X(LOSS, too_large, "larger than a batch can be")                                          \
	X(LOSS, no_form, "the queue's format has no form of it")                                  \
	X(LOSS, too_many_hops, "came through as many queues as it may (hops_max)")                \
	X(POLICY, ddl, "changes of tables: the queue wants rows")                                 \
	X(POLICY, ends, "ends of transactions: the queue wants rows")                             \
	X(IN_FLIGHT, in_flight, "in open batches")                                                \
	X(INFO, narrowed, "records written without fields that the queue's schema does not have") \
	X(INFO, misfits,                                                                          \
	  "records written without a value that the type of its field does not take")             \
	X(INFO, batches, "batches handed over")                                                   \
	X(INFO, waits, "times that a worker waited for a free batch")

#define HANDOFF_COL(kind, name, help) HANDOFF_##name,
enum { HANDOFF_COLS(HANDOFF_COL) HANDOFF_N_COLS };
extern const struct ledger_table handoff_ledger;
const uint64_t *handoff_row(const struct handoff *h, unsigned worker, unsigned queue);

#endif
