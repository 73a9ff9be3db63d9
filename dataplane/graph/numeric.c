#include "dataplane/graph/numeric.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/base/text.h"

static __int128 pow10_of(int n)
{
	__int128 p = 1;
	while (n-- > 0)
		p *= 10;
	return p;
}

static bool fits(__int128 v)
{
	static const __int128 limit =
		(__int128)10000000000000000000ull * 10000000000000000000ull; /* 10^38 */
	return v < limit && v > -limit;
}

/* @v * 10^@n, false when it does not fit. */
static bool scaled(__int128 v, int n, __int128 *ret_v)
{
	if (v == 0) {
		*ret_v = 0;
		return true;
	}
	if (n > NUMERIC_DIGITS_MAX || __builtin_mul_overflow(v, pow10_of(n), &v) || !fits(v))
		return false;
	*ret_v = v;
	return true;
}

static uint8_t made(__int128 coef, int scale, struct numeric *ret_n)
{
	if (!fits(coef) || scale > NUMERIC_DIGITS_MAX)
		return VEC_OUT_OF_RANGE;
	*ret_n = (struct numeric){.coef = coef, .scale = scale};
	return VEC_VALUE;
}

struct numeric numeric_of(int64_t v)
{
	return (struct numeric){.coef = v};
}

/* Digits and a point at @*io_i into @n, whose scale may go beyond what is stored: leading zeros
 * and an exponent are still to come. False when there is no digit.
 */
static bool read_digits(struct slice s, size_t *io_i, __int128 *ret_coef, int *ret_scale,
			bool *ret_long)
{
	size_t i = *io_i, n_digits = 0;
	bool point = false;
	*ret_coef = 0;
	*ret_scale = 0;
	*ret_long = false;
	for (; i < s.len; i++) {
		if (s.ptr[i] == '.' && !point) {
			point = true;
			continue;
		}
		if (!text_is_digit(s.ptr[i]))
			break;
		n_digits++;
		*ret_scale += point;
		if (__builtin_mul_overflow(*ret_coef, 10, ret_coef) ||
		    !fits(*ret_coef += s.ptr[i] - '0')) {
			*ret_long = true;
			*ret_coef = 0;
		}
	}
	*io_i = i;
	return n_digits > 0;
}

