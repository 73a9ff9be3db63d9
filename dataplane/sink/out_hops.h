/* out_hops.h - through how many queues a record has come, so that it cannot go round for ever.
 *
 * In:     records; marks of a batch.
 * Out:    numbers of queues.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: OUT_HOPS_MAX.
 *
 * A program that takes a record from a queue, and sends it on where sluice captures it again,
 * writes the message's sluice-hop into the record as `_hop`. The queue that it then comes to has
 * the next number. Beside the record in its batch that number stands behind the id, where it is not
 * 1:
 *
 *     284e56e58d8803d9-c-0-0;2
 */
#ifndef SL_SINK_OUT_HOPS_H
#define SL_SINK_OUT_HOPS_H

#include "dataplane/rec/rec.h"
#include "dataplane/sink/out_batch.h"

#define OUT_HOPS_MAX 100

/* What the sender's `_hop` says, OUT_HOPS_MAX at most; 0: nothing, or no number. */
unsigned out_hops_of(const struct batch *b, const struct rec *r);

/* Writes the id with the number of the queue that @r goes to. At most OUT_ID_MAX bytes. */
size_t out_hops_put_id(const struct rec *r, uint8_t *out);

/* The id of a mark, and the number. */
struct slice out_hops_id(const struct out_batch *b, const struct out_mark *m,
			 struct slice *ret_hop);

#endif
