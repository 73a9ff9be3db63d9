/* proto_put_avx2.h - text of a message in steps of 32 bytes, numbers by spreading bits.
 *
 * In:     as proto_put.h has it.
 * Out:    the same.
 * Owns:   nothing.
 * Runs:   any thread of a processor with AVX2, and BMI2 where it says so, inside of functions that
 *         are made for it.
 * Limits: as proto_put.h has them.
 */
#ifndef SL_SINK_PROTO_PUT_AVX2_H
#define SL_SINK_PROTO_PUT_AVX2_H

#include <immintrin.h>

#include "dataplane/sink/proto_put.h"

#define PROTO_AVX2 static inline __attribute__((always_inline, target("avx2")))
#define PROTO_BMI2 static inline __attribute__((always_inline, target("avx2,bmi2")))

/* Copies 32 bytes; the highest bits of those that are odd. */
PROTO_AVX2 __m256i proto_copy_32(uint8_t *o, const uint8_t *p, enum proto_odd odd)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)p);
	_mm256_storeu_si256((__m256i *)o, v);
	return odd == PROTO_ODD_WIDE ? v : _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'));
}

/* What proto_put_long writes where text is longer than 32 bytes. The last step looks at bytes of
 * the one before again rather than at what is behind the text.
 */
PROTO_AVX2 uint8_t *proto_put_long_avx2(uint8_t *o, const uint8_t *p, size_t len,
					enum proto_odd odd, bool *io_invalid)
{
	uint8_t *text = proto_put_varint(o, len);
	__m256i all = proto_copy_32(text + len - 32, p + len - 32, odd);
	for (size_t i = 0; i + 32 < len; i += 32)
		all = _mm256_or_si256(all, proto_copy_32(text + i, p + i, odd));
	return _mm256_movemask_epi8(all) ? proto_put_odd(o, text, slice_of(p, len), odd, io_invalid)
					 : text + len;
}

/* As proto_put_varint for 0 < @v < 2^35. */
PROTO_BMI2 uint8_t *proto_put_varint_bmi2(uint8_t *o, uint64_t v)
{
	const uint64_t sevens = 0x7f7f7f7f7f, continued = 0x80808080;
	unsigned highest = (unsigned)__builtin_clzll(v) ^ 63, len = (9 * highest + 73) / 64;
	uint64_t word = _pdep_u64(v, sevens) | _bzhi_u64(continued, 8 * len - 8);
	memcpy(o, &word, sizeof(word));
	return o + len;
}

/* Seconds of five bytes: 1978-07-04 to 2242-03-16. */
#define PROTO_SECOND_MIN (1ull << 28)
#define PROTO_SECOND_END (1ull << 33)

/* What stands before the nanoseconds of such a time (proto_put_time), but for the length. */
PROTO_BMI2 uint64_t proto_second_bmi2(uint64_t s)
{
	return (1 << 3 | PROTO_VARINT) << 8 | (_pdep_u64(s, 0x7f7f7f7f7f) | 0x80808080) << 16 |
	       (uint64_t)(2 << 3 | PROTO_VARINT) << 56;
}

/* A time of that second and of @ns > 0 nanoseconds. */
PROTO_BMI2 uint8_t *proto_put_time_bmi2(uint8_t *o, uint64_t second, uint64_t ns)
{
	memcpy(o, &second, sizeof(second));
	uint8_t *end = proto_put_varint_bmi2(o + sizeof(second), ns);
	*o = (uint8_t)(end - o - 1);
	return end;
}

#endif
