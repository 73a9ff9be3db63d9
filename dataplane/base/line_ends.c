#include "dataplane/base/line_ends.h"

#include <immintrin.h>

#define WITH_AVX2   __attribute__((target("avx2,bmi,bmi2")))
#define WITH_AVX512 __attribute__((target("avx512f,avx512bw,bmi,bmi2")))

/* A word of 64 bytes: a bit for each of those that is an end. */
static inline uint64_t ends64(const uint8_t *p, bool copies, uint8_t *to)
{
	const __m128i lf = _mm_set1_epi8('\n'), nul = _mm_setzero_si128();
	uint64_t bits = 0;
	for (unsigned i = 0; i < 4; i++) {
		__m128i v = _mm_loadu_si128((const __m128i *)(p + 16 * i));
		__m128i is = _mm_or_si128(_mm_cmpeq_epi8(v, lf), _mm_cmpeq_epi8(v, nul));
		bits |= (uint64_t)(unsigned)_mm_movemask_epi8(is) << (16 * i);
		if (copies)
			_mm_storeu_si128((__m128i *)(to + 16 * i), v);
	}
	return bits;
}

WITH_AVX2 static inline uint64_t ends64_avx2(const uint8_t *p, bool copies, uint8_t *to)
{
	const __m256i lf = _mm256_set1_epi8('\n'), nul = _mm256_setzero_si256();
	__m256i v = _mm256_loadu_si256((const __m256i *)p);
	__m256i w = _mm256_loadu_si256((const __m256i *)(p + 32));
	__m256i is_v = _mm256_or_si256(_mm256_cmpeq_epi8(v, lf), _mm256_cmpeq_epi8(v, nul));
	__m256i is_w = _mm256_or_si256(_mm256_cmpeq_epi8(w, lf), _mm256_cmpeq_epi8(w, nul));
	if (copies) {
		_mm256_storeu_si256((__m256i *)to, v);
		_mm256_storeu_si256((__m256i *)(to + 32), w);
	}
	return (uint32_t)_mm256_movemask_epi8(is_v) | (uint64_t)(uint32_t)_mm256_movemask_epi8(is_w)
							      << 32;
}

WITH_AVX512 static inline uint64_t ends64_avx512(const uint8_t *p, bool copies, uint8_t *to)
{
	__m512i v = _mm512_loadu_si512(p);
	if (copies)
		_mm512_storeu_si512(to, v);
	return _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\n')) | _mm512_testn_epi8_mask(v, v);
}

static unsigned put_more(uint32_t *at, unsigned n, uint64_t bits, uint32_t off)
{
	for (; bits; bits &= bits - 1)
		at[n++] = off + (unsigned)__builtin_ctzll(bits);
	return n;
}

/* Most words have one end or none, and which is not to be foretold: so the first one's place is
 * written in either case.
 */
static inline unsigned put_ends(uint32_t *at, unsigned n, uint64_t bits, uint32_t off)
{
	at[n] = off + (unsigned)__builtin_ctzll(bits | 1ull << 63);
	n += bits != 0;
	bits &= bits - 1;
	return __builtin_expect(bits != 0, 0) ? put_more(at, n, bits, off) : n;
}

/* How many words of @len bytes can be looked at when each has no more than one end. */
static inline unsigned words_of(const struct line_ends *e, size_t len)
{
	size_t room = LINE_ENDS_MAX - e->n;
	return (unsigned)(len / 64 < room ? len / 64 : room);
}

/* Looks at @len bytes, 64 at least, the first of which is @off bytes behind e->begin, as long as
 * there is room for an end of each word to come; how many it was. The last ones are a part of the
 * word that ends with them, and begins with known ones. COPIES, which is known here: to @to, and as
 * many bytes from @ahead on are asked for.
 */
#define WALK(ENDS64, COPIES)                                                                   \
	unsigned n = e->n, words = words_of(e, len);                                           \
	size_t i = 0;                                                                          \
	for (; words; words--, i += 64) {                                                      \
		if (COPIES)                                                                    \
			__builtin_prefetch(ahead + i, 0, 1);                                   \
		n = put_ends(e->at, n, ENDS64(p + i, COPIES, (COPIES) ? to + i : NULL),        \
			     off + (uint32_t)i);                                               \
		if (__builtin_expect(n + words > LINE_ENDS_MAX + 1, 0)) {                      \
			i += 64;                                                               \
			break;                                                                 \
		}                                                                              \
	}                                                                                      \
	if (i < len && len - i < 64 && n < LINE_ENDS_MAX) {                                    \
		uint64_t bits = ENDS64(p + len - 64, COPIES, (COPIES) ? to + len - 64 : NULL); \
		n = put_ends(e->at, n, bits >> (64 - (len - i)), off + (uint32_t)i);           \
		i = len;                                                                       \
	}                                                                                      \
	e->n = n;                                                                              \
	return i

#define LOOK_ARGS struct line_ends *e, uint32_t off, const uint8_t *p, size_t len
#define COPY_ARGS LOOK_ARGS, uint8_t *to, const uint8_t *ahead

static size_t look(LOOK_ARGS)
{
	uint8_t *const to = NULL, *const ahead = NULL;
	WALK(ends64, false);
}

WITH_AVX2 static size_t look_avx2(LOOK_ARGS)
{
	uint8_t *const to = NULL, *const ahead = NULL;
	WALK(ends64_avx2, false);
}

WITH_AVX512 static size_t look_avx512(LOOK_ARGS)
{
	uint8_t *const to = NULL, *const ahead = NULL;
	WALK(ends64_avx512, false);
}

static size_t copy(COPY_ARGS)
{
	WALK(ends64, true);
}

WITH_AVX2 static size_t copy_avx2(COPY_ARGS)
{
	WALK(ends64_avx2, true);
}

WITH_AVX512 static size_t copy_avx512(COPY_ARGS)
{
	WALK(ends64_avx512, true);
}

/* Less than a word. */
static size_t look_short(struct line_ends *e, uint32_t off, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] == '\n' || p[i] == 0)
			e->at[e->n++] = off + (uint32_t)i;
	return len;
}

void line_ends_look(struct line_ends *e, enum line_way way, const uint8_t *p, const uint8_t *end)
{
	size_t len = (size_t)(end - p) > UINT32_MAX ? UINT32_MAX : (size_t)(end - p);
	line_ends_begin(e, p);
	if (len < 64)
		e->looked += look_short(e, 0, p, len);
	else if (way == LINE_AVX512)
		e->looked += look_avx512(e, 0, p, len);
	else
		e->looked += way == LINE_AVX2 ? look_avx2(e, 0, p, len) : look(e, 0, p, len);
}

void line_ends_copy(struct line_ends *e, enum line_way way, uint8_t *to, const uint8_t *from,
		    size_t len, const uint8_t *ahead)
{
	uint32_t off = (uint32_t)(to - e->begin);
	size_t done = 0;
	bool looks = e->looked == to && e->n < LINE_ENDS_MAX;
	if (looks && len >= 64) {
		if (way == LINE_AVX512)
			done = copy_avx512(e, off, from, len, to, ahead);
		else if (way == LINE_AVX2)
			done = copy_avx2(e, off, from, len, to, ahead);
		else
			done = copy(e, off, from, len, to, ahead);
		e->looked += done;
	}
	if (done == len)
		return;
	memcpy(to + done, from + done, len - done);
	if (looks && len < 64) {
		uint64_t bits = ends64(to, false, NULL) & ((1ull << len) - 1);
		e->n = put_ends(e->at, e->n, bits, off);
		e->looked += len;
	}
}
