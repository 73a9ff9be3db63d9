/* kafka_place.h - the offsets of what was acknowledged, by partition of one topic.
 *
 * In:     partitions and offsets, as they are acknowledged.
 * Out:    the first and the last of each since the last reset.
 * Owns:   its table.
 * Runs:   one thread at a time.
 * Limits: SINK_PLACES_MAX partitions; further ones are not told.
 */
#ifndef SL_SINK_KAFKA_PLACE_H
#define SL_SINK_KAFKA_PLACE_H

#include "dataplane/sink/sink.h"

/* Begins as { 0 }. */
struct kafka_places {
	struct sink_place *of; /* in the order of partitions; NULL: none yet */
	unsigned n;
};

void kafka_places_add(struct kafka_places *p, int32_t partition, int64_t offset);
void kafka_places_reset(struct kafka_places *p);
unsigned kafka_places_get(const struct kafka_places *p, struct sink_place *ret, unsigned max);
void kafka_places_fini(struct kafka_places *p);

#endif
