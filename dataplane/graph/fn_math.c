#include <math.h>

#include "dataplane/graph/fn.h"

static uint8_t checked(double v, bool from_infinite, union cell *ret)
{
	ret->f = v;
	return isinf(v) && !from_infinite ? VEC_OUT_OF_RANGE : VEC_VALUE;
}

static uint8_t abs_int(struct call *c, const union cell *in, union cell *ret)
{
	int64_t min = c->fn->ret == SQL_INT8   ? INT64_MIN
		      : c->fn->ret == SQL_INT4 ? INT32_MIN
					       : INT16_MIN;
	if (in[0].i == min)
		return VEC_OUT_OF_RANGE;
	ret->i = in[0].i < 0 ? -in[0].i : in[0].i;
	return VEC_VALUE;
}

static uint8_t abs_float(struct call *c, const union cell *in, union cell *ret)
{
	ret->f = fabs(in[0].f);
	return VEC_VALUE;
}

static uint8_t abs_numeric(struct call *c, const union cell *in, union cell *ret)
{
	ret->n = in[0].n;
	if (ret->n.coef < 0)
		ret->n.coef = -ret->n.coef;
	return VEC_VALUE;
}

static uint8_t round_float(struct call *c, const union cell *in, union cell *ret)
{
	static double (*const how[])(double) = {rint, trunc, ceil, floor};
	ret->f = how[c->fn->param](in[0].f);
	return VEC_VALUE;
}

static uint8_t round_numeric(struct call *c, const union cell *in, union cell *ret)
{
	int64_t scale = c->n_in > 1 ? in[1].i : 0;
	/* PostgreSQL keeps up to 1000 digits and cuts what is asked for to that. */
	return numeric_round(in[0].n, scale, (enum numeric_rounding)c->fn->param, &ret->n);
}

static uint8_t sign_float(struct call *c, const union cell *in, union cell *ret)
{
	ret->f = in[0].f > 0 ? 1 : in[0].f < 0 ? -1 : 0;
	return VEC_VALUE;
}

static uint8_t sign_numeric(struct call *c, const union cell *in, union cell *ret)
{
	ret->n = numeric_of((in[0].n.coef > 0) - (in[0].n.coef < 0));
	return VEC_VALUE;
}

static uint8_t div_numeric(struct call *c, const union cell *in, union cell *ret)
{
	struct numeric rest, whole;
	uint8_t state = numeric_mod(in[0].n, in[1].n, &rest);
	if (state == VEC_VALUE)
		state = numeric_sub(in[0].n, rest, &whole);
	if (state == VEC_VALUE)
		state = numeric_div(whole, in[1].n, &whole);
	return state == VEC_VALUE ? numeric_round(whole, 0, NUMERIC_HALF_UP, &ret->n) : state;
}

static uint8_t square_root(struct call *c, const union cell *in, union cell *ret)
{
	if (in[0].f < 0)
		return VEC_BAD_INPUT;
	ret->f = sqrt(in[0].f);
	return VEC_VALUE;
}

static uint8_t cube_root(struct call *c, const union cell *in, union cell *ret)
{
	ret->f = cbrt(in[0].f);
	return VEC_VALUE;
}

static uint8_t exponential(struct call *c, const union cell *in, union cell *ret)
{
	ret->f = exp(in[0].f);
	if (ret->f == 0 && !isinf(in[0].f))
		return VEC_OUT_OF_RANGE;
	return checked(ret->f, isinf(in[0].f), ret);
}

static uint8_t logarithm(struct call *c, const union cell *in, union cell *ret)
{
	if (in[0].f <= 0)
		return VEC_BAD_INPUT;
	return checked(c->fn->param == 10 ? log10(in[0].f) : log(in[0].f), isinf(in[0].f), ret);
}

static uint8_t power(struct call *c, const union cell *in, union cell *ret)
{
	double a = in[0].f, b = in[1].f;
	if ((a == 0 && b < 0) || (a < 0 && isfinite(b) && floor(b) != b))
		return VEC_BAD_INPUT;
	double v = pow(a, b);
	if (v == 0 && a != 0 && isfinite(a) && isfinite(b))
		return VEC_OUT_OF_RANGE;
	return checked(v, isinf(a) || isinf(b), ret);
}

static uint8_t trigonometric(struct call *c, const union cell *in, union cell *ret)
{
	static double (*const functions[])(double) = {sin, cos, tan, atan};
	if (isinf(in[0].f) && c->fn->param < 3)
		return VEC_OUT_OF_RANGE;
	ret->f = functions[c->fn->param](in[0].f);
	return VEC_VALUE;
}

static uint8_t arc_tangent2(struct call *c, const union cell *in, union cell *ret)
{
	ret->f = atan2(in[0].f, in[1].f);
	return VEC_VALUE;
}

