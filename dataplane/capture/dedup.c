#include "dataplane/capture/dedup.h"

#include <immintrin.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/cpu.h"
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

uint64_t dedup_hash_plain(__m128i seed, const uint8_t *ptr, size_t len)
{
	seed = _mm_insert_epi16(seed, (short)len, 6);
	uint64_t a = (uint64_t)_mm_cvtsi128_si64(seed) ^ K0, x, y;
	uint64_t b = (uint64_t)_mm_extract_epi64(seed, 1) ^ K1;
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

#define WITH_AES    __attribute__((target("aes,avx")))
#define WITH_VAES   __attribute__((target("aes,vaes,avx2")))
#define WITH_AVX512 __attribute__((target("aes,vaes,avx512f,avx512bw,avx512vl")))

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

WITH_AES static inline __m128i begin_lanes(__m128i seed, size_t len)
{
	const __m128i key = _mm_set_epi64x((int64_t)K1, (int64_t)K0);
	return _mm_xor_si128(_mm_insert_epi16(seed, (short)len, 6), key);
}

WITH_AES static inline uint64_t join_lanes(__m128i a, __m128i b, __m128i c, __m128i d)
{
	a = _mm_aesenc_si128(_mm_aesenc_si128(a, b), _mm_aesenc_si128(c, d));
	return (uint64_t)_mm_cvtsi128_si64(absorb(a, _mm_setzero_si128()));
}

/* Up to 64 bytes: the first and the last, which overlap, as @len tells. */
WITH_AES static inline uint64_t hash_few(__m128i seed, const uint8_t *ptr, size_t len)
{
	const uint8_t *end = ptr + len;
	__m128i a = begin_lanes(seed, len), b = a, c = a, d = a;
	if (len < 16) {
		uint64_t x, y;
		load_short(ptr, len, &x, &y);
		d = absorb(d, _mm_set_epi64x((int64_t)x, (int64_t)y));
		return join_lanes(a, b, c, d);
	}
	if (len > 32) {
		b = absorb(b, load128(ptr + 16));
		c = absorb(c, load128(end - 32));
	}
	a = absorb(a, load128(ptr));
	d = absorb(d, load128(end - 16));
	return join_lanes(a, b, c, d);
}

/* Four lanes of 16 bytes, in turns. The last 64 bytes overlap those before, as @len tells. */
WITH_AES static uint64_t hash_by_aes(__m128i seed, const uint8_t *ptr, size_t len)
{
	if (len <= 64)
		return hash_few(seed, ptr, len);
	const uint8_t *last = ptr + len - 64;
	__m128i a = begin_lanes(seed, len), b = a, c = a, d = a;
	for (const uint8_t *p = ptr;; p += 64) {
		p = p < last ? p : last;
		a = absorb(a, load128(p));
		b = absorb(b, load128(p + 16));
		c = absorb(c, load128(p + 32));
		d = absorb(d, load128(p + 48));
		if (p == last)
			return join_lanes(a, b, c, d);
	}
}

WITH_VAES static inline __m256i absorb_both(__m256i lanes, const uint8_t *p)
{
	const __m256i key = _mm256_set_epi64x((int64_t)K2, (int64_t)K3, (int64_t)K2, (int64_t)K3);
	lanes = _mm256_xor_si256(lanes, _mm256_loadu_si256((const __m256i *)p));
	return _mm256_aesenc_epi128(_mm256_aesenc_epi128(lanes, key), key);
}

/* The same, two lanes by one instruction. */
WITH_VAES static uint64_t hash_by_vaes(__m128i seed, const uint8_t *ptr, size_t len)
{
	if (len <= 64)
		return hash_few(seed, ptr, len);
	const uint8_t *last = ptr + len - 64;
	__m256i ab = _mm256_broadcastsi128_si256(begin_lanes(seed, len)), cd = ab;
	for (; ptr < last; ptr += 64) {
		ab = absorb_both(ab, ptr);
		cd = absorb_both(cd, ptr + 32);
	}
	ab = absorb_both(ab, last);
	cd = absorb_both(cd, last + 32);
	return join_lanes(_mm256_castsi256_si128(ab), _mm256_extracti128_si256(ab, 1),
			  _mm256_castsi256_si128(cd), _mm256_extracti128_si256(cd, 1));
}

WITH_AVX512 static inline __m512i absorb_all(__m512i lanes, const uint8_t *p)
{
	const __m512i key = _mm512_broadcast_i32x4(_mm_set_epi64x((int64_t)K2, (int64_t)K3));
	lanes = _mm512_xor_si512(lanes, _mm512_loadu_si512(p));
	return _mm512_aesenc_epi128(_mm512_aesenc_epi128(lanes, key), key);
}

WITH_AVX512 static inline uint64_t join_all(__m512i lanes)
{
	return join_lanes(_mm512_castsi512_si128(lanes), _mm512_extracti32x4_epi32(lanes, 1),
			  _mm512_extracti32x4_epi32(lanes, 2), _mm512_extracti32x4_epi32(lanes, 3));
}

/* The same, all four. */
WITH_AVX512 static uint64_t hash_by_avx512(__m128i seed, const uint8_t *ptr, size_t len)
{
	if (len <= 64)
		return hash_few(seed, ptr, len);
	const uint8_t *last = ptr + len - 64;
	__m512i lanes = _mm512_broadcast_i32x4(begin_lanes(seed, len));
	for (; ptr < last; ptr += 64)
		lanes = absorb_all(lanes, ptr);
	return join_all(absorb_all(lanes, last));
}

/* Words of 16 bits, each less 0x8000, are summed by pairs with their signs. */
WITH_AVX512 static inline __m512i add_words(__m512i sum, __m512i v)
{
	v = _mm512_xor_si512(v, _mm512_set1_epi16((short)0x8000));
	return _mm512_add_epi32(sum, _mm512_madd_epi16(v, _mm512_set1_epi16(1)));
}

/* Payloads are of 64 KiB at most, so that no lane of the sum overflows, nor do all of them. */
WITH_AVX512 static uint64_t hash_sum_by_avx512(__m128i seed, const uint8_t *ptr, size_t len,
					       uint64_t *ret_sum)
{
	__m512i lanes = _mm512_broadcast_i32x4(begin_lanes(seed, len)), sum = {0};
	size_t at = 0;
	for (; at + 64 < len; at += 64) {
		lanes = absorb_all(lanes, ptr + at);
		sum = add_words(sum, _mm512_loadu_si512(ptr + at));
	}
	__mmask64 rest = len ? ~0ull >> (64 - (len - at)) : 0;
	sum = add_words(sum, _mm512_maskz_loadu_epi8(rest, ptr + at));
	*ret_sum = (uint64_t)(_mm512_reduce_add_epi32(sum) + (int64_t)(at / 64 + 1) * 32 * 0x8000);
	return at ? join_all(absorb_all(lanes, ptr + len - 64)) : hash_few(seed, ptr, len);
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
	if (!HAS_VAES)
		return pick_narrow();
	return cpu_has_avx512() ? hash_by_avx512 : hash_by_vaes;
}

static dedup_hash_sum_fn *pick_sum(void)
{
	return HAS_VAES && cpu_has_avx512() ? hash_sum_by_avx512 : NULL;
}

bool dedup_hash_sum(__m128i seed, const uint8_t *ptr, size_t len, uint64_t *ret_key,
		    uint64_t *ret_sum)
{
	dedup_hash_sum_fn *of = pick_sum();
	if (of)
		*ret_key = of(seed, ptr, len, ret_sum);
	return of != NULL;
}

uint64_t dedup_hash_narrow(__m128i seed, const uint8_t *ptr, size_t len)
{
	return pick_narrow()(seed, ptr, len);
}

uint64_t dedup_hash(__m128i seed, const uint8_t *ptr, size_t len)
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
	t->hash_sum = pick_sum();
	*ret_t = t;
	return 0;
}

