/* lane.h - one queue between its workers and its sinks: what flies, what waits, what its spool has.
 *
 * In:     batches of the workers, in order; what became of those that were sent; the time, and
 *         whether the sinks take records; commands.
 * Out:    batches to one sink at a time, in order: what came back before what the spool has, and
 *         that before what is new. Each given back to its worker as early as can be.
 * Owns:   a worker's batch from offer until give_back; its own ones, for what it reads again.
 * Runs:   the courier's thread. It blocks only in its spool.
 * Limits: `window` batches of each worker are in memory; with a spool what comes beyond them is put
 *         there, without one the workers wait, or shed.
 *
 *     worker > offer > [sink takes, nothing waits]  > send > settled > worker
 *                    > [else] > spool > worker;  read > send > settled
 *
 * Records are numbered: a batch has the number of its first record. What is below the oldest one
 * that is not settled is acknowledged, and the spool may forget it.
 */
#ifndef SL_SINK_LANE_H
#define SL_SINK_LANE_H

#include "dataplane/base/ledger.h"
#include "dataplane/sink/shipper.h"

enum lane_mode {
	LANE_OFF,      /* no spool */
	LANE_OVERFLOW, /* what the sink does not take at once */
	LANE_ALWAYS,   /* everything, before it is sent */
};

/* A sink as it is now. */
enum lane_sink {
	LANE_TAKES, /* records */
	LANE_SLOW,  /* or away, and tries */
	LANE_GONE,  /* it failed */
};

enum lane_command { LANE_PAUSE, LANE_RESUME, LANE_SWITCH, LANE_AUTO };

#define LANE_COLS(X)                                                                            \
	X(IN, records_in, "records taken over from the workers")                                \
	X(IN, unspooled, "read from the spool")                                                 \
	X(IN, returned, "given back unwritten by a sink that failed")                           \
	X(IN, again, "written, but of a batch that came back whole: sent again all the same")   \
	X(OUT, sent, "handed to a sink")                                                        \
	X(OUT, spooled, "put into the spool")                                                   \
	X(LOSS, given_up, "not written when the process stopped, and no spool that takes them") \
	X(IN_FLIGHT, in_flight, "in memory, with no sink")                                      \
	X(INFO, copied, "put into the spool before they were sent")                             \
	X(INFO, unsafe, "sent although the spool could not take them first")                    \
	X(INFO, switches, "times that another sink was taken")                                  \
	X(INFO, recalls, "times that a sink was made to give back what it had not written")

#define LANE_COL(kind, name, help) LANE_##name,
enum { LANE_COLS(LANE_COL) LANE_N_COLS };
extern const struct ledger_table lane_ledger;

/* What a lane needs of sink/spool.h, which says how each of them answers. */
struct lane_store {
	void *spool;
	int (*append)(void *spool, const struct out_batch *b, uint64_t seq, struct err *e);
	int (*read)(void *spool, struct out_batch *into, uint64_t *ret_seq, struct err *e);
	void (*rewind)(void *spool, uint64_t seq);
	void (*ack)(void *spool, uint64_t seq);
};

/* Another sink is taken: what is below @acked is written to the old one, what is from there on will
 * be offered to the new one.
 */
struct lane_cut {
	unsigned from, to; /* 0: the primary, 1: the backup */
	uint64_t acked;
	const char *why;
};

struct lane_conf {
	enum lane_mode mode;
	unsigned n_workers, window;
	bool has_backup, by_health;
	uint64_t switch_after_ns, return_after_ns;
	struct lane_store store; /* unused with LANE_OFF */
	bool unread;             /* the spool has records of an earlier run */
	uint64_t next_seq;       /* above all numbers that were used */
	struct out_batch *own;
	unsigned n_own; /* 0 only with LANE_OFF */
	void (*send)(void *ctx, unsigned side, struct out_batch *b);
	void (*recall)(void *ctx, unsigned side);
	void (*give_back)(void *ctx, struct out_batch *b);
	void (*cut)(void *ctx, const struct lane_cut *c);
	void (*notice)(void *ctx, const char *text); /* what its user should know, once */
	void *ctx;
};

struct lane;

int lane_create(const struct lane_conf *conf, struct lane **ret_l, struct err *e);
void lane_destroy(struct lane *l);

/* May a batch be offered now? */
bool lane_wants(const struct lane *l);
void lane_offer(struct lane *l, struct out_batch *b);

/* A batch that was sent is back. */
void lane_settled(struct lane *l, struct out_batch *b, const struct shipper_outcome *o);

/* Time goes on. @states: of the primary and the backup. True: something was done. */
bool lane_turn(struct lane *l, uint64_t now_ns, const enum lane_sink states[2]);

/* 0, or -EINVAL with a text. @side: of LANE_SWITCH. LANE_AUTO: health decides again. */
int lane_command(struct lane *l, enum lane_command command, unsigned side, struct err *e);

/* From now on nothing is read from the spool: what is there stays for the next start. */
void lane_stop_reading(struct lane *l);

/* Has it nothing more to do? That is: nothing flies or waits, and, while it reads, its spool is
 * empty.
 */
bool lane_idle(const struct lane *l);

/* Once no sink has anything of it: the rest is put into the spool, or given up. 0, or what the
 * spool said.
 */
int lane_close(struct lane *l, struct err *e);

unsigned lane_side(const struct lane *l);   /* which sink it sends to */
unsigned lane_flying(const struct lane *l); /* batches */
bool lane_paused(const struct lane *l);
/* True, with its text, while the spool does not take records. */
bool lane_trouble(const struct lane *l, struct err *e);
const uint64_t *lane_row(const struct lane *l);

#endif
