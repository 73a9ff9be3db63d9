/* dedup.h - know a packet that a mirror has shown before.
 *
 * In:     a digest of what all copies of a packet have in common, and one of what they differ in.
 * Out:    new, or a copy.
 * Owns:   a table of fixed size with the packets of the last moments.
 * Runs:   worker. One per decoder.
 * Limits: DEDUP_SETS * DEDUP_WAYS packets. Where more come within the window the oldest of a set
 *         is forgotten: a copy may then pass, a packet is never dropped for it.
 *
 * Some senders repeat themselves: two equal packets are then two records. Copies are told from that
 * by the identification of IPv4 where it is set (strong), since a sender numbers its packets. Where
 * it is not, copies that came another way (VLAN, TTL, port, tunnel: the frame) are counted: a
 * packet is new when its own way has brought it more often than any way did before.
 */
#ifndef SL_CAPTURE_DEDUP_H
#define SL_CAPTURE_DEDUP_H

#include <assert.h>
#include <smmintrin.h>

#include "dataplane/base/err.h"
#include "dataplane/base/slice.h"

#define DEDUP_WAYS          4
#define DEDUP_SETS          8192
#define DEDUP_WINDOW_MAX_NS 10000000000u

/* One cache line. A way is one key seen on one frame; its count is 0 while it is free. Ways are
 * given in turn, so that the next is the oldest.
 */
struct dedup_set {
	uint64_t key[DEDUP_WAYS];
	uint32_t time[DEDUP_WAYS]; /* when this frame last brought it; strong: when it was new */
	uint16_t frame[DEDUP_WAYS];
	uint8_t count[DEDUP_WAYS]; /* how often this frame brought it */
	uint8_t next;
	uint8_t pad[3];
};
static_assert(sizeof(struct dedup_set) == 64 && DEDUP_WAYS == 4, "a set is one cache line");

typedef uint64_t dedup_hash_fn(uint64_t seed, const uint8_t *ptr, size_t len);

struct dedup {
	struct dedup_set sets[DEDUP_SETS]; /* first, since the mapping is aligned */
	uint32_t window;
	dedup_hash_fn *hash; /* the way that this core is fastest with: dedup_hash */
};

/* Times are kept in units of 4,096 ns in 32 bits, which come round after 4.9 hours. */
#define DEDUP_TIME_SHIFT 12

int dedup_create(uint64_t window_ns, struct dedup **ret_t, struct err *e);
void dedup_destroy(struct dedup *t);

/* Fast, not for keys that an enemy must not guess. Reads no byte behind @len. */
uint64_t dedup_hash(uint64_t seed, const uint8_t *ptr, size_t len);
/* The same value, without the instructions that only some cores with AES have. */
uint64_t dedup_hash_narrow(uint64_t seed, const uint8_t *ptr, size_t len);
/* Another one, which dedup_hash takes on cores without AES. */
uint64_t dedup_hash_plain(uint64_t seed, const uint8_t *ptr, size_t len);

/* The key will be asked for soon. */
static inline void dedup_prefetch(const struct dedup *t, uint64_t key)
{
	__builtin_prefetch(&t->sets[key % DEDUP_SETS], 1);
}

/* The ways that hold @key, each byte of four 0xff or 0. No branch: it could not be foretold. */
static inline uint32_t dedup_ways_of(const struct dedup_set *set, uint64_t key)
{
	const __m128i *keys = (const __m128i *)set->key;
	__m128i k = _mm_set1_epi64x((int64_t)key);
	__m128i two = _mm_cmpeq_epi64(_mm_loadu_si128(keys), k);
	__m128i more = _mm_cmpeq_epi64(_mm_loadu_si128(keys + 1), k);
	__m128i ways = _mm_packs_epi32(two, more); /* of 16 bits, each twice */
	return (uint32_t)_mm_cvtsi128_si32(_mm_shuffle_epi8(ways, _mm_set1_epi32(0x0c080400)));
}

/* All frames of a key are forgotten together: if one were, its next packet would look like a copy
 * of what the others brought.
 */
static inline void dedup_forget(struct dedup_set *set, uint64_t key)
{
	uint32_t count;
	memcpy(&count, set->count, sizeof(count));
	count &= ~dedup_ways_of(set, key);
	memcpy(set->count, &count, sizeof(count));
}

static inline void dedup_put(struct dedup_set *set, unsigned way, uint64_t key, uint16_t frame,
			     uint32_t now)
{
	dedup_forget(set, set->key[way]);
	set->key[way] = key;
	set->time[way] = now;
	set->frame[way] = frame;
	set->count[way] = 1;
	set->next = (uint8_t)((way + 1) % DEDUP_WAYS);
}

/* The key is there, on this frame or others. Not in line, for new packets not to pay for it. */
bool dedup_seen_again(const struct dedup *t, struct dedup_set *set, uint64_t key, uint16_t frame,
		      bool strong, uint32_t now);

/* Remembers the packet. True when it is a copy. */
static inline bool dedup_is_copy(struct dedup *t, uint64_t key, uint16_t frame, bool strong,
				 uint64_t time_ns)
{
	struct dedup_set *set = &t->sets[key % DEDUP_SETS];
	uint32_t now = (uint32_t)(time_ns >> DEDUP_TIME_SHIFT);
	if (__builtin_expect(dedup_ways_of(set, key), 0))
		return dedup_seen_again(t, set, key, frame, strong, now);
	dedup_put(set, set->next, key, frame, now);
	return false;
}

#endif
