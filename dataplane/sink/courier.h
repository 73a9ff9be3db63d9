/* courier.h - the thread between workers and sinks for queues that have a spool or a backup.
 *
 * In:     batches of these queues from the hand-off; batches back from the sinks; commands.
 * Out:    batches to the sinks, as each queue's lane (sink/lane.h) decides, and to the spool.
 * Owns:   the lanes, their spools, and batches for what is read from these.
 * Runs:   create, start, finish, stop, destroy: main. take, settle: the sink's thread. command,
 *         notice, rows: any thread. The callbacks: its own thread.
 * Limits: one thread for all queues: a disk that is slow to sync is slow for each of them.
 *
 *     hand-off > courier > ring > shipper of a sink > ring > courier > hand-off
 */
#ifndef SL_SINK_COURIER_H
#define SL_SINK_COURIER_H

#include "dataplane/sink/lane.h"
#include "dataplane/sink/spool.h"

#define COURIER_NO_SINK UINT32_MAX

struct courier_queue {
	const char *name; /* borrowed until destroy */
	unsigned queue;   /* out_batch.queue */
	int mode;         /* enum lane_mode */
	unsigned sink;    /* index of the primary, */
	unsigned backup;  /* and of the backup; or COURIER_NO_SINK */
	bool by_health;
	uint64_t switch_after_ns, return_after_ns;
	bool marks; /* its records have keys or ids */
};

struct courier_spec {
	const struct courier_queue *queues; /* borrowed for create */
	unsigned n_queues;
	unsigned n_sinks;
	const char *const *sink_names; /* borrowed until destroy */
	unsigned n_workers;
	unsigned worker_batches; /* that the hand-off has for each worker and queue */
	size_t batch_cap;
	const struct spool_conf *spool; /* borrowed until destroy; NULL: no queue has one */
	const struct file_ops *io;
	struct out_batch *(*take)(void *ctx, unsigned queue); /* NULL: there is none now */
	void (*give_back)(void *ctx, struct out_batch *b);
	void *ctx;
};

struct courier;

/* Opens the spools. 0 or -errno with a text. */
int courier_create(const struct courier_spec *spec, struct courier **ret_c, struct err *e);
void courier_destroy(struct courier *c);

/* Before start, for each sink that a queue leads to: who writes what courier_take gives. */
void courier_attach(struct courier *c, unsigned sink, struct shipper *s);

int courier_start(struct courier *c, struct err *e);

bool courier_has(const struct courier *c, unsigned queue);
bool courier_feeds(const struct courier *c, unsigned sink); /* may batches go there? */

struct out_batch *courier_take(struct courier *c, unsigned sink);
void courier_settle(struct courier *c, unsigned sink, struct out_batch *b,
		    const struct shipper_outcome *o);

/* 0, or with a text -ENOENT: no such queue here, -EINVAL, or -ESHUTDOWN: it has not started, or
 * finishes. Waits for the thread to heed it.
 */
int courier_command(struct courier *c, unsigned queue, enum lane_command command, unsigned side,
		    struct err *e);

/* The workers have ended, or will: what the spools have now is left for the next start. */
void courier_stop_reading(struct courier *c);

/* Once no worker hands over any more: is all that was handed over with the stores, or, after
 * stop_reading, in a spool?
 */
bool courier_idle(struct courier *c);

/* Nothing is sent any more, when it returns: the shippers can be stopped. */
void courier_finish(struct courier *c);

/* Once the shippers have stopped: the rest goes into the spools, and these are closed. 0, or -EIO
 * with a text when records were lost by it.
 */
int courier_stop(struct courier *c, struct err *e);

/* Something that its user should know, once: true, with its text. */
bool courier_notice(struct courier *c, struct err *e);

/* Which sink @queue's records go to now; its name is in spec.sink_names. */
unsigned courier_sink(struct courier *c, unsigned queue);

/* One consistent copy of each. False: the queue is not here, or has no spool. */
bool courier_row(struct courier *c, unsigned queue, uint64_t ret_row[LANE_N_COLS]);
bool courier_spool_row(struct courier *c, unsigned queue, uint64_t ret_row[SPOOL_N_COLS]);

#endif