static uint8_t angle(struct call *c, const union cell *in, union cell *ret)
{
	const double degree = M_PI / 180;
	return checked(c->fn->param ? in[0].f * degree : in[0].f / degree, isinf(in[0].f), ret);
}

static uint8_t pi(struct call *c, const union cell *in, union cell *ret)
{
	ret->f = M_PI;
	return VEC_VALUE;
}

static int refuse_numeric(struct fn_prep *p, const void **ret_aux)
{
	return err_set(p->e, -EINVAL,
		       "%s of numeric is not supported; cast to double precision: %s(x::float8)",
		       p->fn->name, strcmp(p->fn->name, "^") == 0 ? "power" : p->fn->name);
}

#define ROUND(name, how)                                                                \
	{name, SQL_FLOAT8, 1, {SQL_FLOAT8}, .param = how, .row = round_float},          \
	{                                                                               \
		name, SQL_NUMERIC, 1, {SQL_NUMERIC}, .param = how, .row = round_numeric \
	}
#define FLOAT1(name, what, function)                                              \
	{                                                                         \
		name, SQL_FLOAT8, 1, {SQL_FLOAT8}, .param = what, .row = function \
	}
#define NOT_NUMERIC1(name)                                                                \
	{                                                                                 \
		name, SQL_NUMERIC, 1, {SQL_NUMERIC}, FN_HIDDEN, .prepare = refuse_numeric \
	}
#define NOT_NUMERIC2(name)                                                   \
	{                                                                    \
		name, SQL_NUMERIC, 2, {SQL_NUMERIC, SQL_NUMERIC}, FN_HIDDEN, \
			.prepare = refuse_numeric                            \
	}

static const struct fn fns[] = {
	{"abs", SQL_INT2, 1, {SQL_INT2}, .row = abs_int},
	{"abs", SQL_INT4, 1, {SQL_INT4}, .row = abs_int},
	{"abs", SQL_INT8, 1, {SQL_INT8}, .row = abs_int},
	{"abs", SQL_FLOAT4, 1, {SQL_FLOAT4}, .row = abs_float},
	{"abs", SQL_FLOAT8, 1, {SQL_FLOAT8}, .row = abs_float},
	{"abs", SQL_NUMERIC, 1, {SQL_NUMERIC}, .row = abs_numeric},
	ROUND("round", NUMERIC_HALF_UP),
	ROUND("trunc", NUMERIC_TRUNC),
	ROUND("ceil", NUMERIC_CEIL),
	ROUND("ceiling", NUMERIC_CEIL),
	ROUND("floor", NUMERIC_FLOOR),
	{"round",
	 SQL_NUMERIC,
	 2,
	 {SQL_NUMERIC, SQL_INT4},
	 .param = NUMERIC_HALF_UP,
	 .row = round_numeric},
	{"trunc",
	 SQL_NUMERIC,
	 2,
	 {SQL_NUMERIC, SQL_INT4},
	 .param = NUMERIC_TRUNC,
	 .row = round_numeric},
	FLOAT1("sign", 0, sign_float),
	{"sign", SQL_NUMERIC, 1, {SQL_NUMERIC}, .row = sign_numeric},
	{"div", SQL_NUMERIC, 2, {SQL_NUMERIC, SQL_NUMERIC}, .row = div_numeric},
	FLOAT1("sqrt", 0, square_root),
	FLOAT1("cbrt", 0, cube_root),
	FLOAT1("exp", 0, exponential),
	FLOAT1("ln", 0, logarithm),
	FLOAT1("log", 10, logarithm),
	FLOAT1("log10", 10, logarithm),
	{"power", SQL_FLOAT8, 2, {SQL_FLOAT8, SQL_FLOAT8}, .row = power},
	{"pow", SQL_FLOAT8, 2, {SQL_FLOAT8, SQL_FLOAT8}, .row = power},
	{"^", SQL_FLOAT8, 2, {SQL_FLOAT8, SQL_FLOAT8}, .row = power},
	NOT_NUMERIC1("sqrt"),
	NOT_NUMERIC1("exp"),
	NOT_NUMERIC1("ln"),
	NOT_NUMERIC1("log"),
	NOT_NUMERIC1("log10"),
	NOT_NUMERIC2("log"),
	NOT_NUMERIC2("power"),
	NOT_NUMERIC2("pow"),
	NOT_NUMERIC2("^"),
	FLOAT1("sin", 0, trigonometric),
	FLOAT1("cos", 1, trigonometric),
	FLOAT1("tan", 2, trigonometric),
	FLOAT1("atan", 3, trigonometric),
	{"atan2", SQL_FLOAT8, 2, {SQL_FLOAT8, SQL_FLOAT8}, .row = arc_tangent2},
	FLOAT1("radians", 1, angle),
	FLOAT1("degrees", 0, angle),
	{"pi", SQL_FLOAT8, 0, .row = pi},
};

const struct fn_table fns_math = FN_TABLE(fns);
