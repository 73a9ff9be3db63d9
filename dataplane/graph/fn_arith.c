#include <math.h>

#include "dataplane/graph/fn.h"

enum op { OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_MOD, OP_AND, OP_OR, OP_XOR, OP_SHL, OP_SHR };

static bool in_range(enum sql_type t, int64_t v)
{
	return t == SQL_INT8 || (t == SQL_INT4 ? v == (int32_t)v : v == (int16_t)v);
}

/* Those of the rows that were values and overflowed. In a second pass, since they are rare and the
 * first is then free of branches.
 */
static void mark_overflows(struct call *c, unsigned n)
{
	const int64_t *a = c->in[0]->i, *b = c->in[1]->i;
	for (unsigned i = 0; i < n; i++) {
		int64_t v;
		bool bad = c->fn->param == OP_ADD   ? __builtin_add_overflow(a[i], b[i], &v)
			   : c->fn->param == OP_SUB ? __builtin_sub_overflow(a[i], b[i], &v)
						    : __builtin_mul_overflow(a[i], b[i], &v);
		if ((bad || !in_range(c->out->type, v)) && c->out->state[i] == VEC_VALUE)
			c->out->state[i] = VEC_OUT_OF_RANGE;
	}
}

/* Rows that are no values hold anything, so the sums are of unsigned numbers. */
#define EACH(op, overflowed)                                                 \
	for (unsigned i = 0; i < n; i++) {                                   \
		uint64_t x = (uint64_t)a[i], y = (uint64_t)b[i], v = x op y; \
		out[i] = (int64_t)v;                                         \
		any |= (overflowed);                                         \
	}                                                                    \
	break

/* Of 64 bits: an overflow shows in the sign, or is asked for. Of fewer: in what is behind them. */
static void run_ints(struct call *c, unsigned n)
{
	const int64_t *restrict a = c->in[0]->i, *restrict b = c->in[1]->i;
	int64_t *restrict out = c->out->i;
	int64_t product;
	unsigned bits = c->out->type == SQL_INT2 ? 15 : 31;
	uint64_t half = (uint64_t)1 << bits, any = 0;
	fn_join_states(c, n);
	if (c->out->type == SQL_INT8) {
		switch (c->fn->param) {
		case OP_ADD:
			EACH(+, ((x ^ v) & (y ^ v)) >> 63);
		case OP_SUB:
			EACH(-, ((x ^ y) & (x ^ v)) >> 63);
		case OP_MUL:
			EACH(*, (uint64_t)__builtin_mul_overflow(a[i], b[i], &product));
		}
	} else {
		switch (c->fn->param) {
		case OP_ADD:
			EACH(+, (v + half) >> (bits + 1));
		case OP_SUB:
			EACH(-, (v + half) >> (bits + 1));
		case OP_MUL:
			EACH(*, (v + half) >> (bits + 1));
		}
	}
	if (any)
		mark_overflows(c, n);
}

/* Of at most 32 bits, in doubles, whose quotients are exact enough to be cut and cost a third. */
static void divide_short_ints(struct call *c, unsigned n)
{
	const int64_t *a = c->in[0]->i, *b = c->in[1]->i;
	int64_t *out = c->out->i;
	uint8_t *state = c->out->state;
	fn_join_states(c, n);
	for (unsigned i = 0; i < n; i++) {
		if (state[i] != VEC_VALUE)
			continue;
		if (b[i] == 0) {
			state[i] = VEC_DIVISION_BY_ZERO;
			continue;
		}
		int64_t q = (int64_t)((double)a[i] / (double)b[i]);
		out[i] = c->fn->param == OP_MOD ? a[i] - q * b[i] : q;
		if (!in_range(c->out->type, out[i])) /* the least number by -1 */
			state[i] = VEC_OUT_OF_RANGE;
	}
}

static uint8_t divide_ints(struct call *c, const union cell *in, union cell *ret)
{
	int64_t a = in[0].i, b = in[1].i;
	if (b == 0)
		return VEC_DIVISION_BY_ZERO;
	if (b == -1) { /* the one quotient that may not fit, and a trap of the machine */
		if (c->fn->param == OP_MOD)
			ret->i = 0;
		else if (a == INT64_MIN)
			return VEC_OUT_OF_RANGE;
		else
			ret->i = -a;
	} else {
		ret->i = c->fn->param == OP_MOD ? a % b : a / b;
	}
	return in_range(c->fn->ret, ret->i) ? VEC_VALUE : VEC_OUT_OF_RANGE;
}

static uint8_t bits_of_ints(struct call *c, const union cell *in, union cell *ret)
{
	int64_t a = in[0].i, b = in[1].i;
	unsigned shift = (unsigned)b & (c->fn->ret == SQL_INT8 ? 63 : 31);
	switch (c->fn->param) {
	case OP_AND:
		ret->i = a & b;
		break;
	case OP_OR:
		ret->i = a | b;
		break;
	case OP_XOR:
		ret->i = a ^ b;
		break;
	case OP_SHL:
		a = (int64_t)((uint64_t)a << shift);
		ret->i = c->fn->ret == SQL_INT8   ? a
			 : c->fn->ret == SQL_INT4 ? (int32_t)a
						  : (int16_t)a;
		break;
	default:
		ret->i = a >> shift;
	}
	return VEC_VALUE;
}

static uint8_t invert_int(struct call *c, const union cell *in, union cell *ret)
{
	ret->i = ~in[0].i;
	return VEC_VALUE;
}

static uint8_t negate_int(struct call *c, const union cell *in, union cell *ret)
{
	if (__builtin_sub_overflow((int64_t)0, in[0].i, &ret->i) || !in_range(c->fn->ret, ret->i))
		return VEC_OUT_OF_RANGE;
	return VEC_VALUE;
}