static bool read_exponent(struct slice s, size_t *io_i, int *ret_exp)
{
	size_t i = *io_i;
	*ret_exp = 0;
	if (i >= s.len || (s.ptr[i] | 0x20) != 'e')
		return true;
	bool minus = ++i < s.len && s.ptr[i] == '-';
	if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
		i++;
	size_t from = i;
	int v = 0;
	for (; i < s.len && text_is_digit(s.ptr[i]); i++)
		v = v < 100000 ? v * 10 + (s.ptr[i] - '0') : v;
	*io_i = i;
	*ret_exp = minus ? -v : v;
	return i > from;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

uint8_t numeric_parse(struct slice s, struct numeric *ret_n)
{
	size_t i = 0;
	while (i < s.len && is_blank(s.ptr[i]))
		i++;
	bool minus = i < s.len && s.ptr[i] == '-', is_long;
	if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
		i++;
	__int128 coef;
	int scale, exp;
	if (!read_digits(s, &i, &coef, &scale, &is_long) || !read_exponent(s, &i, &exp))
		return VEC_BAD_INPUT;
	while (i < s.len && is_blank(s.ptr[i]))
		i++;
	if (i < s.len)
		return VEC_BAD_INPUT;
	scale -= exp;
	if (is_long || (scale < 0 && !scaled(coef, -scale, &coef)))
		return VEC_OUT_OF_RANGE;
	return made(minus ? -coef : coef, scale < 0 ? 0 : scale, ret_n);
}

size_t numeric_put(char *out, struct numeric n)
{
	char digits[NUMERIC_TEXT_MAX];
	int n_digits = 0;
	unsigned __int128 v = n.coef < 0 ? -(unsigned __int128)n.coef : (unsigned __int128)n.coef;
	while (v || n_digits <= n.scale) {
		digits[n_digits++] = (char)('0' + (int)(v % 10));
		v /= 10;
	}
	char *o = out;
	if (n.coef < 0)
		*o++ = '-';
	while (n_digits > 0) {
		if (n_digits == n.scale)
			*o++ = '.';
		*o++ = digits[--n_digits];
	}
	return (size_t)(o - out);
}

uint8_t numeric_to_i64(struct numeric n, int64_t *ret_v)
{
	struct numeric whole;
	uint8_t state = numeric_round(n, 0, NUMERIC_HALF_UP, &whole);
	if (state != VEC_VALUE || whole.coef < INT64_MIN || whole.coef > INT64_MAX)
		return VEC_OUT_OF_RANGE;
	*ret_v = (int64_t)whole.coef;
	return VEC_VALUE;
}

uint8_t numeric_from_f64(double v, int digits, struct numeric *ret_n)
{
	char text[48];
	if (!isfinite(v))
		return VEC_OUT_OF_RANGE;
	int len = snprintf(text, sizeof(text), "%.*g", digits, v);
	return numeric_parse(slice_of(text, (size_t)len), ret_n);
}

double numeric_to_f64(struct numeric n)
{
	char text[NUMERIC_TEXT_MAX + 1];
	text[numeric_put(text, n)] = '\0';
	return strtod(text, NULL);
}

int numeric_cmp(struct numeric a, struct numeric b)
{
	__int128 x = a.coef, y = b.coef;
	/* The one with fewer digits behind the point is brought to the other's scale; when that
	 * does not fit it is the larger by its sign alone.
	 */
	if (a.scale < b.scale && !scaled(x, b.scale - a.scale, &x))
		return a.coef < 0 ? -1 : 1;
	if (b.scale < a.scale && !scaled(y, a.scale - b.scale, &y))
		return b.coef < 0 ? 1 : -1;
	return (x > y) - (x < y);
}

/* Both at the greater of their scales. */
static bool aligned(struct numeric *a, struct numeric *b)
{
	int scale = a->scale > b->scale ? a->scale : b->scale;
	if (!scaled(a->coef, scale - a->scale, &a->coef) ||
	    !scaled(b->coef, scale - b->scale, &b->coef))
		return false;
	a->scale = b->scale = scale;
	return true;
}

uint8_t numeric_add(struct numeric a, struct numeric b, struct numeric *ret_n)
{
	__int128 sum; /* of two numbers of 38 digits: it may not fit */
	if (!aligned(&a, &b) || __builtin_add_overflow(a.coef, b.coef, &sum))
		return VEC_OUT_OF_RANGE;
	return made(sum, a.scale, ret_n);
}

uint8_t numeric_sub(struct numeric a, struct numeric b, struct numeric *ret_n)
{
	b.coef = -b.coef;
	return numeric_add(a, b, ret_n);
}

uint8_t numeric_mul(struct numeric a, struct numeric b, struct numeric *ret_n)
{
	__int128 v;
	if (__builtin_mul_overflow(a.coef, b.coef, &v))
		return VEC_OUT_OF_RANGE;
	return made(v, a.scale + b.scale, ret_n);
}

/* Where PostgreSQL's digits of base 10,000 put the first one of @n: its weight (0: it stands right
 * before the point), and its value.
 */
static int first_digit(struct numeric n, int *ret_digit)
{
	unsigned __int128 v = n.coef < 0 ? -(unsigned __int128)n.coef : (unsigned __int128)n.coef;
	int pad = (4 - n.scale % 4) % 4;
	int weight = -(n.scale + pad) / 4;
	*ret_digit = 0;
	if (v == 0)
		return 0;
	/* Multiplying by 10^pad could overflow: the lowest group is taken with fewer digits. */
	int low = 4 - pad;
	int div = low == 4 ? 10000 : (int)pow10_of(low);
	if (v < (unsigned)div) {
		*ret_digit = (int)v * (int)pow10_of(pad);
		return weight;
	}
	for (v /= (unsigned)div, weight++; v >= 10000; v /= 10000)
		weight++;
	*ret_digit = (int)v;
	return weight;
}

/* The scale that PostgreSQL gives a quotient: at least 16 significant digits. */
static int quotient_scale(struct numeric a, struct numeric b)
{
	int digit_a, digit_b;
	int weight = first_digit(a, &digit_a) - first_digit(b, &digit_b);
	if (digit_a <= digit_b)
		weight--;
	int scale = 16 - weight * 4;
	scale = scale > a.scale ? scale : a.scale;
	scale = scale > b.scale ? scale : b.scale;
	return scale > 0 ? scale : 0;
}

/* One more decimal digit of remainder @*io_r over @d; both below 10^38, so r * 10 may not fit. */
static int next_digit(unsigned __int128 *io_r, unsigned __int128 d)
{
	unsigned __int128 r = *io_r;
	if (d < (unsigned __int128)1 << 124) {
		r *= 10;
		*io_r = r % d;
		return (int)(r / d);
	}
	unsigned __int128 sum = 0;
	int digit = 0;
	for (int i = 0; i < 10; i++) {
		sum += r;
		if (sum >= d) {
			sum -= d;
			digit++;
		}
	}
	*io_r = sum;
	return digit;
}

uint8_t numeric_div(struct numeric a, struct numeric b, struct numeric *ret_n)
{
	if (b.coef == 0)
		return VEC_DIVISION_BY_ZERO;
	int scale = quotient_scale(a, b);
	bool minus = (a.coef < 0) != (b.coef < 0);
	unsigned __int128 x = a.coef < 0 ? -(unsigned __int128)a.coef : (unsigned __int128)a.coef;
	unsigned __int128 d = b.coef < 0 ? -(unsigned __int128)b.coef : (unsigned __int128)b.coef;
	/* x/d has scale a.scale - b.scale; the digits that are missing follow one by one. */
	unsigned __int128 q = x / d, r = x % d;
	int have = a.scale - b.scale;
	for (; have < scale; have++) {
		__int128 next;
		int digit = next_digit(&r, d);
		if (!scaled((__int128)q, 1, &next) || !fits(next + digit))
			break; /* 38 digits: PostgreSQL would have some more */
		q = (unsigned __int128)(next + digit);
	}
	if (have < 0 || have > NUMERIC_DIGITS_MAX)
		return VEC_OUT_OF_RANGE;
	if (next_digit(&r, d) >= 5)
		q++;
	return made(minus ? -(__int128)q : (__int128)q, have, ret_n);
}

uint8_t numeric_mod(struct numeric a, struct numeric b, struct numeric *ret_n)
{
	if (b.coef == 0)
		return VEC_DIVISION_BY_ZERO;
	return aligned(&a, &b) ? made(a.coef % b.coef, a.scale, ret_n) : VEC_OUT_OF_RANGE;
}

static __int128 rounded(__int128 coef, __int128 unit, enum numeric_rounding how)
{
	__int128 q = coef / unit, r = coef % unit;
	switch (how) {
	case NUMERIC_HALF_UP:
		if (r >= unit - r)
			q++;
		else if (-r >= unit + r)
			q--;
		break;
	case NUMERIC_CEIL:
		q += r > 0;
		break;
	case NUMERIC_FLOOR:
		q -= r < 0;
		break;
	case NUMERIC_TRUNC:
		break;
	}
	return q;
}

uint8_t numeric_round(struct numeric n, int64_t scale, enum numeric_rounding how,
		      struct numeric *ret_n)
{
	if (scale > NUMERIC_DIGITS_MAX)
		return VEC_OUT_OF_RANGE;
	if (scale >= n.scale) {
		__int128 v;
		if (!scaled(n.coef, (int)scale - n.scale, &v))
			return VEC_OUT_OF_RANGE;
		return made(v, (int)scale, ret_n);
	}
	int64_t cut = n.scale - scale;
	if (cut > NUMERIC_DIGITS_MAX) {
		*ret_n = (struct numeric){0};
		return VEC_VALUE;
	}
	__int128 q = rounded(n.coef, pow10_of((int)cut), how);
	if (scale < 0 && !scaled(q, (int)-scale, &q))
		return VEC_OUT_OF_RANGE;
	return made(q, scale < 0 ? 0 : (int)scale, ret_n);
}

struct numeric numeric_trim(struct numeric n)
{
	while (n.scale > 0 && n.coef % 10 == 0) {
		n.coef /= 10;
		n.scale--;
	}
	return n;
}
