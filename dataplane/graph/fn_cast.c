#include <math.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/civil.h"
#include "dataplane/base/text.h"
#include "dataplane/extract/json.h"
#include "dataplane/graph/fn.h"
#include "dataplane/graph/inet.h"
#include "dataplane/graph/json_path.h"
#include "dataplane/graph/literal.h"

/* Between types of one kind whose values are the same. */
static void copy_ints(struct call *c, unsigned n)
{
	memcpy(c->out->state, c->in[0]->state, n);
	memcpy(c->out->i, c->in[0]->i, n * sizeof(int64_t));
}

static void copy_floats(struct call *c, unsigned n)
{
	memcpy(c->out->state, c->in[0]->state, n);
	memcpy(c->out->f, c->in[0]->f, n * sizeof(double));
}

static void copy_texts(struct call *c, unsigned n)
{
	memcpy(c->out->state, c->in[0]->state, n);
	memcpy(c->out->s, c->in[0]->s, n * sizeof(struct slice));
}

static uint8_t in_range(const struct call *c, int64_t v, union cell *ret)
{
	ret->i = v;
	if ((c->fn->ret == SQL_INT4 && v != (int32_t)v) ||
	    (c->fn->ret == SQL_INT2 && v != (int16_t)v))
		return VEC_OUT_OF_RANGE;
	return VEC_VALUE;
}

static uint8_t int_to_int(struct call *c, const union cell *in, union cell *ret)
{
	return in_range(c, in[0].i, ret);
}

static uint8_t int_to_bool(struct call *c, const union cell *in, union cell *ret)
{
	ret->i = in[0].i != 0;
	return VEC_VALUE;
}

static void ints_to_floats(struct call *c, unsigned n)
{
	memcpy(c->out->state, c->in[0]->state, n);
	if (c->fn->ret == SQL_FLOAT4)
		for (unsigned i = 0; i < n; i++)
			c->out->f[i] = (double)(float)c->in[0]->i[i];
	else
		for (unsigned i = 0; i < n; i++)
			c->out->f[i] = (double)c->in[0]->i[i];
}

static uint8_t int_to_numeric(struct call *c, const union cell *in, union cell *ret)
{
	ret->n = numeric_of(in[0].i);
	return VEC_VALUE;
}

static uint8_t float_to_int(struct call *c, const union cell *in, union cell *ret)
{
	double v = rint(in[0].f);
	if (!(v >= -0x1p63 && v < 0x1p63))
		return VEC_OUT_OF_RANGE;
	return in_range(c, (int64_t)v, ret);
}

static uint8_t float_to_float4(struct call *c, const union cell *in, union cell *ret)
{
	ret->f = (double)(float)in[0].f;
	return (isinf(ret->f) && !isinf(in[0].f)) || (ret->f == 0 && in[0].f != 0)
		       ? VEC_OUT_OF_RANGE
		       : VEC_VALUE;
}

static uint8_t float_to_numeric(struct call *c, const union cell *in, union cell *ret)
{
	return numeric_from_f64(in[0].f, c->fn->args[0] == SQL_FLOAT4 ? 6 : 15, &ret->n);
}

static uint8_t numeric_to_int(struct call *c, const union cell *in, union cell *ret)
{
	int64_t v;
	uint8_t state = numeric_to_i64(in[0].n, &v);
	return state == VEC_VALUE ? in_range(c, v, ret) : state;
}

static uint8_t numeric_to_float(struct call *c, const union cell *in, union cell *ret)
{
	ret->f = numeric_to_f64(in[0].n);
	return c->fn->ret == SQL_FLOAT4 ? float_to_float4(c, ret, ret) : VEC_VALUE;
}

/* ---- text ---- */

static uint8_t from_text(struct call *c, const union cell *in, union cell *ret)
{
	return literal_read((enum sql_type)c->fn->ret, in[0].s, c->zone, ret);
}

