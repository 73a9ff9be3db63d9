#include "dataplane/graph/accum.h"

#include <math.h>

#include "dataplane/base/text.h"
#include "dataplane/graph/exact.h"
#include "dataplane/graph/key.h"

const char accum_names[] = "count(*), count(x), sum(x), min(x), max(x), avg(x), approx_distinct(x)";

static const struct {
	const char *name;
	enum accum_kind kind;
} functions[] = {
	{"count", ACCUM_COUNT}, {"sum", ACCUM_SUM}, {"min", ACCUM_MIN},
	{"max", ACCUM_MAX},     {"avg", ACCUM_AVG}, {"approx_distinct", ACCUM_DISTINCT},
};

static struct slice trimmed(struct slice s)
{
	while (s.len && s.ptr[0] == ' ')
		s = slice_from(s, 1);
	while (s.len && s.ptr[s.len - 1] == ' ')
		s.len--;
	return s;
}

/* Does the parenthesis at @open close at the end of @s, and not before? */
static bool spans(struct slice s, size_t open)
{
	unsigned depth = 0;
	uint8_t quote = 0;
	for (size_t i = open; i < s.len; i++) {
		uint8_t c = s.ptr[i];
		if (quote)
			quote = c == quote ? 0 : quote;
		else if (c == '\'' || c == '"')
			quote = c;
		else if (c == '(')
			depth++;
		else if (c == ')' && --depth == 0)
			return i + 1 == s.len;
	}
	return false;
}

bool accum_parse(const char *text, enum accum_kind *ret_kind, struct slice *ret_arg)
{
	struct slice s = trimmed(slice_str(text));
	const uint8_t *open = s.len ? memchr(s.ptr, '(', s.len) : NULL;
	if (!open || !spans(s, (size_t)(open - s.ptr)))
		return false;
	struct slice name = trimmed(slice_of(s.ptr, (size_t)(open - s.ptr)));
	struct slice arg = slice_of(open + 1, (size_t)(s.ptr + s.len - open) - 2);
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (text_ieq(name, slice_str(functions[i].name))) {
			*ret_kind = functions[i].kind;
			if (*ret_kind == ACCUM_COUNT && slice_eq(trimmed(arg), SLICE_LIT("*")))
				*ret_kind = ACCUM_COUNT_ALL;
			*ret_arg = arg;
			return true;
		}
	return false;
}

static bool is_int(enum sql_type t)
{
	return t == SQL_INT2 || t == SQL_INT4 || t == SQL_INT8;
}

static bool is_float(enum sql_type t)
{
	return t == SQL_FLOAT4 || t == SQL_FLOAT8;
}

/* The types of the results are PostgreSQL's, but that floats of either size add up to float8. */
const char *accum_type(struct accum *x)
{
	bool number = is_int(x->in) || is_float(x->in) || x->in == SQL_NUMERIC;
	bool time = x->in == SQL_DATE || x->in == SQL_TIME || x->in == SQL_TIMESTAMP ||
		    x->in == SQL_TIMESTAMPTZ;
	switch (x->kind) {
	case ACCUM_COUNT_ALL:
	case ACCUM_COUNT:
		x->out = SQL_INT8;
		return NULL;
	case ACCUM_DISTINCT:
		x->out = SQL_INT8;
		return key_can(x->in) ? NULL : "another type: x::text is one";
	case ACCUM_SUM:
	case ACCUM_AVG:
		x->out = is_float(x->in) ? SQL_FLOAT8 : SQL_NUMERIC;
		if (x->kind == ACCUM_SUM && (x->in == SQL_INT2 || x->in == SQL_INT4))
			x->out = SQL_INT8;
		return number ? NULL : "a number: x::bigint, x::float8 and x::numeric are";
	case ACCUM_MIN:
	case ACCUM_MAX:
		x->out = x->in;
		return number || time ? NULL
				      : "a number, a date or a time: x::bigint, x::timestamptz are";
	}
	return NULL;
}

/* ---- accumulators ---- */

struct sum_int {
	__int128 sum;
	uint64_t n;
};

struct sum_f64 {
	struct exact_f64 sum;
	uint64_t n;
};

struct sum_numeric {
	struct exact_numeric sum;
	uint64_t n;
};

struct extreme {
	union cell best;
	uint64_t n;
};

#define HLL_BITS 12
#define HLL_REGS (1u << HLL_BITS)
#define HLL_RANK 65 /* the largest: no bit of 64 is set */

static size_t whole(size_t bytes)
{
	return (bytes + 15) & ~(size_t)15;
}

size_t accum_bytes(const struct accum *x)
{
	switch (x->kind) {
	case ACCUM_COUNT_ALL:
	case ACCUM_COUNT:
		return whole(sizeof(uint64_t));
	case ACCUM_MIN:
	case ACCUM_MAX:
		return whole(sizeof(struct extreme));
	case ACCUM_DISTINCT:
		return HLL_REGS;
	default:
		return whole(is_int(x->in)     ? sizeof(struct sum_int)
			     : is_float(x->in) ? sizeof(struct sum_f64)
					       : sizeof(struct sum_numeric));
	}
}

