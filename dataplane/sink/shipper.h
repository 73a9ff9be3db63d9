/* shipper.h - the thread of one sink: takes batches, has them written, gives them back.
 *
 * In:     struct out_batch from `take`, of several queues.
 * Out:    each batch given back once, its records counted as written, rejected or failed.
 * Owns:   the sink's state; a batch from take until give_back.
 * Runs:   create, start, stop, destroy: main. Counters and trouble: any thread. What is called
 *         from here (take, give_back and the sink): its own thread.
 * Limits: batches are offered one at a time; how many are QUEUED is the sink's limit.
 */
#ifndef SL_SINK_SHIPPER_H
#define SL_SINK_SHIPPER_H

#include "dataplane/base/latency.h"
#include "dataplane/base/ledger.h"
#include "dataplane/sink/sink.h"

#define SHIPPER_COLS(X)                                                                \
	X(IN, records_in, "records taken over from the workers")                       \
	X(OUT, written, "written")                                                     \
	X(POLICY, returned, "given back unwritten, to be sent later: the sink failed") \
	X(POLICY, dead_letters, "refused by the sink for good: dead letters")          \
	X(LOSS, rejected, "refused by the sink for good")                              \
	X(LOSS, too_large, "larger than the sink takes")                               \
	X(LOSS, no_topic, "their topic does not exist, or must not be written to")     \
	X(LOSS, timed_out, "not acknowledged within the time that the sink has")       \
	X(LOSS, failed, "the sink failed, or was stopped, before they were written")   \
	X(IN_FLIGHT, in_flight, "in batches that are being written")                   \
	X(INFO, bytes_written, "bytes of the records that were written")               \
	X(INFO, batches_written, "batches that were written")                          \
	X(INFO, busy, "times that the sink was busy and a batch was offered again")

#define SHIPPER_COL(kind, name, help) SHIPPER_##name,
enum { SHIPPER_COLS(SHIPPER_COL) SHIPPER_N_COLS };
extern const struct ledger_table shipper_ledger;

struct shipper;

/* What became of the records of a batch; those that are neither are lost, by name, in the row. */
struct shipper_outcome {
	uint32_t n_written, n_returned;
};

struct shipper_spec {
	const char *name; /* of the sink in the configuration; copied */
	const struct sink_ops *ops;
	const void *conf;                     /* ops->conf_size bytes, borrowed until destroy */
	unsigned n_queues;                    /* out_batch.queue is below */
	const struct sink_queue *queues;      /* by queue; NULL when ops has no use for them */
	unsigned index;                       /* of the sink, for sink_queue.sink */
	struct out_batch *(*take)(void *ctx); /* NULL: there is none now */
	void (*give_back)(void *ctx, struct out_batch *b, const struct shipper_outcome *o);
	/* NULL, or called for each record that the store refuses for good, before its batch is
	 * given back. @rec: its index in the batch; @why: SINK_TOO_LARGE or SINK_REJECTED. True: it
	 * is a dead letter now, and not lost.
	 */
	bool (*dead)(void *ctx, const struct out_batch *b, uint32_t rec, enum sink_fate why,
		     const char *text);
	void *ctx;
	/* Somebody keeps the records until they are written: those of a sink that failed or was
	 * stopped are `returned`, and not lost. A batch that comes back has only these, when the
	 * sink told the fate of each record.
	 */
	bool kept;
	/* It is one of a pair: while it has nothing to do it is asked whether it would take
	 * records, and what it says is its trouble, or the end of it.
	 */
	bool probe;
	/* A stop that drains gives up after this time with a sink that is busy; 0: it waits for
	 * ever. */
	uint64_t drain_ns_max;
	/* A sink that fails is closed, and opened again after a second, two, four ... up to a
	 * minute; meanwhile what comes is counted as failed. Else it stays failed.
	 */
	bool reopen;
};

/* Opens the sink in the calling thread, so that what is wrong with it is known at the start. On
 * success e->text is empty, or a notice that its user should see. -errno of the sink, or -ENOMEM.
 */
int shipper_create(const struct shipper_spec *spec, struct shipper **ret_s, struct err *e);

/* Stops without draining when it still runs. */
void shipper_destroy(struct shipper *s);

/* 0, or -errno when there is no thread to be had; then it may be tried again. One that runs already
 * goes on. Every signal is blocked in the thread.
 */
int shipper_start(struct shipper *s, struct err *e);

/* To be called once, when no worker hands over any more. @drain: writes what is there; else it is
 * counted as failed, as fast as can be. Then flushes and closes the sink and joins the thread. 0,
 * or -errno with the text of the first thing that cost, or may have cost, records: -EIO when the
 * sink failed, -ETIMEDOUT beyond drain_ns_max, -ECANCELED when records were given up without
 * draining, or what flush and close returned.
 */
int shipper_stop(struct shipper *s, bool drain, struct err *e);

/* Any thread: what the sink has not written yet is wanted back: it is closed, and opened again as
 * after a failure. Only where records are kept; else they would be lost.
 */
void shipper_recall(struct shipper *s);

/* Any thread, of one of a pair: where the queue's records are that were written since the last
 * mark. Their number, at most SINK_PLACES_MAX. @mark: what is written from the next batch on counts
 * anew.
 */
unsigned shipper_places(struct shipper *s, unsigned queue, struct sink_place *ret);
void shipper_mark(struct shipper *s, unsigned queue);

/* The sink cannot be used, for now or for good: all that comes is counted as failed, and given
 * back. */
bool shipper_failed(const struct shipper *s);

/* True, with its text, while the sink is busy or after it failed. @e may be NULL. */
bool shipper_trouble(struct shipper *s, struct err *e);

/* Something that its user should know, once: true, with its text. */
bool shipper_notice(struct shipper *s, struct err *e);

/* From packet to acknowledgement: how long after its oldest packet's time a batch was settled, for
 * each of its records that were written. Means nothing for captures of yesterday.
 */
const struct latency *shipper_latency(const struct shipper *s, unsigned queue);

/* One consistent copy of a queue's row. */
void shipper_row(const struct shipper *s, unsigned queue, uint64_t ret_row[SHIPPER_N_COLS]);

#endif
