/* bsd_time.h - the time stamp of RFC 3164, all of it looked at at once.
 *
 * In:     the tree of a part of a pattern (shape.h); bytes.
 * Out:    whether the part may be skipped where a stamp stands; whether one stands there.
 * Owns:   nothing.
 * Runs:   bsd_time_settles: main. bsd_time_at: any thread.
 * Limits: -
 *
 *     0         1
 *     0123456789012345
 *     Nov 25 04:43:16         day 1 to 31, its first digit may be a blank
 *
 * What patterns say of time stamps is many ways to write one, of which an automaton or a row of
 * steps tries each. Most lines have this one.
 */
#ifndef SL_EXTRACT_BSD_TIME_H
#define SL_EXTRACT_BSD_TIME_H

#include <smmintrin.h>

#include "dataplane/extract/shape.h"

#define BSD_TIME_LEN 15

/* Whether all stamps are texts of @n, and where @behind stands behind a stamp no shorter or longer
 * text of @n is followed by @behind: then @n matches the stamp there, whatever else it knows. False
 * too when it is too large to be looked at.
 */
bool bsd_time_settles(const struct node *n, uint8_t behind);

/* The three letters of a month in the low bytes of @v; the multiplication puts each one into a
 * place of its own.
 */
static inline bool bsd_time_is_month(uint32_t v)
{
#define MONTH(a, b, c) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16)
	static const uint32_t months[16] = {
		[12] = MONTH('J', 'a', 'n'), [14] = MONTH('F', 'e', 'b'),
		[6] = MONTH('M', 'a', 'r'),  [7] = MONTH('A', 'p', 'r'),
		[4] = MONTH('M', 'a', 'y'),  [13] = MONTH('J', 'u', 'n'),
		[0] = MONTH('J', 'u', 'l'),  [15] = MONTH('A', 'u', 'g'),
		[9] = MONTH('S', 'e', 'p'),  [3] = MONTH('O', 'c', 't'),
		[1] = MONTH('N', 'o', 'v'),  [5] = MONTH('D', 'e', 'c'),
	};
#undef MONTH
	v &= 0xffffff;
	return months[v * 26597 >> 28] == v;
}

/* Whether a stamp stands at @p, of which 16 bytes are readable. The numbers are put side by side as
 * pairs of digits, and pairs compared with their largest values, as 16 bits each.
 */
static inline __attribute__((target("sse4.1"))) bool bsd_time_at(const uint8_t *p)
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
	return _mm_movemask_epi8(ok) == 0xffff && bsd_time_is_month(month);
}

#endif
