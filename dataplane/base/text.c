#include "dataplane/base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool text_u64(struct slice s, uint64_t *ret_v)
{
	uint64_t v = 0;
	if (s.len == 0 || s.len > 20)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!text_is_digit(s.ptr[i]))
			return false;
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s.ptr[i] - '0'), &v))
			return false;
	}
	*ret_v = v;
	return true;
}

#define TEN(ab) ab "0 " ab "1 " ab "2 " ab "3 " ab "4 " ab "5 " ab "6 " ab "7 " ab "8 " ab "9 "
#define HUNDRED(a) \
	TEN(a "0") \
	TEN(a "1") \
	TEN(a "2") TEN(a "3") TEN(a "4") TEN(a "5") TEN(a "6") TEN(a "7") TEN(a "8") TEN(a "9")

#define DIGITS(n, least) (((uint64_t)(n) << 32) - (least))

const uint8_t text_places[64] __attribute__((aligned(64))) = {
	0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
	22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
	44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

const uint8_t text_hex[32] __attribute__((aligned(16))) = {
	'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
	15,  15,  15,  15,  15,  15,  15,  15,  15,  15,  15,  15,  15,  15,  15,  15};

const uint64_t text_digits[32] = {
	DIGITS(1, 0),           DIGITS(1, 0),          DIGITS(1, 0),
	DIGITS(2, 10),          DIGITS(2, 10),         DIGITS(2, 10),
	DIGITS(3, 100),         DIGITS(3, 100),        DIGITS(3, 100),
	DIGITS(4, 1000),        DIGITS(4, 1000),       DIGITS(4, 1000),
	DIGITS(4, 1000),        DIGITS(5, 10000),      DIGITS(5, 10000),
	DIGITS(5, 10000),       DIGITS(6, 100000),     DIGITS(6, 100000),
	DIGITS(6, 100000),      DIGITS(7, 1000000),    DIGITS(7, 1000000),
	DIGITS(7, 1000000),     DIGITS(7, 1000000),    DIGITS(8, 10000000),
	DIGITS(8, 10000000),    DIGITS(8, 10000000),   DIGITS(9, 100000000),
	DIGITS(9, 100000000),   DIGITS(9, 100000000),  DIGITS(10, 1000000000),
	DIGITS(10, 1000000000), DIGITS(10, 1000000000)};

const char text_triples[4 * 1000 + 1] = HUNDRED("0") HUNDRED("1") HUNDRED("2") HUNDRED("3")
	HUNDRED("4") HUNDRED("5") HUNDRED("6") HUNDRED("7") HUNDRED("8") HUNDRED("9");

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
				  "25262728293031323334353637383940414243444546474849"
				  "50515253545556575859606162636465666768697071727374"
				  "75767778798081828384858687888990919293949596979899";

static inline void put_pair(char *out, uint32_t v)
{
	memcpy(out, digit_pairs + v * 2, 2);
}

/* The number of decimal digits of @v. */
static unsigned n_digits(uint64_t v)
{
	static const uint64_t powers[20] = {0,
					    10ull,
					    100ull,
					    1000ull,
					    10000ull,
					    100000ull,
					    1000000ull,
					    10000000ull,
					    100000000ull,
					    1000000000ull,
					    10000000000ull,
					    100000000000ull,
					    1000000000000ull,
					    10000000000000ull,
					    100000000000000ull,
					    1000000000000000ull,
					    10000000000000000ull,
					    100000000000000000ull,
					    1000000000000000000ull,
					    10000000000000000000ull};
	/* log10(2) is 1233 / 4096 and a little less; the table mends the cases in between. */
	unsigned guess = (64 - (unsigned)__builtin_clzll(v | 1)) * 1233 >> 12;
	return guess + (v >= powers[guess]);
}

size_t text_put_u64(char *out, uint64_t v)
{
	if (v < 10) {
		*out = (char)('0' + v);
		return 1;
	}
	unsigned len = n_digits(v);
	char *o = out + len;
	for (; v >= 100; v /= 100)
		put_pair(o -= 2, (uint32_t)(v % 100));
	if (v >= 10)
		put_pair(o - 2, (uint32_t)v);
	else
		o[-1] = (char)('0' + v);
	return len;
}

size_t text_put_i64(char *out, int64_t v)
{
	if (v >= 0)
		return text_put_u64(out, (uint64_t)v);
	*out = '-';
	return 1 + text_put_u64(out + 1, 0 - (uint64_t)v);
}

/* Powers of ten that a double holds exactly. */
static const double tens[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
				1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
				1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* How many digits behind the point make 15 in all. */
static unsigned places_of_15(double v)
{
	if (v >= 1)
		return 15 - n_digits((uint64_t)v);
	return v >= 0.1 ? 15 : v >= 0.01 ? 16 : v >= 0.001 ? 17 : 18;
}

/* The digits of @n, of which there are @places behind the point, without zeros at their end.
 * @whole: what stands before the point.
 */
static char *put_places(char *o, uint64_t n, unsigned places, uint64_t whole)
{
	static const uint64_t powers[17] = {1,
					    10,
					    100,
					    1000,
					    10000,
					    100000,
					    1000000,
					    10000000,
					    100000000,
					    1000000000,
					    10000000000,
					    100000000000,
					    1000000000000,
					    10000000000000,
					    100000000000000,
					    1000000000000000,
					    10000000000000000};
	unsigned zeros = places > 15 ? places - 15 : 0; /* of a number below 0.1 */
	places -= zeros;
	uint64_t frac = (n - whole * powers[places]) * powers[16 - places];
	if (frac == 0)
		return o;
	uint64_t first = text_8digits((uint32_t)(frac / 100000000));
	uint64_t last = text_8digits((uint32_t)(frac % 100000000));
	memcpy(o, ".000", 4);
	o += 1 + zeros;
	memcpy(o, &first, 8);
	memcpy(o + 8, &last, 8);
	const uint64_t none = 0x3030303030303030ull;
	return last != none ? o + 16 - __builtin_clzll(last ^ none) / 8
			    : o + 8 - __builtin_clzll(first ^ none) / 8;
}

/* Numbers of at most 15 digits that need no exponent, which is most of what people write: as an
 * integer and the places behind the point. Integer and power are exact, so dividing them rounds as
 * reading the text would: when that gives @v, then the text is right, and no other of 15 digits is.
 * 0: not such a number.
 */
static size_t put_15_digits(char *out, double v)
{
	char *o = out;
	double abs = fabs(v);
	if (!(abs >= 0.0001 && abs < 1e15))
		return 0;
	unsigned places = places_of_15(abs);
	uint64_t n = (uint64_t)(abs * tens[places] + 0.5), whole = (uint64_t)abs;
	if (n >= 1000000000000000 || (double)n / tens[places] != abs)
		return 0;
	if (v < 0)
		*o++ = '-';
	o += text_put_u64_loose(o, whole);
	if (places)
		o = put_places(o, n, places, whole);
	return (size_t)(o - out);
}

size_t text_put_f64(char *out, double v)
{
	if (!isfinite(v)) {
		memcpy(out, "null", 4);
		return 4;
	}
	char tmp[32];
	int len = (int)put_15_digits(out, v);
	if (len)
		return (size_t)len;
	/* 15 digits are enough for most doubles that people write, 17 for every one. */
	for (int digits = 15; digits <= 17; digits++) {
		len = snprintf(tmp, sizeof(tmp), "%.*g", digits, v);
		if (strtod(tmp, NULL) == v)
			break;
	}
	memcpy(out, tmp, (size_t)len);
	return (size_t)len;
}

/* The length of the valid sequence at @p (2 to 4), or 0. RFC 3629, table of section 4. */
static size_t utf8_sequence(const uint8_t *p, size_t len)
{
	uint8_t c = p[0];
	size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	if (c < 0xc2 || c > 0xf4 || len < n)
		return 0;
	uint8_t lo = 0x80, hi = 0xbf;
	if (c == 0xe0)
		lo = 0xa0;
	else if (c == 0xed)
		hi = 0x9f;
	else if (c == 0xf0)
		lo = 0x90;
	else if (c == 0xf4)
		hi = 0x8f;
	if (p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

size_t text_utf8_valid(const uint8_t *p, size_t len)
{
	size_t i = 0;
	while (i < len) {
		uint64_t w;
		if (len - i >= 8) {
			memcpy(&w, p + i, 8);
			if (!(w & 0x8080808080808080ull)) {
				i += 8;
				continue;
			}
		}
		if (p[i] < 0x80) {
			i++;
			continue;
		}
		size_t n = utf8_sequence(p + i, len - i);
		if (!n)
			return i;
		i += n;
	}
	return i;
}

bool text_ieq(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (text_lower(a.ptr[i]) != text_lower(b.ptr[i]))
			return false;
	return true;
}