/* Digits alone, and no more of them than any integer of 64 bits holds. */
static bool read_digits(struct slice s, int64_t *ret_v)
{
	uint64_t v = 0; /* of letters it may wrap: it is thrown away then */
	uint8_t worst = 0;
	if (s.len == 0 || s.len > 18)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t digit = (uint8_t)(s.ptr[i] - '0');
		worst = digit > worst ? digit : worst;
		v = 10 * v + digit;
	}
	*ret_v = (int64_t)v;
	return worst <= 9;
}

/* The same of 1 to 8 digits in memory that can be read on behind them: all at once. Digits become
 * pairs, then four, then eight of them.
 */
static inline bool read_short(const uint8_t *p, size_t len, int64_t *ret_v)
{
	uint64_t x = (bytes_load8(p) ^ 0x3030303030303030) << (64 - 8 * len);
	bool good = ((x | (x + 0x7676767676767676)) & 0x8080808080808080) == 0;
	x = x * 10 + (x >> 8);
	x = (x & 0xff000000ff) * (100 + (1000000ull << 32)) +
	    (x >> 16 & 0xff000000ff) * (1 + (10000ull << 32));
	*ret_v = (int64_t)(x >> 32);
	return good;
}

/* Most are digits alone, and stand in the arena. */
static void texts_to_ints(struct call *c, unsigned n)
{
	const struct slice *texts = c->in[0]->s;
	const uint8_t *states = c->in[0]->state;
	uint8_t *out_states = c->out->state;
	int64_t *out = c->out->i;
	int64_t max = c->fn->ret == SQL_INT8   ? INT64_MAX
		      : c->fn->ret == SQL_INT4 ? INT32_MAX
					       : INT16_MAX;
	for (unsigned i = 0; i < n; i++) {
		union cell cell;
		uint8_t state = states[i];
		struct slice s = texts[i];
		if (state == VEC_VALUE) {
			bool plain = s.len - 1 < 8 && arena_has(c->a, s.ptr)
					     ? read_short(s.ptr, s.len, &cell.i)
					     : read_digits(s, &cell.i);
			if (!plain || cell.i > max)
				state = literal_read((enum sql_type)c->fn->ret, s, c->zone, &cell);
			out[i] = cell.i;
		}
		out_states[i] = state;
	}
}

static uint8_t to_text(struct call *c, const union cell *in, union cell *ret)
{
	char text[LITERAL_MAX];
	size_t len = literal_put((enum sql_type)c->fn->args[0], &in[0], c->zone, text);
	return call_text(c, ret, text, len);
}

/* What PostgreSQL prints for a boolean, other than what a cast makes of it. */
static uint8_t print_bool(struct call *c, const union cell *in, union cell *ret)
{
	ret->s = in[0].i ? SLICE_LIT("t") : SLICE_LIT("f");
	return VEC_VALUE;
}

static uint8_t inet_to_text(struct call *c, const union cell *in, union cell *ret)
{
	char text[INET_TEXT_MAX];
	struct inet a;
	return inet_parse(in[0].s, &a) ? call_text(c, ret, text, inet_put(text, &a, true))
				       : VEC_BAD_INPUT;
}

static uint8_t bytea_to_text(struct call *c, const union cell *in, union cell *ret)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *p = call_room(c, 2 + 2 * in[0].s.len);
	if (!p)
		return VEC_NO_ROOM;
	ret->s = slice_of(p, 2 + 2 * in[0].s.len);
	*p++ = '\\';
	*p++ = 'x';
	for (size_t i = 0; i < in[0].s.len; i++) {
		*p++ = (uint8_t)digits[in[0].s.ptr[i] >> 4];
		*p++ = (uint8_t)digits[in[0].s.ptr[i] & 15];
	}
	return VEC_VALUE;
}

