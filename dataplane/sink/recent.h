/* recent.h - where the records of a queue are that were acknowledged last, by their ids.
 *
 * In:     records of a batch, their partition and offset.
 * Out:    the partition and offset of an id, when it is one of the last.
 * Owns:   a table of fixed size: the newer record takes the place of an older one.
 * Runs:   create, destroy: main. add: a sink's thread. find: any thread, at the same time.
 * Limits: RECENT_RECS records, fewer of one of many tables: RECENT_BYTES for all. Of a full one a
 *         record is known on average for as many more as it has places.
 *
 * A record is known by 64 bits of its id's hash. Of formats that do not begin with the id those are
 * known whose batches have marks with ids (headers, dead letters).
 */
#ifndef SL_SINK_RECENT_H
#define SL_SINK_RECENT_H

#include <stdbool.h>

#include "dataplane/base/slice.h"
#include "dataplane/sink/out_batch.h"

#define RECENT_RECS  (1u << 16)
#define RECENT_BYTES (128ull << 20)

struct recent;

/* One of @n_tables. NULL when out of memory. */
struct recent *recent_create(size_t n_tables);
void recent_destroy(struct recent *r);       /* accepts NULL */
size_t recent_bytes(const struct recent *r); /* that it takes when it is full */

/* Records @rec to @rec + @n - 1 of @b are at @offset of @partition: one message. */
void recent_add(struct recent *r, const struct out_batch *b, uint32_t rec, uint32_t n,
		int32_t partition, int64_t offset);

bool recent_find(const struct recent *r, struct slice id, int32_t *ret_partition,
		 int64_t *ret_offset);

#endif
