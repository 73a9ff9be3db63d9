/* json_number.h - where a short JSON number ends.
 *
 * In:     its first byte, and 16 readable bytes.
 * Out:    its length.
 * Owns:   nothing.
 * Runs:   any.
 * Limits: less than 16 characters, no exponent.
 */
#ifndef SL_EXTRACT_JSON_NUMBER_H
#define SL_EXTRACT_JSON_NUMBER_H

#include <emmintrin.h>
#include <stdint.h>

/* 0: no number begins at @p, or it is longer, or has an exponent. */
static inline __attribute__((always_inline)) unsigned json_short_number(const uint8_t *p)
{
	__m128i v = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)p), _mm_set1_epi8('0'));
	__m128i digit = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(9)), v);
	unsigned sign = *p == '-';
	unsigned others = ~(unsigned)_mm_movemask_epi8(digit) & ~sign;
	unsigned n = (unsigned)__builtin_ctz(others);
	if (n == sign || n >= 16 || (p[sign] == '0' && n > sign + 1))
		return 0;
	if (p[n] == '.') {
		unsigned behind = (unsigned)__builtin_ctz(others & (others - 1));
		if (behind == n + 1 || behind >= 16)
			return 0;
		n = behind;
	}
	return (p[n] | 0x20) == 'e' ? 0 : n;
}

#endif
