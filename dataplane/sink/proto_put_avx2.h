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
#define PROTO_BMI2 static inline __attribute__((always_inline, target("avx2,bmi,bmi2")))

/* Copies 32 bytes; the highest bits of those that are odd. */
PROTO_AVX2 __m256i proto_copy_32(uint8_t *o, const uint8_t *p, enum proto_odd odd)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)p);
	_mm256_storeu_si256((__m256i *)o, v);
	return odd == PROTO_ODD_WIDE ? v : _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'));
}

/* Copies @len bytes, 32 < @len <= 128, in four steps: what is less than they reach is copied twice
 * rather than that what is behind the text is looked at. Tells the highest bits as proto_copy_32.
 */
PROTO_AVX2 __m256i proto_copy_128(uint8_t *o, const uint8_t *p, size_t len, enum proto_odd odd)
{
	size_t last = len - 32, second = last < 32 ? last : 32, third = last < 64 ? last : 64;
	__m256i all = proto_copy_32(o, p, odd);
	all = _mm256_or_si256(all, proto_copy_32(o + second, p + second, odd));
	all = _mm256_or_si256(all, proto_copy_32(o + third, p + third, odd));
	return _mm256_or_si256(all, proto_copy_32(o + last, p + last, odd));
}

/* What proto_put_long writes where text is longer than 32 bytes. */
PROTO_AVX2 uint8_t *proto_put_long_avx2(uint8_t *o, const uint8_t *p, size_t len,
					enum proto_odd odd, bool *io_invalid)
{
	uint8_t *text = o + 1;
	__m256i all;
	if (__builtin_expect(len < 128, 1)) {
		*o = (uint8_t)len;
		all = proto_copy_128(text, p, len, odd);
	} else {
		text = proto_put_varint(o, len);
		all = proto_copy_32(text + len - 32, p + len - 32, odd);
		for (size_t i = 0; i + 32 < len; i += 32)
			all = _mm256_or_si256(all, proto_copy_32(text + i, p + i, odd));
	}
	return _mm256_movemask_epi8(all) ? proto_put_odd(o, text, slice_of(p, len), odd, io_invalid)
					 : text + len;
}

/* As proto_put_varint for 0 < @v < 2^35, of one byte and those that are returned. */
PROTO_BMI2 size_t proto_put_varint_bmi2(uint8_t *o, uint64_t v)
{
	uint64_t word = _pdep_u64(v, 0x7f7f7f7f7f);
	/* The highest bit set is of the last byte: below it the others say that one follows. */
	unsigned highest = (unsigned)__builtin_clzll(word) ^ 63;
	word |= _bzhi_u64(0x80808080, highest);
	memcpy(o, &word, sizeof(word));
	return highest / 8;
}

/* Seconds of five bytes: 1978-07-04 to 2242-03-16. */
#define PROTO_SECOND_MIN (1ull << 28)
#define PROTO_SECOND_END (1ull << 33)

/* What stands before the nanoseconds of such a time (proto_put_time), its length as if they were
 * one byte.
 */
PROTO_BMI2 uint64_t proto_second_bmi2(uint64_t s)
{
	return (_pdep_u64(s, 0x7f7f7f7f7f) << 16) + (8 + ((1 << 3 | PROTO_VARINT) << 8)) +
	       (0x80808080ull << 16) + ((uint64_t)(2 << 3 | PROTO_VARINT) << 56);
}

/* A time of that second and of @ns > 0 nanoseconds. */
PROTO_BMI2 uint8_t *proto_put_time_bmi2(uint8_t *o, uint64_t second, uint64_t ns)
{
	size_t more = proto_put_varint_bmi2(o + sizeof(second), ns);
	second += more;
	memcpy(o, &second, sizeof(second));
	return o + sizeof(second) + 1 + more;
}

#endif
