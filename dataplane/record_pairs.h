/* record_pairs.h - which lines of two sides are of the same record, and are they equal.
 *
 * In:     records as lines of JSON that begin with their _id, of an old and a new side, by queue; a
 *         clock that is told.
 * Out:    counts by queue: the same, changed, only of one side; some of those that differ, with the
 *         lines of both.
 * Owns:   memory of fixed size: what waits for its other side, and the samples.
 * Runs:   create, destroy: main, or a thread that builds. add, advance: worker; finish: who has it
 *         when the worker has not. Counts and samples: read by one other thread at the same time.
 * Limits: PAIRS_WAITING_MAX lines wait, each for PAIRS_WAIT_NS; what is longer, or comes too many,
 *         counts as of one side only. advance and finish give up the wait of
 *         PAIRS_DROPPED_AT_ONCE lines a call.
 */
#ifndef SL_RECORD_PAIRS_H
#define SL_RECORD_PAIRS_H

#include <stdatomic.h>
#include <stdint.h>

#include "dataplane/base/slice.h"

#define PAIRS_WAITING_MAX     65536
#define PAIRS_DROPPED_AT_ONCE 4096
#define PAIRS_WAIT_NS         30000000000ull
#define PAIRS_SAMPLES_MAX     1000 /* in all, however many queues there are */

enum pair_side { PAIR_OLD, PAIR_NEW };
enum pair_fate { PAIR_SAME, PAIR_CHANGED, PAIR_ONLY_OLD, PAIR_ONLY_NEW, PAIR_N_FATES };
extern const char *const pair_fate_names[PAIR_N_FATES];

struct record_pairs;

/* @samples_max: of each queue and fate, at most PAIRS_SAMPLES_MAX. NULL when out of memory. */
struct record_pairs *record_pairs_create(unsigned n_queues, unsigned samples_max);
void record_pairs_destroy(struct record_pairs *p);

/* Of the line with this _id in @queue. */
uint64_t record_pairs_key(struct slice line, uint64_t queue);

void record_pairs_add(struct record_pairs *p, enum pair_side side, unsigned queue,
		      struct slice line);
void record_pairs_advance(struct record_pairs *p, uint64_t now_ns);
/* Nothing more comes: what waits is alone. To be called again until it is true. */
bool record_pairs_finish(struct record_pairs *p);

uint64_t record_pairs_count(const struct record_pairs *p, unsigned queue, enum pair_fate fate);

/* Sample @i; false: there are not so many yet. The lines stay as they are; ptr NULL: there is none,
 * or it was too long to keep.
 */
struct pair_sample {
	unsigned queue;
	enum pair_fate fate;
	struct slice old, new;
};
bool record_pairs_sample(const struct record_pairs *p, unsigned i, struct pair_sample *ret);

#endif
