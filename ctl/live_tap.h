/* live_tap.h - a tap of a node while workers run: a sample of its records, as lines of JSON.
 *
 * In:     records at the sides of a node, in each worker; a condition, a rate.
 * Out:    lines {"tap":NODE,"side":SIDE,"record":{...}}, once a second and at the end one
 *         {"tap":NODE,"counts":{...}} of what was seen and what of it is not shown.
 * Owns:   the compiled condition, and for each worker its state and a ring of records.
 * Runs:   create, read, destroy: the thread that looks. of_worker's see: that worker.
 * Limits: TAP_RING_BYTES of records a worker wait to be read; what does not fit is counted.
 *
 * Every record that was seen is in exactly one of the counts: shown, filtered, failed (the
 * condition gave an error), over_rate, no_room, or still on its way.
 */
#ifndef SL_CTL_LIVE_TAP_H
#define SL_CTL_LIVE_TAP_H

#include <sys/types.h>

#include "ctl/pipeline.h"
#include "ctl/tap_sides.h"

#define TAP_RING_BYTES (1u << 20)
#define TAP_RATE       10 /* records a second of packet time, unless more are asked for */
#define TAP_RATE_MAX   100000
#define TAP_COUNT_MAX  1000000000

struct tap_query {
	const char *node;
	unsigned which;    /* TAP_BEFORE, TAP_AFTER */
	const char *where; /* NULL: all */
	unsigned rate;
	uint64_t count; /* 0: without end */
};

struct live_tap;

/* @p: what the workers run now; not looked at any more once it is exchanged. Query borrowed until
 * it returns. 0; -ENOENT, -EINVAL: no such node, no such condition; -ENOMEM; with a text.
 */
int live_tap_create(const struct pipeline *p, const struct tap_query *q, unsigned n_workers,
		    struct live_tap **ret_t, struct err *e);
void live_tap_destroy(struct live_tap *t); /* accepts NULL; no worker has it any more */

/* To be added to the graph of worker @i. */
struct graph_tap *live_tap_of_worker(struct live_tap *t, unsigned i);

/* At most @cap bytes of lines. 0: there are none now; -1: that was the last. */
ssize_t live_tap_read(struct live_tap *t, char *out, size_t cap);

/* Have so many been shown as were asked for? */
bool live_tap_is_full(const struct live_tap *t);

/* Of one that no worker has any more, and that another goes on for: the records that have come.
 * True: *ret_len of them were the last.
 */
bool live_tap_drain(struct live_tap *t, char *out, size_t cap, size_t *ret_len);
/* Then the other, which was not read yet, goes on with its counts, and begins with a line
 * {"tap":NODE,"reloaded":{"generation":N}}.
 */
void live_tap_follow(struct live_tap *t, const struct live_tap *before, unsigned generation);

/* No worker has it any more: what has come is read yet, and then a line with @why, borrowed. */
void live_tap_end(struct live_tap *t, const char *why);

#endif