/* \x1f2e, blanks between the bytes allowed. */
static uint8_t read_hex(struct slice s, uint8_t *out, size_t *ret_len)
{
	*ret_len = 0;
	for (size_t i = 2; i < s.len; i++) {
		if (strchr(" \t\r\n", s.ptr[i]) && s.ptr[i])
			continue;
		int high = text_hex_digit(s.ptr[i]);
		int low = i + 1 < s.len ? text_hex_digit(s.ptr[i + 1]) : -1;
		if (high < 0 || low < 0)
			return VEC_BAD_INPUT;
		out[(*ret_len)++] = (uint8_t)(high << 4 | low);
		i++;
	}
	return VEC_VALUE;
}

/* Text, with \\ and three octal digits for bytes. */
static uint8_t read_escapes(struct slice s, uint8_t *out, size_t *ret_len)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		const uint8_t *p = s.ptr + i;
		if (*p != '\\') {
			out[n++] = *p;
		} else if (i + 1 < s.len && p[1] == '\\') {
			out[n++] = '\\';
			i++;
		} else if (i + 3 < s.len && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' &&
			   p[2] <= '7' && p[3] >= '0' && p[3] <= '7') {
			out[n++] = (uint8_t)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			i += 3;
		} else {
			return VEC_BAD_INPUT;
		}
	}
	*ret_len = n;
	return VEC_VALUE;
}

static uint8_t text_to_bytea(struct call *c, const union cell *in, union cell *ret)
{
	struct slice s = in[0].s;
	uint8_t *p = call_room(c, s.len);
	size_t len = 0;
	if (!p)
		return VEC_NO_ROOM;
	bool hex = slice_starts(s, SLICE_LIT("\\x"));
	uint8_t state = hex ? read_hex(s, p, &len) : read_escapes(s, p, &len);
	ret->s = slice_of(p, len);
	return state;
}

/* A record's JSON has no line breaks: those of the text, which can only stand between tokens,
 * become blanks.
 */
static uint8_t text_to_json(struct call *c, const union cell *in, union cell *ret)
{
	struct slice s = in[0].s;
	if (!json_valid(s))
		return VEC_BAD_INPUT;
	ret->s = s;
	if (!memchr(s.ptr, '\n', s.len) && !memchr(s.ptr, '\r', s.len))
		return VEC_VALUE;
	uint8_t state = call_text(c, ret, s.ptr, s.len);
	uint8_t *p = (uint8_t *)ret->s.ptr;
	for (size_t i = 0; state == VEC_VALUE && i < s.len; i++)
		if (p[i] == '\n' || p[i] == '\r')
			p[i] = ' ';
	return state;
}

/* As jsonb is cast: a number to a number, a boolean to a boolean, nothing else. */
static uint8_t json_to_number(struct call *c, const union cell *in, union cell *ret)
{
	struct numeric n;
	int64_t v;
	if (strcmp(json_type(in[0].s), "number") != 0)
		return VEC_BAD_INPUT;
	uint8_t state = numeric_parse(in[0].s, &n);
	if (state == VEC_VALUE && c->fn->ret == SQL_NUMERIC) {
		ret->n = n;
	} else if (state == VEC_VALUE && cell_kind_of(c->fn->ret) == CELL_F) {
		ret->f = numeric_to_f64(n);
		if (c->fn->ret == SQL_FLOAT4)
			state = float_to_float4(c, ret, ret);
	} else if (state == VEC_VALUE) {
		state = numeric_to_i64(n, &v);
		if (state == VEC_VALUE)
			state = in_range(c, v, ret);
	}
	return state;
}

static uint8_t json_to_bool(struct call *c, const union cell *in, union cell *ret)
{
	struct slice s = literal_trim(in[0].s);
	ret->i = s.len == 4;
	return strcmp(json_type(s), "boolean") == 0 ? VEC_VALUE : VEC_BAD_INPUT;
}

/* ---- time ---- */

static uint8_t date_to_timestamp(struct call *c, const union cell *in, union cell *ret)
{
	return literal_join(in[0].i, 0, &ret->i) ? VEC_VALUE : VEC_OUT_OF_RANGE;
}

