#include "dataplane/capture/dedup.h"

#include <immintrin.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/mem.h"

#define K0 0xa0761d6478bd642fu
#define K1 0xe7037ed1a0b428dbu
#define K2 0x8ebc6af09c88c6e3u
#define K3 0x589965cc75374cc3u

/* Up to 16 bytes, without a loop: the first and the last of them, which overlap. */
static inline void load_short(const uint8_t *p, size_t len, uint64_t *ret_a, uint64_t *ret_b)
{
	uint32_t a = 0, b = 0;
	if (len >= 8) {
		*ret_a = bytes_load8(p);
		*ret_b = bytes_load8(p + len - 8);
		return;
	}
	if (len >= 4) {
		memcpy(&a, p, 4);
		memcpy(&b, p + len - 4, 4);
	} else if (len) {
		a = p[0];
		b = (uint32_t)p[len / 2] << 8 | p[len - 1];
	}
	*ret_a = a;
	*ret_b = b;
}

uint64_t dedup_hash_plain(uint64_t seed, const uint8_t *ptr, size_t len)
{
	uint64_t a = seed ^ K0, b = seed ^ K1, x, y;
	size_t left = len;
	for (; left > 32; ptr += 32, left -= 32) {
		a = bytes_fold(bytes_load8(ptr) ^ K2, bytes_load8(ptr + 8) ^ a);
		b = bytes_fold(bytes_load8(ptr + 16) ^ K3, bytes_load8(ptr + 24) ^ b);
	}
	if (left > 16) {
		a = bytes_fold(bytes_load8(ptr) ^ K2, bytes_load8(ptr + 8) ^ a);
		ptr += 16;
		left -= 16;
	}
	load_short(ptr, left, &x, &y);
	b = bytes_fold(x ^ K3, y ^ b);
	return bytes_fold(a ^ K0, b ^ len * K1);
}

#define WITH_AES  __attribute__((target("aes,avx")))
#define WITH_VAES __attribute__((target("aes,vaes,avx2")))

/* Two rounds spread each bit of @v over all of the state, so that what comes next in this lane does
 * not undo it.
 */
WITH_AES static inline __m128i absorb(__m128i state, __m128i v)
{
	const __m128i key = _mm_set_epi64x((int64_t)K2, (int64_t)K3);
	return _mm_aesenc_si128(_mm_aesenc_si128(_mm_xor_si128(state, v), key), key);
}

WITH_AES static inline __m128i load128(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

/* Two lanes of 16 bytes, in turns. What is no pair of blocks any more, and what is made of both.
 * The last block overlaps the one before, as @len tells.
 */
WITH_AES static inline uint64_t end_lanes(__m128i a, __m128i b, const uint8_t *ptr,
					  const uint8_t *end)
{
	if (end - ptr > 16)
		a = absorb(a, load128(ptr));
	b = absorb(b, load128(end - 16));
	a = absorb(_mm_aesenc_si128(a, b), _mm_setzero_si128());
	return (uint64_t)_mm_cvtsi128_si64(a);
}

WITH_AES static inline __m128i begin_lane(uint64_t seed, size_t len)
{
	return _mm_set_epi64x((int64_t)(seed ^ K0), (int64_t)(len * K1));
}

WITH_AES static uint64_t hash_by_aes(uint64_t seed, const uint8_t *ptr, size_t len)
{
	const uint8_t *end = ptr + len;
	__m128i a = begin_lane(seed, len), b = a;
	if (len < 16) {
		uint64_t x, y;
		load_short(ptr, len, &x, &y);
		b = absorb(b, _mm_set_epi64x((int64_t)x, (int64_t)y));
		a = absorb(_mm_aesenc_si128(a, b), _mm_setzero_si128());
		return (uint64_t)_mm_cvtsi128_si64(a);
	}
	for (; end - ptr > 64; ptr += 64) {
		a = absorb(a, load128(ptr));
		b = absorb(b, load128(ptr + 16));
		a = absorb(a, load128(ptr + 32));
		b = absorb(b, load128(ptr + 48));
	}
	if (end - ptr > 32) {
		a = absorb(a, load128(ptr));
		b = absorb(b, load128(ptr + 16));
		ptr += 32;
	}
	return end_lanes(a, b, ptr, end);
}

WITH_VAES static inline __m256i absorb_both(__m256i lanes, const uint8_t *p)
{
	const __m256i key = _mm256_set_epi64x((int64_t)K2, (int64_t)K3, (int64_t)K2, (int64_t)K3);
	lanes = _mm256_xor_si256(lanes, _mm256_loadu_si256((const __m256i *)p));
	return _mm256_aesenc_epi128(_mm256_aesenc_epi128(lanes, key), key);
}

/* The same, both lanes by one instruction. */
WITH_VAES static uint64_t hash_by_vaes(uint64_t seed, const uint8_t *ptr, size_t len)
{
	const uint8_t *end = ptr + len;
	if (len <= 32)
		return hash_by_aes(seed, ptr, len);
	__m256i lanes = _mm256_broadcastsi128_si256(begin_lane(seed, len));
	for (; end - ptr > 64; ptr += 64)
		lanes = absorb_both(absorb_both(lanes, ptr), ptr + 32);
	if (end - ptr > 32) {
		lanes = absorb_both(lanes, ptr);
		ptr += 32;
	}
	return end_lanes(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1), ptr,
			 end);
}

