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

/* What is remembered of a key on one frame, also as one word (little-endian). */
struct dedup_way {
	uint32_t time; /* when this frame last brought it; strong: when it was new */
	uint16_t frame;
	uint8_t count; /* how often this frame brought it; 0: this way is free */
	uint8_t turn;  /* of way 0: the next way to be given, and whether keys stand in several */
};

/* One cache line. A way is one key seen on one frame. Ways are given in turn, so that the next is
 * the oldest.
 */
struct dedup_set {
	uint64_t key[DEDUP_WAYS];
	struct dedup_way way[DEDUP_WAYS];
};
static_assert(sizeof(struct dedup_set) == 64 && DEDUP_WAYS == 4, "a set is one cache line");

/* In `turn`: a key has several ways. */
#define DEDUP_SHARED 0x80

/* The digest of a payload behind @seed, whose bytes 12 and 13 count for nothing. */
typedef uint64_t dedup_hash_fn(__m128i seed, const uint8_t *ptr, size_t len);

/* The same, and beside it *ret_sum: the sum of the payload's words of 16 bits, as sum_bytes. */
typedef uint64_t dedup_hash_sum_fn(__m128i seed, const uint8_t *ptr, size_t len, uint64_t *ret_sum);

struct dedup {
	struct dedup_set sets[DEDUP_SETS]; /* first, since the mapping is aligned */
	uint32_t window;
	dedup_hash_fn *hash;         /* the way that this core is fastest with: dedup_hash */
	dedup_hash_sum_fn *hash_sum; /* the same; NULL: it has none that takes one pass */
};

/* Times are kept in units of 4,096 ns in 32 bits, which come round after 4.9 hours. */
#define DEDUP_TIME_SHIFT 12

int dedup_create(uint64_t window_ns, struct dedup **ret_t, struct err *e);
void dedup_destroy(struct dedup *t);

/* Fast, not for keys that an enemy must not guess. Reads no byte behind @len. */
uint64_t dedup_hash(__m128i seed, const uint8_t *ptr, size_t len);
/* The same value with the sum. False: this core has none that takes one pass. */
bool dedup_hash_sum(__m128i seed, const uint8_t *ptr, size_t len, uint64_t *ret_key,
		    uint64_t *ret_sum);
/* The same value, without the instructions that only some cores with AES have. */
uint64_t dedup_hash_narrow(__m128i seed, const uint8_t *ptr, size_t len);
/* Another one, which dedup_hash takes on cores without AES. */
uint64_t dedup_hash_plain(__m128i seed, const uint8_t *ptr, size_t len);

/* The key will be asked for soon. */
static inline void dedup_prefetch(const struct dedup *t, uint64_t key)
{
	__builtin_prefetch(&t->sets[key % DEDUP_SETS], 1);
}

/* A packet that came on @frame, as the word of a way; its last byte is the caller's. */
static inline uint64_t dedup_seen(uint16_t frame, uint64_t time_ns)
{
	return (uint32_t)(time_ns >> DEDUP_TIME_SHIFT) | (uint64_t)frame << 32 | 1ull << 48;
}

/* No branch for each: it could not be foretold. */
static inline bool dedup_has(const struct dedup_set *set, uint64_t key)
{
	const __m128i *keys = (const __m128i *)set->key;
	__m128i k = _mm_set1_epi64x((int64_t)key);
	__m128i any = _mm_or_si128(_mm_cmpeq_epi64(_mm_load_si128(keys), k),
				   _mm_cmpeq_epi64(_mm_load_si128(keys + 1), k));
	return !_mm_testz_si128(any, any);
}

/* @turn: of the set until now. */
static inline void dedup_put(struct dedup_set *set, unsigned way, uint64_t key, uint64_t seen,
			     uint8_t turn)
{
	set->key[way] = key;
	memcpy(&set->way[way], &seen, sizeof(seen));
	set->way[0].turn = turn;
}

/* The key is there, on this frame or others, or some key has several ways. Not in line, for new
 * packets not to pay for it.
 */
bool dedup_look_closer(const struct dedup *t, struct dedup_set *set, uint64_t key, uint64_t seen,
		       bool strong);

/* Remembers the packet. True when it is a copy. @seen: dedup_seen. */
static inline bool dedup_is_copy(struct dedup *t, uint64_t key, uint64_t seen, bool strong)
{
	struct dedup_set *set = &t->sets[key % DEDUP_SETS];
	uint8_t turn = set->way[0].turn;
	if (__builtin_expect(dedup_has(set, key) || turn >= DEDUP_SHARED, 0))
		return dedup_look_closer(t, set, key, seen, strong);
	dedup_put(set, turn, key, seen, (turn + 1) % DEDUP_WAYS);
	return false;
}

#endif