static uint8_t date_to_timestamptz(struct call *c, const union cell *in, union cell *ret)
{
	int64_t ns;
	return literal_join(in[0].i, 0, &ns) && literal_to_utc(c->zone, ns, &ret->i)
		       ? VEC_VALUE
		       : VEC_OUT_OF_RANGE;
}

static uint8_t timestamp_to_timestamptz(struct call *c, const union cell *in, union cell *ret)
{
	return literal_to_utc(c->zone, in[0].i, &ret->i) ? VEC_VALUE : VEC_OUT_OF_RANGE;
}

/* timestamp or timestamptz to one of date, time, timestamp. */
static uint8_t timestamp_to_part(struct call *c, const union cell *in, union cell *ret)
{
	int64_t local = in[0].i;
	if (c->fn->args[0] == SQL_TIMESTAMPTZ && !literal_to_local(c->zone, local, &local))
		return VEC_OUT_OF_RANGE;
	ret->i = local;
	if (c->fn->ret == SQL_DATE)
		ret->i = literal_days(local);
	else if (c->fn->ret == SQL_TIME)
		ret->i = (local % NS_PER_DAY + NS_PER_DAY) % NS_PER_DAY;
	return VEC_VALUE;
}

static uint8_t time_to_interval(struct call *c, const union cell *in, union cell *ret)
{
	ret->v = (struct interval){.ns = in[0].i};
	return VEC_VALUE;
}

static uint8_t interval_to_time(struct call *c, const union cell *in, union cell *ret)
{
	ret->i = (in[0].v.ns % NS_PER_DAY + NS_PER_DAY) % NS_PER_DAY;
	return VEC_VALUE;
}

/* ---- precision ---- */

/* varchar(n): an explicit cast cuts. */
static uint8_t cut_text(struct call *c, const union cell *in, union cell *ret)
{
	size_t i = 0;
	for (int64_t n = in[1].i; i < in[0].s.len; i++)
		if ((in[0].s.ptr[i] & 0xc0) != 0x80 && n-- == 0)
			break;
	ret->s = slice_of(in[0].s.ptr, i);
	return VEC_VALUE;
}

/* numeric(p, s) */
static uint8_t fit_numeric(struct call *c, const union cell *in, union cell *ret)
{
	uint8_t state = numeric_round(in[0].n, in[2].i, NUMERIC_HALF_UP, &ret->n);
	if (state != VEC_VALUE)
		return state;
	__int128 v = ret->n.coef < 0 ? -ret->n.coef : ret->n.coef;
	int64_t digits = 0;
	for (; v; v /= 10)
		digits++;
	return digits > in[1].i ? VEC_OUT_OF_RANGE : VEC_VALUE;
}

/* Nanoseconds from 1970 to 2000, where PostgreSQL counts from. */
#define EPOCH_2000 (10957 * NS_PER_DAY)

/* timestamp(p), time(p). Halves are rounded away from PostgreSQL's zero, so down before 2000. */
static uint8_t round_time(struct call *c, const union cell *in, union cell *ret)
{
	int64_t unit = 1, v = in[0].i, zero = c->fn->ret == SQL_TIME ? 0 : EPOCH_2000;
	for (int64_t p = in[1].i; p < 9; p++)
		unit *= 10;
	int64_t rest = (v % unit + unit) % unit;
	bool up = v >= zero ? rest * 2 >= unit : rest * 2 > unit;
	int64_t low;
	if (__builtin_sub_overflow(v, rest, &low) ||
	    __builtin_add_overflow(low, up ? unit : 0, &ret->i))
		return VEC_OUT_OF_RANGE;
	return VEC_VALUE;
}

#define CAST(from, to, how, kernel)              \
	{                                        \
		"::", to, 1, {from}, how, kernel \
	}
#define WITH_TEXT(t) CAST(SQL_TEXT, t, 0, .row = from_text), CAST(t, SQL_TEXT, 0, .row = to_text)
#define INT_WITH_TEXT(t) \
	CAST(SQL_TEXT, t, 0, .vec = texts_to_ints), CAST(t, SQL_TEXT, 0, .row = to_text)