static void sum_add(const struct accum *x, void *at, const union cell *c)
{
	if (is_int(x->in)) {
		struct sum_int *s = at;
		s->sum += c->i; /* 2^63 summands of 2^63 fit */
		s->n++;
	} else if (is_float(x->in)) {
		struct sum_f64 *s = at;
		exact_f64_add(&s->sum, c->f);
		s->n++;
	} else {
		struct sum_numeric *s = at;
		exact_numeric_add(&s->sum, c->n);
		s->n++;
	}
}

static void extreme_add(const struct accum *x, struct extreme *m, const union cell *c)
{
	int order = m->n ? cell_compare(x->in, c, &m->best) : 0;
	if (!m->n++ || (x->kind == ACCUM_MIN ? order < 0 : order > 0))
		m->best = *c;
}

static void hll_add(uint8_t *regs, struct key k)
{
	uint8_t *reg = &regs[k.lo % HLL_REGS];
	unsigned rank = k.hi ? 1 + (unsigned)__builtin_clzll(k.hi) : HLL_RANK;
	*reg = rank > *reg ? (uint8_t)rank : *reg;
}

void accum_add(const struct accum *x, void *at, const struct vec *v, unsigned i)
{
	union cell c;
	if (x->kind == ACCUM_COUNT_ALL) {
		++*(uint64_t *)at;
		return;
	}
	if (v->state[i] != VEC_VALUE)
		return;
	switch (x->kind) {
	case ACCUM_COUNT:
		++*(uint64_t *)at;
		break;
	case ACCUM_DISTINCT:
		hll_add(at, key_of(v, i));
		break;
	case ACCUM_MIN:
	case ACCUM_MAX:
		cell_load(v, i, &c);
		extreme_add(x, at, &c);
		break;
	default:
		cell_load(v, i, &c);
		sum_add(x, at, &c);
	}
}

/* ---- results ---- */

/* As wide as the accumulator is, so that avg of what has no sum of 38 digits still fails by name.
 */
static uint8_t numeric_sum(const struct accum *x, const void *at, struct numeric *ret_n,
			   uint64_t *ret_count)
{
	if (!is_int(x->in)) {
		const struct sum_numeric *s = at;
		*ret_count = s->n;
		return exact_numeric_get(&s->sum, ret_n);
	}
	const struct sum_int *s = at;
	*ret_count = s->n;
	*ret_n = (struct numeric){.coef = s->sum};
	return VEC_VALUE;
}

static uint8_t sum_get(const struct accum *x, const void *at, union cell *ret)
{
	uint64_t n;
	struct numeric sum;
	if (is_float(x->in)) {
		const struct sum_f64 *s = at;
		double f = exact_f64_get(&s->sum);
		if (s->n == 0)
			return VEC_NULL;
		ret->f = x->kind == ACCUM_AVG ? f / (double)s->n : f;
		/* Infinity of finite numbers is what PostgreSQL raises. */
		bool given = s->sum.nan || s->sum.plus || s->sum.minus;
		return isfinite(f) || given ? VEC_VALUE : VEC_OUT_OF_RANGE;
	}
	uint8_t state = numeric_sum(x, at, &sum, &n);
	if (n == 0 || state != VEC_VALUE)
		return n ? state : VEC_NULL;
	if (x->kind == ACCUM_AVG)
		return numeric_div(sum, (struct numeric){.coef = (__int128)n}, &ret->n);
	if (x->out == SQL_NUMERIC) {
		ret->n = sum;
		return VEC_VALUE;
	}
	return numeric_to_i64(sum, &ret->i);
}

/* The estimator of O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches"
 * (2017), section 4: without tables, and good for small and large counts alike.
 */
static double ertl_sigma(double x)
{
	double y = 1, z = x, before;
	if (x == 1)
		return INFINITY;
	do {
		x *= x;
		before = z;
		z += x * y;
		y += y;
	} while (z != before);
	return z;
}

static double ertl_tau(double x)
{
	double y = 1, z = 1 - x, before;
	if (x == 0 || x == 1)
		return 0;
	do {
		x = sqrt(x);
		before = z;
		y *= 0.5;
		z -= (1 - x) * (1 - x) * y;
	} while (z != before);
	return z / 3;
}

static int64_t hll_get(const uint8_t *regs)
{
	unsigned n[HLL_RANK + 1] = {0};
	const double m = HLL_REGS;
	for (unsigned i = 0; i < HLL_REGS; i++)
		n[regs[i]]++;
	double z = m * ertl_tau(1 - n[HLL_RANK] / m);
	for (unsigned k = HLL_RANK - 1; k >= 1; k--)
		z = 0.5 * (z + n[k]);
	z += m * ertl_sigma(n[0] / m);
	return (int64_t)llround(m / (2 * M_LN2) * m / z);
}

uint8_t accum_get(const struct accum *x, const void *at, union cell *ret)
{
	const struct extreme *m = at;
	switch (x->kind) {
	case ACCUM_COUNT_ALL:
	case ACCUM_COUNT:
		ret->i = (int64_t) * (const uint64_t *)at;
		return VEC_VALUE;
	case ACCUM_DISTINCT:
		ret->i = hll_get(at);
		return VEC_VALUE;
	case ACCUM_MIN:
	case ACCUM_MAX:
		*ret = m->best;
		return m->n ? VEC_VALUE : VEC_NULL;
	default:
		return sum_get(x, at, ret);
	}
}
