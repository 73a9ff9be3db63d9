/* shed.h - what a worker leaves unread when a queue cannot keep up: a sample of a source's frames.
 *
 * In:     bursts of frames; how full the queues are.
 * Out:    the same frames without those that are shed, which extract's row counts.
 * Owns:   what it knows of each source.
 * Runs:   create, destroy: main, or a reload's thread. The others: worker.
 * Limits: levels go from 0 (room enough) to SHED_LEVEL_MAX (almost none).
 *
 * Frames that nobody will have are not parsed: the time goes to the sources that are shed later, or
 * never. One frame in `keep` goes on, so that there is a sample, and the level is seen to fall.
 */
#ifndef SL_EXTRACT_SHED_H
#define SL_EXTRACT_SHED_H

#include "dataplane/extract/extract.h"

#define SHED_LEVEL_MAX 3

struct shed_source {
	unsigned at; /* the level of one of its queues from which on it is shed; 0: never */
	uint32_t keep;
	const uint16_t *queues; /* that its records may go to */
	unsigned n_queues;
};

struct shed;

/* @sources are borrowed. 0, with NULL when none of them is ever shed; or -ENOMEM. */
int shed_create(const struct shed_source *sources, unsigned n_sources, struct shed **ret_s,
		struct err *e);
void shed_destroy(struct shed *s); /* accepts NULL */

/* To be called now and then: every so many turns, more seldom when there is much to look at. */
unsigned shed_look_turns(const struct shed *s);
/* @level tells that of a queue. */
void shed_look(struct shed *s, unsigned (*level)(void *arg, unsigned worker, unsigned queue),
	       void *arg, unsigned worker);

/* Is any source shed now? NULL: no. */
bool shed_active(const struct shed *s);

/* Takes out what is shed, and counts it in @x. Returns how many are left. */
unsigned shed_frames(struct shed *s, struct extract *x, struct frame *frames, unsigned n);

#endif
