/* batch_ring.h - batches from one thread to one other, in order.
 *
 * In:     a batch, and what became of it.
 * Out:    the same.
 * Owns:   its slots; the batches are whose they were.
 * Runs:   put: one thread. get: one other. create and destroy: main.
 * Limits: the capacity that it was created with.
 */
#ifndef SL_SINK_BATCH_RING_H
#define SL_SINK_BATCH_RING_H

#include "dataplane/sink/shipper.h"

struct batch_ring;

/* For @n batches at once. NULL: out of memory. */
struct batch_ring *batch_ring_create(unsigned n);
void batch_ring_destroy(struct batch_ring *r);

/* False: it is full. @o may be NULL. */
bool batch_ring_put(struct batch_ring *r, struct out_batch *b, const struct shipper_outcome *o);

/* NULL: it is empty. @ret_o may be NULL. */
struct out_batch *batch_ring_get(struct batch_ring *r, struct shipper_outcome *ret_o);

#endif
