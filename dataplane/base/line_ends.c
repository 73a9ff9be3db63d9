#include "dataplane/base/line_ends.h"

#include <immintrin.h>

#define WITH_AVX2   __attribute__((target("avx2")))
#define WITH_AVX512 __attribute__((target("avx512f,avx512bw")))

/* A bit for each of the 64 bytes at @p that is an end. */
static inline uint64_t ends64(const uint8_t *p)
{
	const __m128i lf = _mm_set1_epi8('\n'), nul = _mm_setzero_si128();
	uint64_t bits = 0;
	for (unsigned i = 0; i < 4; i++) {
		__m128i v = _mm_loadu_si128((const __m128i *)(p + 16 * i));
		__m128i is = _mm_or_si128(_mm_cmpeq_epi8(v, lf), _mm_cmpeq_epi8(v, nul));
		bits |= (uint64_t)(unsigned)_mm_movemask_epi8(is) << (16 * i);
	}
	return bits;
}

WITH_AVX2 static inline uint64_t ends64_avx2(const uint8_t *p)
{
	const __m256i lf = _mm256_set1_epi8('\n'), nul = _mm256_setzero_si256();
	__m256i v = _mm256_loadu_si256((const __m256i *)p);
	__m256i w = _mm256_loadu_si256((const __m256i *)(p + 32));
	__m256i is_v = _mm256_or_si256(_mm256_cmpeq_epi8(v, lf), _mm256_cmpeq_epi8(v, nul));
	__m256i is_w = _mm256_or_si256(_mm256_cmpeq_epi8(w, lf), _mm256_cmpeq_epi8(w, nul));
	return (uint32_t)_mm256_movemask_epi8(is_v) | (uint64_t)(uint32_t)_mm256_movemask_epi8(is_w)
							      << 32;
}

WITH_AVX512 static inline uint64_t ends64_avx512(const uint8_t *p)
{
	__m512i v = _mm512_loadu_si512(p);
	return _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\n')) | _mm512_testn_epi8_mask(v, v);
}

/* The last bytes are looked at in the word that ends with them, which begins with known ones. */
#define LOOK(ENDS64)                                                                     \
	for (; p < end; p += 64) {                                                       \
		size_t left = (size_t)(end - p);                                         \
		uint64_t bits = left < 64 ? ENDS64(end - 64) >> (64 - left) : ENDS64(p); \
		for (; bits; bits &= bits - 1) {                                         \
			const uint8_t *at = p + (unsigned)__builtin_ctzll(bits);         \
			if (e->n == LINE_ENDS_MAX)                                       \
				return at;                                               \
			e->at[e->n++] = (uint32_t)(at - e->begin);                       \
		}                                                                        \
	}                                                                                \
	return end

static const uint8_t *look(struct line_ends *e, const uint8_t *p, const uint8_t *end)
{
	LOOK(ends64);
}

WITH_AVX2 static const uint8_t *look_avx2(struct line_ends *e, const uint8_t *p, const uint8_t *end)
{
	LOOK(ends64_avx2);
}

WITH_AVX512 static const uint8_t *look_avx512(struct line_ends *e, const uint8_t *p,
					      const uint8_t *end)
{
	LOOK(ends64_avx512);
}

/* Less than a word. */
static const uint8_t *look_short(struct line_ends *e, const uint8_t *p, const uint8_t *end)
{
	for (; p < end; p++)
		if (*p == '\n' || *p == 0)
			e->at[e->n++] = (uint32_t)(p - e->begin);
	return end;
}

void line_ends_look(struct line_ends *e, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *far = (size_t)(end - p) > UINT32_MAX ? p + UINT32_MAX : end;
	e->begin = p;
	e->n = e->next = 0;
	if (far - p < 64)
		e->looked = look_short(e, p, far);
	else if (__builtin_cpu_supports("avx512bw"))
		e->looked = look_avx512(e, p, far);
	else
		e->looked = __builtin_cpu_supports("avx2") ? look_avx2(e, p, far) : look(e, p, far);
}
