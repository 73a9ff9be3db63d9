/* idle.h - what a worker does that finds nothing to read: it spins, then rests, longer each time.
 *
 * In:     each look at the source, in vain or not.
 * Out:    how long it may rest.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: IDLE_SPINS looks in vain before the first rest; a rest of at most what the source allows.
 *
 *     looks in vain   0 ........ 64 ........................
 *                     | spins    | 5 us, 10, 20, ... to the source's limit
 *
 * A packet comes into the middle of a rest: it waits for the end of it, unless the source wakes up
 * by itself (kernel interfaces, interrupts of a card). So a source says how long it can be left
 * alone.
 */
#ifndef SL_CAPTURE_IDLE_H
#define SL_CAPTURE_IDLE_H

#include <stdint.h>

#define IDLE_SPINS    64
#define IDLE_FIRST_NS 5000ull

struct idle {
	unsigned n;       /* looks in vain */
	uint64_t rest_ns; /* the next one */
};

static inline void idle_busy(struct idle *i)
{
	i->n = 0;
}

/* Nothing was there. Returns how long to rest: 0: look again. @max_ns: 0: never. */
static inline uint64_t idle_rest(struct idle *i, uint64_t max_ns)
{
	if (i->n < IDLE_SPINS) {
		i->n++;
		i->rest_ns = IDLE_FIRST_NS;
		return 0;
	}
	uint64_t ns = i->rest_ns < max_ns ? i->rest_ns : max_ns;
	i->rest_ns = ns * 2;
	return ns;
}

#endif