static uint8_t same(struct call *c, const union cell *in, union cell *ret)
{
	*ret = in[0];
	return VEC_VALUE;
}

/* A result that is infinite or nothing although its arguments are not is out of range. */
static uint8_t float_result(struct call *c, double v, bool infinite, bool zero, union cell *ret)
{
	if (c->fn->ret == SQL_FLOAT4)
		v = (double)(float)v;
	ret->f = v;
	return (isinf(v) && !infinite) || (v == 0 && !zero) ? VEC_OUT_OF_RANGE : VEC_VALUE;
}

static uint8_t arith_floats(struct call *c, const union cell *in, union cell *ret)
{
	double a = in[0].f, b = in[1].f;
	bool infinite = isinf(a) || isinf(b);
	switch (c->fn->param) {
	case OP_ADD:
		return float_result(c, a + b, infinite, true, ret);
	case OP_SUB:
		return float_result(c, a - b, infinite, true, ret);
	case OP_MUL:
		return float_result(c, a * b, infinite, a == 0 || b == 0, ret);
	default:
		if (b == 0 && !isnan(a))
			return VEC_DIVISION_BY_ZERO;
		return float_result(c, a / b, isinf(a), a == 0 || isinf(b), ret);
	}
}

static uint8_t negate_float(struct call *c, const union cell *in, union cell *ret)
{
	ret->f = -in[0].f;
	return VEC_VALUE;
}

static uint8_t arith_numerics(struct call *c, const union cell *in, union cell *ret)
{
	static uint8_t (*const ops[])(struct numeric, struct numeric, struct numeric *) = {
		[OP_ADD] = numeric_add, [OP_SUB] = numeric_sub, [OP_MUL] = numeric_mul,
		[OP_DIV] = numeric_div, [OP_MOD] = numeric_mod,
	};
	return ops[c->fn->param](in[0].n, in[1].n, &ret->n);
}

static uint8_t negate_numeric(struct call *c, const union cell *in, union cell *ret)
{
	ret->n = (struct numeric){.coef = -in[0].n.coef, .scale = in[0].n.scale};
	return VEC_VALUE;
}

#define INTS(t, divide)                                                             \
	{"+", t, 2, {t, t}, .param = OP_ADD, .vec = run_ints},                      \
		{"-", t, 2, {t, t}, .param = OP_SUB, .vec = run_ints},              \
		{"*", t, 2, {t, t}, .param = OP_MUL, .vec = run_ints},              \
		{"/", t, 2, {t, t}, .param = OP_DIV, divide},                       \
		{"%", t, 2, {t, t}, .param = OP_MOD, divide},                       \
		{"mod", t, 2, {t, t}, .param = OP_MOD, divide},                     \
		{"&", t, 2, {t, t}, .param = OP_AND, .row = bits_of_ints},          \
		{"|", t, 2, {t, t}, .param = OP_OR, .row = bits_of_ints},           \
		{"#", t, 2, {t, t}, .param = OP_XOR, .row = bits_of_ints},          \
		{"<<", t, 2, {t, SQL_INT4}, .param = OP_SHL, .row = bits_of_ints},  \
		{">>", t, 2, {t, SQL_INT4}, .param = OP_SHR, .row = bits_of_ints},  \
		{"~", t, 1, {t}, .row = invert_int}, {"+", t, 1, {t}, .row = same}, \
	{                                                                           \
		"-", t, 1, {t}, .row = negate_int                                   \
	}
#define FLOATS(t, a, b)                                                    \
	{"+", t, 2, {a, b}, .param = OP_ADD, .row = arith_floats},         \
		{"-", t, 2, {a, b}, .param = OP_SUB, .row = arith_floats}, \
		{"*", t, 2, {a, b}, .param = OP_MUL, .row = arith_floats}, \
	{                                                                  \
		"/", t, 2, {a, b}, .param = OP_DIV, .row = arith_floats    \
	}
#define NUMERIC2(name, op)                                                              \
	{                                                                               \
		name, SQL_NUMERIC, 2, {SQL_NUMERIC, SQL_NUMERIC}, .param = op,          \
								  .row = arith_numerics \
	}

static const struct fn fns[] = {
	INTS(SQL_INT2, .vec = divide_short_ints),
	INTS(SQL_INT4, .vec = divide_short_ints),
	INTS(SQL_INT8, .row = divide_ints),
	FLOATS(SQL_FLOAT4, SQL_FLOAT4, SQL_FLOAT4),
	FLOATS(SQL_FLOAT8, SQL_FLOAT4, SQL_FLOAT8),
	FLOATS(SQL_FLOAT8, SQL_FLOAT8, SQL_FLOAT4),
	FLOATS(SQL_FLOAT8, SQL_FLOAT8, SQL_FLOAT8),
	NUMERIC2("+", OP_ADD),
	NUMERIC2("-", OP_SUB),
	NUMERIC2("*", OP_MUL),
	NUMERIC2("/", OP_DIV),
	NUMERIC2("%", OP_MOD),
	NUMERIC2("mod", OP_MOD),
	{"+", SQL_FLOAT4, 1, {SQL_FLOAT4}, .row = same},
	{"+", SQL_FLOAT8, 1, {SQL_FLOAT8}, .row = same},
	{"+", SQL_NUMERIC, 1, {SQL_NUMERIC}, .row = same},
	{"-", SQL_FLOAT4, 1, {SQL_FLOAT4}, .row = negate_float},
	{"-", SQL_FLOAT8, 1, {SQL_FLOAT8}, .row = negate_float},
	{"-", SQL_NUMERIC, 1, {SQL_NUMERIC}, .row = negate_numeric},
};

const struct fn_table fns_arith = FN_TABLE(fns);
