#include "dataplane/graph/exact.h"

#include <math.h>

typedef unsigned __int128 u128;

/* @w += or -= @v, beginning at word @at. What goes out at the top is the sign's. */
static void add_words(uint64_t *w, unsigned n, unsigned at, const uint64_t *v, unsigned n_v,
		      bool minus)
{
	uint64_t carry = 0;
	for (unsigned i = 0; at + i < n && (i < n_v || carry); i++) {
		u128 d = (u128)(i < n_v ? v[i] : 0) + carry;
		u128 sum = minus ? (u128)w[at + i] - d : (u128)w[at + i] + d;
		w[at + i] = (uint64_t)sum;
		carry = minus ? (uint64_t)(d > 0 && (sum >> 64) != 0) : (uint64_t)(sum >> 64);
	}
}

/* The absolute value into @out; true when @w is below zero. */
static bool magnitude(const uint64_t *w, unsigned n, uint64_t *out)
{
	bool minus = w[n - 1] >> 63;
	static const uint64_t one = 1;
	for (unsigned i = 0; i < n; i++)
		out[i] = minus ? ~w[i] : w[i];
	if (minus)
		add_words(out, n, 0, &one, 1, false);
	return minus;
}

/* ---- doubles ---- */

#define F64_MANTISSA_BITS 52
#define F64_LOWEST_EXP    (-1074)

void exact_f64_add(struct exact_f64 *x, double v)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof(bits));
	bool minus = bits >> 63;
	unsigned exp = bits >> F64_MANTISSA_BITS & 0x7ff;
	uint64_t m = bits & ((UINT64_C(1) << F64_MANTISSA_BITS) - 1);
	if (exp == 0x7ff) {
		x->nan |= m != 0;
		x->plus |= m == 0 && !minus;
		x->minus |= m == 0 && minus;
		return;
	}
	if (exp > 0)
		m |= UINT64_C(1) << F64_MANTISSA_BITS;
	unsigned shift = exp > 0 ? exp - 1 : 0; /* in units of 2^-1074 */
	u128 wide = (u128)m << shift % 64;
	const uint64_t parts[2] = {(uint64_t)wide, (uint64_t)(wide >> 64)};
	add_words(x->words, EXACT_F64_WORDS, shift / 64, parts, 2, minus);
}

static bool bit(const uint64_t *w, unsigned i)
{
	return w[i / 64] >> (i % 64) & 1;
}

static bool any_below(const uint64_t *w, unsigned n_bits)
{
	for (unsigned i = 0; i < n_bits / 64; i++)
		if (w[i])
			return true;
	return n_bits % 64 && w[n_bits / 64] << (64 - n_bits % 64);
}

double exact_f64_get(const struct exact_f64 *x)
{
	uint64_t w[EXACT_F64_WORDS];
	if (x->nan || (x->plus && x->minus))
		return NAN;
	if (x->plus || x->minus)
		return x->plus ? INFINITY : -INFINITY;
	bool minus = magnitude(x->words, EXACT_F64_WORDS, w);
	int top = EXACT_F64_WORDS - 1;
	while (top > 0 && w[top] == 0)
		top--;
	if (w[top] == 0)
		return 0;
	unsigned high = (unsigned)top * 64 + 63 - (unsigned)__builtin_clzll(w[top]);
	unsigned low = high > F64_MANTISSA_BITS ? high - F64_MANTISSA_BITS : 0;
	uint64_t m = 0;
	for (unsigned i = high + 1; i-- > low;)
		m = m << 1 | bit(w, i);
	if (low > 0 && bit(w, low - 1) && (m & 1 || any_below(w, low - 1)))
		m++;
	double v = ldexp((double)m, (int)low + F64_LOWEST_EXP);
	return minus ? -v : v;
}

/* ---- decimals ---- */

#define WORD_DIGITS 19 /* 10^19 is the largest power of ten in a word */

static uint64_t word_pow10(int n)
{
	uint64_t p = 1;
	while (n-- > 0)
		p *= 10;
	return p;
}

static void mul_words(uint64_t *w, unsigned n, uint64_t by)
{
	u128 carry = 0;
	for (unsigned i = 0; i < n; i++) {
		carry += (u128)w[i] * by;
		w[i] = (uint64_t)carry;
		carry >>= 64;
	}
}

static void div_words(uint64_t *w, unsigned n, uint64_t by)
{
	u128 rest = 0;
	for (unsigned i = n; i-- > 0;) {
		rest = rest << 64 | w[i];
		w[i] = (uint64_t)(rest / by);
		rest %= by;
	}
}

/* Calls @f with powers of ten that make 10^@n. */
static void by_pow10(void (*f)(uint64_t *, unsigned, uint64_t), uint64_t *w, unsigned n_words,
		     int n)
{
	for (; n > 0; n -= WORD_DIGITS)
		f(w, n_words, word_pow10(n < WORD_DIGITS ? n : WORD_DIGITS));
}

void exact_numeric_add(struct exact_numeric *x, struct numeric n)
{
	bool minus = n.coef < 0;
	u128 v = minus ? -(u128)n.coef : (u128)n.coef;
	uint64_t w[4] = {(uint64_t)v, (uint64_t)(v >> 64)};
	by_pow10(mul_words, w, 4, NUMERIC_DIGITS_MAX - n.scale);
	add_words(x->words, EXACT_NUMERIC_WORDS, 0, w, 4, minus);
	x->scale = n.scale > x->scale ? n.scale : x->scale;
}

uint8_t exact_numeric_get(const struct exact_numeric *x, struct numeric *ret_n)
{
	uint64_t w[EXACT_NUMERIC_WORDS];
	bool minus = magnitude(x->words, EXACT_NUMERIC_WORDS, w);
	by_pow10(div_words, w, EXACT_NUMERIC_WORDS, NUMERIC_DIGITS_MAX - x->scale);
	for (unsigned i = 2; i < EXACT_NUMERIC_WORDS; i++)
		if (w[i])
			return VEC_OUT_OF_RANGE;
	u128 v = (u128)w[1] << 64 | w[0];
	const u128 limit = (u128)word_pow10(WORD_DIGITS) * word_pow10(WORD_DIGITS);
	if (v >= limit)
		return VEC_OUT_OF_RANGE;
	*ret_n = (struct numeric){.coef = minus ? -(__int128)v : (__int128)v, .scale = x->scale};
	return VEC_VALUE;
}
