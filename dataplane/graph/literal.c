#include "dataplane/graph/literal.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/base/text.h"
#include "dataplane/graph/inet.h"

static bool is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct slice literal_trim(struct slice s)
{
	while (s.len && is_blank(s.ptr[0]))
		s = slice_from(s, 1);
	while (s.len && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

static uint8_t read_int(struct slice s, int64_t min, int64_t max, int64_t *ret_v)
{
	size_t i = 0;
	s = literal_trim(s);
	bool minus = s.len && s.ptr[0] == '-';
	if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+'))
		i++;
	if (i == s.len)
		return VEC_BAD_INPUT;
	int64_t v = 0;
	bool over = false;
	for (; i < s.len; i++) {
		if (!text_is_digit(s.ptr[i]))
			return VEC_BAD_INPUT;
		int64_t digit = s.ptr[i] - '0';
		over |= __builtin_mul_overflow(v, (int64_t)10, &v) ||
			__builtin_add_overflow(v, minus ? -digit : digit, &v);
	}
	*ret_v = v;
	return over || v < min || v > max ? VEC_OUT_OF_RANGE : VEC_VALUE;
}

static uint8_t read_float(struct slice s, bool is_float4, double *ret_v)
{
	char text[512], *end;
	s = literal_trim(s);
	if (s.len == 0 || s.len >= sizeof(text) || memchr(s.ptr, 0, s.len))
		return VEC_BAD_INPUT;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	if (strchr(text, '(')) /* strtod's NaN with a payload */
		return VEC_BAD_INPUT;
	errno = 0;
	double v = is_float4 ? (double)strtof(text, &end) : strtod(text, &end);
	if (*end)
		return VEC_BAD_INPUT;
	if (errno == ERANGE && (v == 0 || isinf(v)))
		return VEC_OUT_OF_RANGE;
	*ret_v = v;
	return VEC_VALUE;
}

static bool begins(struct slice whole, struct slice s, size_t min)
{
	return s.len >= min && s.len <= whole.len && text_ieq(slice_of(whole.ptr, s.len), s);
}

static uint8_t read_bool(struct slice s, int64_t *ret_v)
{
	s = literal_trim(s);
	if (begins(SLICE_LIT("true"), s, 1) || begins(SLICE_LIT("yes"), s, 1) ||
	    begins(SLICE_LIT("on"), s, 2) || begins(SLICE_LIT("1"), s, 1))
		*ret_v = 1;
	else if (begins(SLICE_LIT("false"), s, 1) || begins(SLICE_LIT("no"), s, 1) ||
		 begins(SLICE_LIT("off"), s, 2) || begins(SLICE_LIT("0"), s, 1))
		*ret_v = 0;
	else
		return VEC_BAD_INPUT;
	return VEC_VALUE;
}

static uint8_t read_inet(struct slice s, struct slice *ret_s)
{
	struct inet in;
	*ret_s = s;
	return inet_parse(s, &in) ? VEC_VALUE : VEC_BAD_INPUT;
}

uint8_t literal_read(enum sql_type t, struct slice s, const struct zone *z, union cell *ret)
{
	switch (t) {
	case SQL_BOOL:
		return read_bool(s, &ret->i);
	case SQL_INT2:
		return read_int(s, INT16_MIN, INT16_MAX, &ret->i);
	case SQL_INT4:
		return read_int(s, INT32_MIN, INT32_MAX, &ret->i);
	case SQL_INT8:
		return read_int(s, INT64_MIN, INT64_MAX, &ret->i);
	case SQL_FLOAT4:
	case SQL_FLOAT8:
		return read_float(s, t == SQL_FLOAT4, &ret->f);
	case SQL_NUMERIC:
		return numeric_parse(s, &ret->n);
	case SQL_DATE:
		return literal_read_date(s, &ret->i);
	case SQL_TIME:
		return literal_read_time(s, &ret->i);
	case SQL_TIMESTAMP:
	case SQL_TIMESTAMPTZ:
		return literal_read_timestamp(s, t == SQL_TIMESTAMPTZ, z, &ret->i);
	case SQL_INTERVAL:
		return literal_read_interval(s, &ret->v);
	case SQL_INET:
		return read_inet(s, &ret->s);
	default:
		return VEC_BAD_INPUT;
	}
}

/* Does @text, which reads back as @v, lie right between @v and a neighbour? Such a text is the
 * number's only by the rule for halves, and PostgreSQL does not print it.
 */
static bool between_two(const char *text, double v, bool is_float4)
{
	for (int up = 0; up < 2; up++) {
		double to = up ? HUGE_VAL : -HUGE_VAL;
		double next =
			is_float4 ? (double)nextafterf((float)v, (float)to) : nextafter(v, to);
		if (strtold(text, NULL) == ((long double)v + next) / 2)
			return true;
	}
	return false;
}

/* The fewest digits that read back as the same number, as d.ddde+xx. */
static void shortest(char *text, size_t size, double v, bool is_float4)
{
	int from = is_float4 ? 6 : 15, to = is_float4 ? 9 : 17;
	if (fabs(v) < (is_float4 ? (double)FLT_MIN : DBL_MIN)) /* these have fewer digits to give */
		from = 1;
	for (int digits = from; digits <= to; digits++) {
		snprintf(text, size, "%.*e", digits - 1, v);
		bool same = is_float4 ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v;
		if (same && !between_two(text, v, is_float4))
			return;
	}
}

/* PostgreSQL's layout: an exponent below -4 and from @from_exp on. */
static size_t put_float(char *out, double v, bool is_float4)
{
	if (isnan(v) || isinf(v)) {
		const char *word = isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity";
		memcpy(out, word, strlen(word));
		return strlen(word);
	}
	char text[40], digits[20];
	int n = 0;
	shortest(text, sizeof(text), v, is_float4);
	char *o = out, *p = text;
	if (*p == '-')
		*o++ = *p++;
	for (; *p != 'e'; p++)
		if (*p != '.')
			digits[n++] = *p;
	int exp = (int)strtod(p + 1, NULL);
	while (n > 1 && digits[n - 1] == '0')
		n--;
	if (exp < -4 || exp >= (is_float4 ? 6 : 15)) {
		*o++ = digits[0];
		if (n > 1) {
			*o++ = '.';
			memcpy(o, digits + 1, (size_t)n - 1);
			o += n - 1;
		}
		return (size_t)(o - out) + (size_t)snprintf(o, 8, "e%+03d", exp);
	}
	if (exp < 0) {
		*o++ = '0';
		*o++ = '.';
		for (int i = -1; i > exp; i--)
			*o++ = '0';
	}
	for (int i = 0; i < n || i <= exp; i++) {
		if (exp >= 0 && i == exp + 1)
			*o++ = '.';
		*o++ = i < n ? digits[i] : '0';
	}
	return (size_t)(o - out);
}

size_t literal_put(enum sql_type t, const union cell *v, const struct zone *z, char *out)
{
	struct inet in;
	switch (t) {
	case SQL_BOOL:
		memcpy(out, v->i ? "true" : "false", 5);
		return v->i ? 4 : 5;
	case SQL_INT2:
	case SQL_INT4:
	case SQL_INT8:
		return text_put_i64(out, v->i);
	case SQL_FLOAT4:
	case SQL_FLOAT8:
		return put_float(out, v->f, t == SQL_FLOAT4);
	case SQL_NUMERIC:
		return numeric_put(out, v->n);
	case SQL_DATE:
		return literal_put_date(out, v->i);
	case SQL_TIME:
		return literal_put_time(out, v->i);
	case SQL_TIMESTAMP:
	case SQL_TIMESTAMPTZ:
		return literal_put_timestamp(out, v->i, t == SQL_TIMESTAMPTZ, z);
	case SQL_INTERVAL:
		return literal_put_interval(out, v->v);
	case SQL_INET:
		return inet_parse(v->s, &in) ? inet_put(out, &in, false) : 0;
	default:
		return 0;
	}
}
