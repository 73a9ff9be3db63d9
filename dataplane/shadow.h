/* shadow.h - two pipelines side by side on the frames of a worker: nothing leaves, differences are
 * counted.
 *
 * In:     frames, as the worker has them; packet time; how busy the worker is.
 * Out:    pairs of records (record_pairs.h), by queue.
 * Owns:   an extraction and a graph of each side, which begin with nothing, as their other does:
 *         what a node remembers is the same in both.
 * Runs:   create, finish, destroy: who has it when no worker has. The rest: the worker. Counts:
 *         read by one other.
 * Limits: what it may take of a worker: when bursts come full, or it is slow, it looks at half of
 *         the sessions that it looked at before, down to one in 256; and at more when there is time
 *         again. Both sides have the same ones.
 */
#ifndef SL_SHADOW_H
#define SL_SHADOW_H

#include "dataplane/record_pairs.h"
#include "dataplane/worker.h"

#define SHADOW_SHARE_MAX 256

struct shadow_side_conf {
	struct worker_conf
		conf;           /* extract_sources, rules, graph, forms, n_queues, names, encode, */
				/* n_sources, frame */
	const uint16_t *queues; /* their numbers in both sides */
};

struct shadow_conf {
	struct shadow_side_conf sides[2]; /* by enum pair_side; all of it borrowed */
	unsigned n_queues;                /* of both sides together */
	unsigned samples_max;
	size_t line_max; /* bytes of the longest record */
};

struct shadow;

int shadow_create(const struct shadow_conf *c, struct shadow **ret_s, struct err *e);
void shadow_destroy(struct shadow *s); /* accepts NULL */

/* @b: what is in its arena from @behind on may be written over; its arena's capacity is
 * @extract_cap, and may be @graph_cap.
 */
void shadow_frames(struct shadow *s, const struct frame *frames, unsigned n, struct batch *b,
		   size_t extract_cap, size_t graph_cap);
void shadow_advance(struct shadow *s, uint64_t now_ns, struct batch *b);

/* Once a burst. @full: more stood there than one burst takes; @missed: so many packets were lost
 * before they came here, ever.
 */
void shadow_look(struct shadow *s, bool full, uint64_t missed);
/* No worker has it any more: what waits for its other stays alone. To be called again until it is
 * true.
 */
bool shadow_finish(struct shadow *s);

struct shadow_load {
	uint64_t frames, compared; /* that came; of these, looked at */
	unsigned share;            /* now, of SHADOW_SHARE_MAX */
	uint64_t too_long;         /* records longer than line_max: left out */
};
struct shadow_load shadow_load(const struct shadow *s);
const struct record_pairs *shadow_pairs(const struct shadow *s);

#endif