static const struct fn fns[] = {
	CAST(SQL_INT2, SQL_INT4, FN_IMPLICIT, .vec = copy_ints),
	CAST(SQL_INT2, SQL_INT8, FN_IMPLICIT, .vec = copy_ints),
	CAST(SQL_INT4, SQL_INT8, FN_IMPLICIT, .vec = copy_ints),
	CAST(SQL_INT4, SQL_INT2, 0, .row = int_to_int),
	CAST(SQL_INT8, SQL_INT2, 0, .row = int_to_int),
	CAST(SQL_INT8, SQL_INT4, 0, .row = int_to_int),
	CAST(SQL_INT4, SQL_BOOL, 0, .row = int_to_bool),
	CAST(SQL_BOOL, SQL_INT4, 0, .vec = copy_ints),
	CAST(SQL_INT2, SQL_FLOAT4, FN_IMPLICIT, .vec = ints_to_floats),
	CAST(SQL_INT4, SQL_FLOAT4, FN_IMPLICIT, .vec = ints_to_floats),
	CAST(SQL_INT8, SQL_FLOAT4, FN_IMPLICIT, .vec = ints_to_floats),
	CAST(SQL_INT2, SQL_FLOAT8, FN_IMPLICIT, .vec = ints_to_floats),
	CAST(SQL_INT4, SQL_FLOAT8, FN_IMPLICIT, .vec = ints_to_floats),
	CAST(SQL_INT8, SQL_FLOAT8, FN_IMPLICIT, .vec = ints_to_floats),
	CAST(SQL_INT2, SQL_NUMERIC, FN_IMPLICIT, .row = int_to_numeric),
	CAST(SQL_INT4, SQL_NUMERIC, FN_IMPLICIT, .row = int_to_numeric),
	CAST(SQL_INT8, SQL_NUMERIC, FN_IMPLICIT, .row = int_to_numeric),
	CAST(SQL_FLOAT4, SQL_FLOAT8, FN_IMPLICIT, .vec = copy_floats),
	CAST(SQL_FLOAT8, SQL_FLOAT4, 0, .row = float_to_float4),
	CAST(SQL_FLOAT4, SQL_INT2, 0, .row = float_to_int),
	CAST(SQL_FLOAT4, SQL_INT4, 0, .row = float_to_int),
	CAST(SQL_FLOAT4, SQL_INT8, 0, .row = float_to_int),
	CAST(SQL_FLOAT8, SQL_INT2, 0, .row = float_to_int),
	CAST(SQL_FLOAT8, SQL_INT4, 0, .row = float_to_int),
	CAST(SQL_FLOAT8, SQL_INT8, 0, .row = float_to_int),
	CAST(SQL_FLOAT4, SQL_NUMERIC, 0, .row = float_to_numeric),
	CAST(SQL_FLOAT8, SQL_NUMERIC, 0, .row = float_to_numeric),
	CAST(SQL_NUMERIC, SQL_INT2, 0, .row = numeric_to_int),
	CAST(SQL_NUMERIC, SQL_INT4, 0, .row = numeric_to_int),
	CAST(SQL_NUMERIC, SQL_INT8, 0, .row = numeric_to_int),
	CAST(SQL_NUMERIC, SQL_FLOAT4, FN_IMPLICIT, .row = numeric_to_float),
	CAST(SQL_NUMERIC, SQL_FLOAT8, FN_IMPLICIT, .row = numeric_to_float),
	CAST(SQL_DATE, SQL_TIMESTAMP, FN_IMPLICIT, .row = date_to_timestamp),
	CAST(SQL_DATE, SQL_TIMESTAMPTZ, FN_IMPLICIT, .row = date_to_timestamptz),
	CAST(SQL_TIMESTAMP, SQL_TIMESTAMPTZ, FN_IMPLICIT, .row = timestamp_to_timestamptz),
	CAST(SQL_TIMESTAMP, SQL_DATE, 0, .row = timestamp_to_part),
	CAST(SQL_TIMESTAMP, SQL_TIME, 0, .row = timestamp_to_part),
	CAST(SQL_TIMESTAMPTZ, SQL_DATE, 0, .row = timestamp_to_part),
	CAST(SQL_TIMESTAMPTZ, SQL_TIME, 0, .row = timestamp_to_part),
	CAST(SQL_TIMESTAMPTZ, SQL_TIMESTAMP, 0, .row = timestamp_to_part),
	CAST(SQL_TIME, SQL_INTERVAL, FN_IMPLICIT, .row = time_to_interval),
	CAST(SQL_INTERVAL, SQL_TIME, 0, .row = interval_to_time),
	WITH_TEXT(SQL_BOOL),
	INT_WITH_TEXT(SQL_INT2),
	INT_WITH_TEXT(SQL_INT4),
	INT_WITH_TEXT(SQL_INT8),
	WITH_TEXT(SQL_FLOAT4),
	WITH_TEXT(SQL_FLOAT8),
	WITH_TEXT(SQL_NUMERIC),
	WITH_TEXT(SQL_DATE),
	WITH_TEXT(SQL_TIME),
	WITH_TEXT(SQL_TIMESTAMP),
	WITH_TEXT(SQL_TIMESTAMPTZ),
	WITH_TEXT(SQL_INTERVAL),
	CAST(SQL_TEXT, SQL_INET, 0, .row = from_text),
	CAST(SQL_INET, SQL_TEXT, 0, .row = inet_to_text),
	CAST(SQL_TEXT, SQL_BYTEA, 0, .row = text_to_bytea),
	CAST(SQL_BYTEA, SQL_TEXT, 0, .row = bytea_to_text),
	CAST(SQL_TEXT, SQL_JSON, 0, .row = text_to_json),
	CAST(SQL_JSON, SQL_TEXT, 0, .vec = copy_texts),
	CAST(SQL_JSON, SQL_INT2, 0, .row = json_to_number),
	CAST(SQL_JSON, SQL_INT4, 0, .row = json_to_number),
	CAST(SQL_JSON, SQL_INT8, 0, .row = json_to_number),
	CAST(SQL_JSON, SQL_FLOAT4, 0, .row = json_to_number),
	CAST(SQL_JSON, SQL_FLOAT8, 0, .row = json_to_number),
	CAST(SQL_JSON, SQL_NUMERIC, 0, .row = json_to_number),
	CAST(SQL_JSON, SQL_BOOL, 0, .row = json_to_bool),
	/* What a function that takes anything prints, where that is not what a cast makes. */
	{"print()", SQL_TEXT, 1, {SQL_BOOL}, FN_HIDDEN, .row = print_bool},
	{"print()", SQL_TEXT, 1, {SQL_INET}, FN_HIDDEN, .row = to_text},
	{"varchar()", SQL_TEXT, 2, {SQL_TEXT, SQL_INT4}, FN_HIDDEN, .row = cut_text},
	{"numeric()",
	 SQL_NUMERIC,
	 3,
	 {SQL_NUMERIC, SQL_INT4, SQL_INT4},
	 FN_HIDDEN,
	 .row = fit_numeric},
	{"time()", SQL_TIME, 2, {SQL_TIME, SQL_INT4}, FN_HIDDEN, .row = round_time},
	{"timestamp()", SQL_TIMESTAMP, 2, {SQL_TIMESTAMP, SQL_INT4}, FN_HIDDEN, .row = round_time},
	{"timestamptz()",
	 SQL_TIMESTAMPTZ,
	 2,
	 {SQL_TIMESTAMPTZ, SQL_INT4},
	 FN_HIDDEN,
	 .row = round_time},
};

const struct fn_table fns_cast = FN_TABLE(fns);
