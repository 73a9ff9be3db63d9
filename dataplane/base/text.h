/* text.h - small text and number work that several stages share.
 *
 * In:     borrowed bytes.
 * Out:    numbers, or bytes in a buffer of the caller's.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: named at each function.
 */
#ifndef SL_BASE_TEXT_H
#define SL_BASE_TEXT_H

#include <tmmintrin.h>

#include "dataplane/base/slice.h"

/* Decimal digits only, no sign, no blanks. False when empty, not a number, or beyond 64 bits. */
bool text_u64(struct slice s, uint64_t *ret_v);

/* Writes @v in decimal (at most 20 bytes) and returns the number of bytes. */
size_t text_put_u64(char *out, uint64_t v);
size_t text_put_i64(char *out, int64_t v);

/* "0123456789abcdef", and what leaves a nibble of each byte: out of memory, since a compiler makes
 * such of words each time.
 */
extern const uint8_t text_hex[32];

/* 16 lower-case digits. */
static inline size_t text_put_hex64(char *out, uint64_t v)
{
	const __m128i *hex = (const __m128i *)text_hex;
	/* Sixteen nibbles, the highest first. */
	__m128i x = _mm_cvtsi64_si128((int64_t)__builtin_bswap64(v));
	__m128i n = _mm_and_si128(_mm_unpacklo_epi8(_mm_srli_epi16(x, 4), x), hex[1]);
	_mm_storeu_si128((__m128i *)out, _mm_shuffle_epi8(hex[0], n));
	return 16;
}

/* The numbers below 1,000, zeros in front, four bytes each: the last is a blank. */
extern const char text_triples[4 * 1000 + 1];

static inline void text_put_triple(char *out, uint64_t v)
{
	memcpy(out, text_triples + 4 * v, 4);
}

/* Writes nine digits, zeros in front, and a blank: nanoseconds of a second. @v < 1,000,000,000. */
static inline void text_put_9digits(char *out, uint32_t v)
{
	/* v / 1000 and v / 1000000, in words of 64 bits: as indices they need not be widened. */
	uint64_t first6 = v * 0x10624dd3ull >> 38, first3 = v * 0x431bde83ull >> 50;
	text_put_triple(out, first3);
	text_put_triple(out + 3, first6 - first3 * 1000);
	text_put_triple(out + 6, v - first6 * 1000);
}

/* 0 to 63, aligned by 64: places of bytes in a vector. */
extern const uint8_t text_places[64];

/* By the highest bit of a number: 2^32 times the digits of the largest such number, less the least
 * number with as many. So the number of digits is the upper half of the sum of both.
 */
extern const uint64_t text_digits[32];

/* Writes @v < 1,000,000,000 in decimal at @out and returns the number of digits. Writes over the
 * eight bytes before @out, and the one behind the digits: its zeros in front lie there.
 */
static inline unsigned text_put_upto_9digits(char *out, uint32_t v)
{
	unsigned highest = (unsigned)__builtin_clzll((uint64_t)v | 1) ^ 63;
	unsigned n = (unsigned)((v + text_digits[highest]) >> 32);
	text_put_9digits(out + n - 9, v);
	return n;
}

/* The eight digits of @v below 100,000,000, zeros in front, the first one in the lowest byte:
 * halves of four digits, quarters of two, and single ones, each step in lanes side by side.
 */
static inline uint64_t text_8digits(uint32_t v)
{
	uint64_t x = v / 10000 + ((uint64_t)(v % 10000) << 32);
	uint64_t high = x * 10486 >> 20 & 0x7f0000007full;
	x = high + ((x - high * 100) << 16);
	high = x * 103 >> 10 & 0x000f000f000f000full;
	return high + ((x - high * 10) << 8) + 0x3030303030303030ull;
}

/* The number that eight ASCII digits are, the first one in the lowest byte. */
static inline uint32_t text_of_8digits(uint64_t v)
{
	v = (v & 0x0f0f0f0f0f0f0f0f) * 2561 >> 8;
	v = (v & 0x00ff00ff00ff00ff) * 6553601 >> 16;
	return (uint32_t)((v & 0x0000ffff0000ffff) * 42949672960001 >> 32);
}

/* The highest bit of each of the eight bytes that is no digit; above the first one others may be
 * wrong.
 */
static inline uint64_t text_no_digits(uint64_t v)
{
	return ((v + 0x4646464646464646) | (v - 0x3030303030303030)) & 0x8080808080808080;
}

static inline char *text_put_8digits(char *o, uint32_t v)
{
	uint64_t digits = text_8digits(v);
	memcpy(o, &digits, 8);
	return o + 8;
}

/* The same without the zeros in front, but for one digit. */
static inline char *text_put_upto_8digits(char *o, uint32_t v)
{
	uint64_t digits = text_8digits(v);
	uint64_t values = digits & 0x0f0f0f0f0f0f0f0full;
	unsigned zeros = (unsigned)__builtin_ctzll(values | 1ull << 56) / 8;
	digits >>= 8 * zeros;
	memcpy(o, &digits, 8);
	return o + 8 - zeros;
}

/* As text_put_u64, for a buffer of 24 bytes, of which those behind the result are written over. */
static inline size_t text_put_u64_loose(char *out, uint64_t v)
{
	const uint32_t unit = 100000000;
	if (v < unit)
		return (size_t)(text_put_upto_8digits(out, (uint32_t)v) - out);
	uint64_t high = v / unit;
	char *o;
	if (high < unit) {
		o = text_put_upto_8digits(out, (uint32_t)high);
	} else {
		o = text_put_upto_8digits(out, (uint32_t)(high / unit));
		o = text_put_8digits(o, (uint32_t)(high % unit));
	}
	return (size_t)(text_put_8digits(o, (uint32_t)(v % unit)) - out);
}

/* Shortest text that reads back as the same double ("1e+300", "0.5"); at most 32 bytes. Not for NaN
 * and infinities: those write "null", since JSON has no word for them.
 */
size_t text_put_f64(char *out, double v);

/* The bytes of the longest valid UTF-8 prefix (RFC 3629: no surrogates, no overlong forms). */
size_t text_utf8_valid(const uint8_t *p, size_t len);

static inline bool text_is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static inline bool text_is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* Without the blanks at its beginning; at its end; at both. */
static inline struct slice text_trim_front(struct slice s)
{
	size_t n = 0;
	while (n < s.len && text_is_blank(s.ptr[n]))
		n++;
	return slice_from(s, n);
}

static inline struct slice text_trim_end(struct slice s)
{
	while (s.len && text_is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

static inline struct slice text_trim(struct slice s)
{
	return text_trim_end(text_trim_front(s));
}

static inline uint8_t text_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* The value of a hexadecimal digit of either case, or -1. */
static inline int text_hex_digit(uint8_t c)
{
	if (text_is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ASCII case is ignored; other bytes are compared as they are. */
bool text_ieq(struct slice a, struct slice b);

#endif
