/* syslog_pri.h - the priority of a syslog message, and what it says.
 *
 * In:     bytes behind a '<'.
 * Out:    the priority; the keywords of facility and severity as fields of a record.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: -
 */
#ifndef SL_PARSERS_SYSLOG_PRI_H
#define SL_PARSERS_SYSLOG_PRI_H

#include <emmintrin.h>

#include "parsers/syslog.h"

/* A text, and its value but for where the text lies. */
struct syslog_keyword {
	char text[8];
	uint64_t word;
} __attribute__((aligned(16)));

extern const struct syslog_keyword syslog_facilities[24], syslog_severities[8];

/* As syslog_pri_read, of the four bytes behind '<', the first in the lowest: looked at in one word,
 * which zeros are put in front of until the '>' is in its highest byte.
 */
static inline unsigned syslog_pri_of(uint32_t v, unsigned *ret_pri)
{
	uint32_t close = v ^ 0x3e3e3e3e; /* zero where '>' stands */
	close = (close - 0x01010101) & ~close & 0x80808000;
	if (!close)
		return 0;
	unsigned n_bits = (unsigned)__builtin_ctz(close) - 7;
	uint32_t d = (uint32_t)(((uint64_t)v << 24 | 0x303030) >> n_bits) ^ 0x3e303030;
	if (((d + 0x00767676) | d) & 0xff808080)
		return 0;
	/* The ones are the highest of three bytes: there the others are added up, as long as no
	 * hundred is more than 1.
	 */
	unsigned pri = d * (1 + (10 << 8) + (100 << 16)) >> 16 & 0xff;
	if (pri > 191 || d & 0xfe)
		return SYSLOG_PRI_RANGE;
	*ret_pri = pri;
	return n_bits / 8 + 2;
}

#define SYSLOG_PRI_BYTES 16 /* of the arena */

/* Facility and severity of @pri, two of the fields at @fixed, at once. Their texts go to @off in
 * the arena at @base.
 */
static inline void syslog_pri_put(struct val *fixed, uint8_t *base, unsigned pri, uint32_t off)
{
	__m128i facility = _mm_load_si128((const __m128i *)&syslog_facilities[pri >> 3]);
	__m128i severity = _mm_load_si128((const __m128i *)&syslog_severities[pri & 7]);
	__m128i texts = _mm_unpacklo_epi64(facility, severity);
	__m128i words = _mm_unpackhi_epi64(facility, severity);
	words = _mm_add_epi64(words, _mm_add_epi64(_mm_set1_epi64x(off), _mm_set_epi64x(8, 0)));
	_mm_storeu_si128((__m128i *)(base + off), texts);
	_mm_storeu_si128((__m128i *)(fixed + SYSLOG_FACILITY), words);
}

static inline void syslog_pri_set(struct rec_builder *rb, unsigned pri, uint32_t off)
{
	syslog_pri_put(rb->fixed, rb->b->arena.base, pri, off);
}

static_assert(SYSLOG_SEVERITY == SYSLOG_FACILITY + 1, "they are set side by side");

#endif
