/* The bits of a message are the coefficients of a polynomial, and its CRC is what is left of it
 * modulo P. So 128 bits that stand n bits in front of others may be replaced by their product with
 * x^n mod P, added to these: that folds 16 bytes onto the ones behind them with two carry-less
 * multiplications of 64 bits each, and four such lanes at a time keep the multiplier busy.
 *
 *     | lane 0 | lane 1 | lane 2 | lane 3 |   64 bytes
 *         |        |        |        `--------- x 2^512 mod P, added to
 *     | lane 0 | lane 1 | lane 2 | lane 3 |   the next 64 bytes
 *
 * After: V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
 * Instruction", Intel 2009. All of it is bit-reflected, as the CRC is.
 */
#include "parsers/mysql/crc.h"

#include <immintrin.h>
#include <stdbool.h>
#include <zlib.h>

#define FOLD_MIN 64 /* bytes from which on folding is worth it, and possible */

/* A checksum is the first that reads an event. The hardware asks early for memory up to the end of
 * a page, which is half of a usual event; this goes on behind it, into the next event, and never
 * faults.
 */
#define AHEAD    4096

/* x^n mod P, reflected and shifted by one, for the n that a lane moves on by, plus and minus 32. */
static const uint64_t by_64_bytes[2] = {0x154442bd4, 0x1c6e41596};
static const uint64_t by_16_bytes[2] = {0x1751997d0, 0x0ccaa009e};
static const uint64_t by_4_bytes[2] = {0x163cd6124, 0};
/* P itself, and floor(x^64 / P). */
static const uint64_t barrett[2] = {0x1db710641, 0x1f7011641};

#define WITH_CLMUL __attribute__((target("pclmul,sse4.1")))

WITH_CLMUL static inline __m128i load(const void *p)
{
	return _mm_loadu_si128(p);
}

/* @v moved on by what @by stands for, onto @next. */
WITH_CLMUL static inline __m128i fold(__m128i v, __m128i by, __m128i next)
{
	__m128i low = _mm_clmulepi64_si128(v, by, 0x00);
	__m128i high = _mm_clmulepi64_si128(v, by, 0x11);
	return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* 128 bits to 32. */
WITH_CLMUL static inline uint32_t reduce(__m128i v)
{
	const __m128i low32 = _mm_setr_epi32(-1, 0, -1, 0);
	const __m128i by16 = load(by_16_bytes), by4 = load(by_4_bytes), p = load(barrett);
	v = _mm_xor_si128(_mm_srli_si128(v, 8), _mm_clmulepi64_si128(v, by16, 0x10));
	__m128i rest = _mm_srli_si128(v, 4);
	v = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(v, low32), by4, 0x00), rest);
	__m128i q = _mm_clmulepi64_si128(_mm_and_si128(v, low32), p, 0x10);
	q = _mm_clmulepi64_si128(_mm_and_si128(q, low32), p, 0x00);
	return (uint32_t)_mm_extract_epi32(_mm_xor_si128(v, q), 1);
}

/* @len is a multiple of 16, and at least FOLD_MIN. */
WITH_CLMUL static uint32_t crc_folded(uint32_t crc, const uint8_t *p, size_t len)
{
	const __m128i by64 = load(by_64_bytes), by16 = load(by_16_bytes);
	const uint8_t *end = p + len;
	__m128i a = _mm_xor_si128(load(p), _mm_cvtsi32_si128((int)~crc));
	__m128i b = load(p + 16), c = load(p + 32), d = load(p + 48);
	for (p += 64; end - p >= 64; p += 64) {
		__builtin_prefetch(p + AHEAD);
		a = fold(a, by64, load(p));
		b = fold(b, by64, load(p + 16));
		c = fold(c, by64, load(p + 32));
		d = fold(d, by64, load(p + 48));
	}
	a = fold(fold(fold(a, by16, b), by16, c), by16, d);
	for (; p < end; p += 16)
		a = fold(a, by16, load(p));
	return ~reduce(a);
}

/* The same four lanes, each of four blocks of 16 bytes: 256 bytes a step. Then the blocks of the
 * last step are folded one by one, as above.
 */
#define WIDE_MIN  512
#define WITH_WIDE __attribute__((target("vpclmulqdq,pclmul,avx512f,sse4.1")))

static const uint64_t by_256_bytes[2] = {0x11542778a, 0x1322d1430};

WITH_WIDE static inline __m512i fold_wide(__m512i v, __m512i by, const uint8_t *next)
{
	__m512i low = _mm512_clmulepi64_epi128(v, by, 0x00);
	__m512i high = _mm512_clmulepi64_epi128(v, by, 0x11);
	return _mm512_ternarylogic_epi64(low, high, _mm512_loadu_si512(next), 0x96);
}

/* @len is a multiple of 16, and at least WIDE_MIN. */
WITH_WIDE static uint32_t crc_wide(uint32_t crc, const uint8_t *p, size_t len)
{
	const __m512i by256 = _mm512_broadcast_i32x4(load(by_256_bytes));
	const __m128i by16 = load(by_16_bytes);
	const uint8_t *end = p + len;
	__m512i first = _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)~crc));
	__m512i v[4];
	v[0] = _mm512_xor_si512(_mm512_loadu_si512(p), first);
	for (int i = 1; i < 4; i++)
		v[i] = _mm512_loadu_si512(p + 64 * i);
	for (p += 256; end - p >= 256; p += 256) {
		for (int i = 0; i < 4; i++) {
			__builtin_prefetch(p + AHEAD + 64 * i);
			v[i] = fold_wide(v[i], by256, p + 64 * i);
		}
	}
	__m128i blocks[16];
	for (int i = 0; i < 4; i++)
		_mm512_storeu_si512(&blocks[4 * i], v[i]);
	__m128i a = blocks[0];
	for (int i = 1; i < 16; i++)
		a = fold(a, by16, blocks[i]);
	for (; p < end; p += 16)
		a = fold(a, by16, load(p));
	return ~reduce(a);
}

uint32_t mysql_crc32(uint32_t crc, const uint8_t *p, size_t len)
{
	if (len >= FOLD_MIN && __builtin_cpu_supports("pclmul")) {
		size_t folded = len & ~(size_t)15;
		bool wide = len >= WIDE_MIN && __builtin_cpu_supports("vpclmulqdq") &&
			    __builtin_cpu_supports("avx512f");
		crc = wide ? crc_wide(crc, p, folded) : crc_folded(crc, p, folded);
		p += folded;
		len -= folded;
	}
	return len ? (uint32_t)crc32_z(crc, p, len) : crc;
}
