#include "parsers/http1_feeds.h"

#include <immintrin.h>

/* A bit for each line feed of 16 bytes. */
static inline uint64_t line_feeds_of_16(const uint8_t *p)
{
	__m128i v = _mm_loadu_si128((const __m128i *)p);
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('\n')));
}

/* The same of less than 64 bytes, no others being read: the last ones are read with what stands in
 * front of them.
 */
static uint64_t line_feeds_short(const uint8_t *p, size_t n)
{
	size_t i = 0;
	uint64_t bits = 0;
	for (; n - i >= 16; i += 16)
		bits |= line_feeds_of_16(p + i) << i;
	if (i < n && i > 0)
		return bits | line_feeds_of_16(p + n - 16) >> (16 - (n - i)) << i;
	for (; i < n; i++)
		bits |= (uint64_t)(p[i] == '\n') << i;
	return bits;
}

void http1_feeds_sse(const uint8_t *p, size_t n, uint64_t *bits)
{
	for (; n >= 64; n -= 64, p += 64)
		*bits++ = line_feeds_of_16(p) | line_feeds_of_16(p + 16) << 16 |
			  line_feeds_of_16(p + 32) << 32 | line_feeds_of_16(p + 48) << 48;
	if (n)
		*bits = line_feeds_short(p, n);
}

__attribute__((target("avx2"))) void http1_feeds_avx2(const uint8_t *p, size_t n, uint64_t *bits)
{
	const __m256i feed = _mm256_set1_epi8('\n');
	for (; n >= 64; n -= 64, p += 64) {
		__m256i v = _mm256_loadu_si256((const __m256i *)p);
		__m256i w = _mm256_loadu_si256((const __m256i *)(p + 32));
		uint32_t low = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, feed));
		uint32_t high = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(w, feed));
		*bits++ = low | (uint64_t)high << 32;
	}
	if (n)
		*bits = line_feeds_short(p, n);
}

__attribute__((target("avx512bw"))) void http1_feeds_avx512(const uint8_t *p, size_t n,
							    uint64_t *bits)
{
	const __m512i feed = _mm512_set1_epi8('\n');
	for (; n >= 64; n -= 64, p += 64)
		*bits++ = _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(p), feed);
	if (n) {
		__mmask64 some = ((uint64_t)1 << n) - 1;
		*bits = _mm512_mask_cmpeq_epi8_mask(some, _mm512_maskz_loadu_epi8(some, p), feed);
	}
}