void dedup_destroy(struct dedup *t)
{
	if (t)
		mem_unmap(t, sizeof(*t));
}

static bool is_fresh(const struct dedup *t, const struct dedup_way *way, uint32_t now)
{
	uint32_t age = now - way->time;
	age = age >> 31 ? -age : age; /* packets of two ports come not quite in order */
	return age <= t->window;
}

/* A count that is full starts over, in all frames alike. */
static void halve(struct dedup_set *set, uint64_t key)
{
	for (unsigned i = 0; i < DEDUP_WAYS; i++)
		if (set->key[i] == key)
			set->way[i].count = (uint8_t)((set->way[i].count + 1) / 2);
}

/* All frames of a key are forgotten together: if one were, its next packet would look like a copy
 * of what the others brought.
 */
static void forget(struct dedup_set *set, uint64_t key)
{
	for (unsigned i = 0; i < DEDUP_WAYS; i++)
		if (set->key[i] == key)
			set->way[i].count = 0;
}

static bool is_shared(const struct dedup_set *set)
{
	for (unsigned i = 0; i < DEDUP_WAYS; i++)
		for (unsigned k = i + 1; k < DEDUP_WAYS; k++)
			if (set->key[i] == set->key[k] && set->way[i].count && set->way[k].count)
				return true;
	return false;
}

static void put(struct dedup_set *set, unsigned way, uint64_t key, uint64_t seen)
{
	if (set->key[way] != key) /* the place may be one of its own that was forgotten */
		forget(set, set->key[way]);
	dedup_put(set, way, key, seen, (uint8_t)((way + 1) % DEDUP_WAYS));
	set->way[0].turn |= is_shared(set) ? DEDUP_SHARED : 0;
}

static bool seen_again(const struct dedup *t, struct dedup_set *set, uint64_t key, uint64_t seen,
		       bool strong)
{
	unsigned own = DEDUP_WAYS, other = DEDUP_WAYS, most = 0;
	unsigned next = set->way[0].turn % DEDUP_WAYS;
	uint32_t now = (uint32_t)seen;
	bool fresh = false;
	for (unsigned i = 0; i < DEDUP_WAYS; i++) {
		unsigned at = (next + i) % DEDUP_WAYS;
		const struct dedup_way *way = &set->way[at];
		if (set->key[at] != key || !way->count) {
			other = other == DEDUP_WAYS ? at : other;
			continue;
		}
		fresh |= is_fresh(t, way, now);
		most = way->count > most ? way->count : most;
		own = way->frame == (uint16_t)(seen >> 32) ? at : own;
	}
	if (!fresh) {
		forget(set, key);
		put(set, own < DEDUP_WAYS ? own : next, key, seen);
		return false;
	}
	if (strong)
		return true;
	if (own == DEDUP_WAYS) {
		if (other == DEDUP_WAYS) /* seen on more frames than there is room for */
			return false;
		put(set, other, key, seen);
		return true;
	}
	set->way[own].time = now;
	bool copy = ++set->way[own].count <= most;
	if (set->way[own].count == UINT8_MAX)
		halve(set, key);
	return copy;
}

bool dedup_look_closer(const struct dedup *t, struct dedup_set *set, uint64_t key, uint64_t seen,
		       bool strong)
{
	if (dedup_has(set, key))
		return seen_again(t, set, key, seen, strong);
	put(set, set->way[0].turn % DEDUP_WAYS, key, seen);
	return false;
}
