/* tap_ring.h - records on their way from a worker to whoever looks at them.
 *
 * In:     encoded records, each with a number and a time beside it.
 * Out:    the same, in their order.
 * Owns:   its buffer, taken when it is made.
 * Runs:   init, fini: any thread. room, put: one worker. next, done: one thread.
 * Limits: cap bytes; a record that does not fit is not put.
 *
 *     | len | side | time | record, up to a multiple of 16 | len | ...
 *
 * A record stands in one piece: where the rest of the buffer is too short for it, a head without a
 * record says that it goes on at the beginning.
 */
#ifndef SL_CTL_TAP_RING_H
#define SL_CTL_TAP_RING_H

#include <stdatomic.h>

#include "dataplane/base/slice.h"

struct tap_ring {
	uint8_t *buf;
	size_t cap;        /* a multiple of 16 */
	size_t at;         /* of the record that is being written */
	atomic_size_t put; /* bytes ever put; so is taken */
	atomic_size_t taken;
};

int tap_ring_init(struct tap_ring *r, size_t cap); /* 0 or -ENOMEM */
void tap_ring_fini(struct tap_ring *r);

/* Room for a record of at most @len bytes, and the padding that encoders may write; or NULL. */
uint8_t *tap_ring_room(struct tap_ring *r, size_t len);
/* It has been written there, and is @len bytes long. */
void tap_ring_put(struct tap_ring *r, size_t len, unsigned side, uint64_t time_ns);

/* The next one, borrowed until done; false: there is none. */
bool tap_ring_next(struct tap_ring *r, struct slice *ret_rec, unsigned *ret_side,
		   uint64_t *ret_time_ns);
void tap_ring_done(struct tap_ring *r);

#endif