static dedup_hash_fn *pick_narrow(void)
{
	return __builtin_cpu_supports("aes") && __builtin_cpu_supports("avx") ? hash_by_aes
									      : dedup_hash_plain;
}

/* clang of Debian 12 cannot ask for it. */
#ifdef __clang__
#define HAS_VAES false
#else
#define HAS_VAES (__builtin_cpu_supports("vaes") && __builtin_cpu_supports("avx2"))
#endif

static dedup_hash_fn *pick(void)
{
	return HAS_VAES ? hash_by_vaes : pick_narrow();
}

uint64_t dedup_hash_narrow(uint64_t seed, const uint8_t *ptr, size_t len)
{
	return pick_narrow()(seed, ptr, len);
}

uint64_t dedup_hash(uint64_t seed, const uint8_t *ptr, size_t len)
{
	return pick()(seed, ptr, len);
}

int dedup_create(uint64_t window_ns, struct dedup **ret_t, struct err *e)
{
	struct dedup *t = mem_map(sizeof(*t));
	if (!t)
		return err_set(e, -ENOMEM, "no memory for the table of recent packets");
	if (window_ns > DEDUP_WINDOW_MAX_NS)
		window_ns = DEDUP_WINDOW_MAX_NS;
	t->window = (uint32_t)(window_ns >> DEDUP_TIME_SHIFT);
	t->hash = pick();
	*ret_t = t;
	return 0;
}

void dedup_destroy(struct dedup *t)
{
	if (t)
		mem_unmap(t, sizeof(*t));
}

static bool is_fresh(const struct dedup *t, const struct dedup_set *set, unsigned way, uint32_t now)
{
	uint32_t age = now - set->time[way];
	age = age >> 31 ? -age : age; /* packets of two ports come not quite in order */
	return age <= t->window;
}

/* A count that is full starts over, in all frames alike. */
static void halve(struct dedup_set *set, uint64_t key)
{
	for (unsigned i = 0; i < DEDUP_WAYS; i++)
		if (set->key[i] == key)
			set->count[i] = (uint8_t)((set->count[i] + 1) / 2);
}

bool dedup_seen_again(const struct dedup *t, struct dedup_set *set, uint64_t key, uint16_t frame,
		      bool strong, uint32_t now)
{
	unsigned own = DEDUP_WAYS, other = DEDUP_WAYS, most = 0;
	bool fresh = false;
	for (unsigned i = 0; i < DEDUP_WAYS; i++) {
		unsigned way = (set->next + i) % DEDUP_WAYS;
		if (set->key[way] != key || !set->count[way]) {
			other = other == DEDUP_WAYS ? way : other;
			continue;
		}
		fresh |= is_fresh(t, set, way, now);
		most = set->count[way] > most ? set->count[way] : most;
		own = set->frame[way] == frame ? way : own;
	}
	if (!fresh) {
		dedup_forget(set, key);
		dedup_put(set, own < DEDUP_WAYS ? own : set->next, key, frame, now);
		return false;
	}
	if (strong)
		return true;
	if (own == DEDUP_WAYS) {
		if (other == DEDUP_WAYS) /* seen on more frames than there is room for */
			return false;
		dedup_put(set, other, key, frame, now);
		return true;
	}
	set->time[own] = now;
	bool copy = ++set->count[own] <= most;
	if (set->count[own] == UINT8_MAX)
		halve(set, key);
	return copy;
}
