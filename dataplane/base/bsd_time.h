/* bsd_time.h - the time stamp of RFC 3164, all of it looked at at once.
 *
 * In:     bytes.
 * Out:    its numbers, when one stands there in its usual form.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: -
 *
 *     0         1
 *     0123456789012345
 *     Nov 25 04:43:16         day 1 to 31, its first digit may be a blank; no leap second
 */
#ifndef SL_BASE_BSD_TIME_H
#define SL_BASE_BSD_TIME_H

#include <smmintrin.h>

#include "dataplane/base/slice.h"

#define BSD_TIME_LEN 15

/* The month whose three letters are the low bytes of @v, from 1; 0: it is none. The multiplication
 * puts each one into a place of its own.
 */
static inline unsigned bsd_time_month(uint32_t v)
{
#define MONTH(n, a, b, c) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(n) << 24)
	static const uint32_t months[16] = {
		[12] = MONTH(1, 'J', 'a', 'n'), [14] = MONTH(2, 'F', 'e', 'b'),
		[6] = MONTH(3, 'M', 'a', 'r'),  [7] = MONTH(4, 'A', 'p', 'r'),
		[4] = MONTH(5, 'M', 'a', 'y'),  [13] = MONTH(6, 'J', 'u', 'n'),
		[0] = MONTH(7, 'J', 'u', 'l'),  [15] = MONTH(8, 'A', 'u', 'g'),
		[9] = MONTH(9, 'S', 'e', 'p'),  [3] = MONTH(10, 'O', 'c', 't'),
		[1] = MONTH(11, 'N', 'o', 'v'), [5] = MONTH(12, 'D', 'e', 'c'),
	};
#undef MONTH
	v &= 0xffffff;
	uint32_t month = months[v * 26597 >> 28];
	return (month & 0xffffff) == v ? month >> 24 : 0;
}

/* The month of the time at @p, of which 16 bytes are readable; 0: none stands there, or one in
 * another form. *ret_rest: day, hour, minute and second, 16 bits each from the lowest on. The
 * numbers are put side by side as pairs of digits, and compared with their largest values.
 */
static inline __attribute__((target("sse4.1"))) unsigned bsd_time_at(const uint8_t *p,
								     uint64_t *ret_rest)
{
	const __m128i pairs = _mm_setr_epi8(4, 5, 7, 8, 10, 11, 13, 14, 4, 5, 7, 8, 10, 11, 13, 14);
	const __m128i least = _mm_setr_epi16(1, 0, 0, 0, 1, 0, 0, 0);
	const __m128i most = _mm_setr_epi16(31, 23, 59, 59, 31, 23, 59, 59);
	const __m128i fixed = _mm_setr_epi8(0, 0, 0, ' ', 0, 0, ' ', 0, 0, ':', 0, 0, ':', 0, 0, 0);
	const __m128i is_fixed = _mm_setr_epi8(0, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, 0);
	const __m128i day = _mm_setr_epi8(0, 0, 0, 0, '0', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	__m128i v = _mm_loadu_si128((const __m128i *)p);
	__m128i ok = _mm_cmpeq_epi8(_mm_and_si128(v, is_fixed), fixed);
	/* '0' has all bits of a blank. */
	v = _mm_or_si128(v, _mm_and_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')), day));
	__m128i digits = _mm_sub_epi8(_mm_shuffle_epi8(v, pairs), _mm_set1_epi8('0'));
	ok = _mm_and_si128(ok, _mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits));
	__m128i n = _mm_maddubs_epi16(digits, _mm_set1_epi16(1 << 8 | 10));
	ok = _mm_and_si128(ok, _mm_cmpeq_epi16(_mm_max_epu16(_mm_min_epu16(n, most), least), n));
	uint32_t month;
	memcpy(&month, p, sizeof(month));
	*ret_rest = (uint64_t)_mm_cvtsi128_si64(n);
	return _mm_movemask_epi8(ok) == 0xffff ? bsd_time_month(month) : 0;
}

#endif
