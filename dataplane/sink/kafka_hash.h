/* kafka_hash.h - the number that says which partition a key belongs to.
 *
 * In:     a key.
 * Out:    MurmurHash2 with the seed of Kafka's Java client, which the partitioner murmur2_random of
 *         librdkafka computes, too: partition = (hash & 0x7fffffff) % partitions.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: -
 */
#ifndef SL_SINK_KAFKA_HASH_H
#define SL_SINK_KAFKA_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t kafka_hash(const void *key, size_t len)
{
	const uint8_t *p = key;
	const uint32_t m = 0x5bd1e995;
	uint32_t h = 0x9747b28cu ^ (uint32_t)len;
	for (; len >= 4; p += 4, len -= 4) {
		uint32_t k;
		memcpy(&k, p, 4);
		k *= m;
		k ^= k >> 24;
		h = (h * m) ^ (k * m);
	}
	for (size_t i = len; i-- > 0;)
		h ^= (uint32_t)p[i] << (8 * i);
	if (len)
		h *= m;
	h ^= h >> 13;
	h *= m;
	return h ^ h >> 15;
}

#endif
