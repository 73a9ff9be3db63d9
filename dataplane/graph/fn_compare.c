#include <math.h>

#include "dataplane/base/bytes.h"
#include "dataplane/graph/fn.h"
#include "dataplane/graph/inet.h"

enum cmp { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE };

static int compare_f64(double a, double b)
{
	if (isnan(a) || isnan(b)) /* NaN equals itself and is above all others */
		return isnan(a) - isnan(b);
	return (a > b) - (a < b);
}

static int compare_bytes(struct slice a, struct slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int d = n ? memcmp(a.ptr, b.ptr, n) : 0;
	return d ? d : (a.len > b.len) - (a.len < b.len);
}

/* Intervals as PostgreSQL orders them: a month is 30 days, a day 24 hours. */
static int compare_interval(struct interval a, struct interval b)
{
	const __int128 day = 86400LL * 1000000000;
	__int128 x = ((__int128)a.months * 30 + a.days) * day + a.ns;
	__int128 y = ((__int128)b.months * 30 + b.days) * day + b.ns;
	return (x > y) - (x < y);
}

int cell_compare(enum sql_type t, const union cell *a, const union cell *b)
{
	switch (cell_kind_of(t)) {
	case CELL_F:
		return compare_f64(a->f, b->f);
	case CELL_N:
		return numeric_cmp(a->n, b->n);
	case CELL_S:
		return t == SQL_INET ? inet_compare(a->s, b->s) : compare_bytes(a->s, b->s);
	case CELL_V:
		return compare_interval(a->v, b->v);
	default:
		return (a->i > b->i) - (a->i < b->i);
	}
}

#define EACH(value)                      \
	for (unsigned i = 0; i < n; i++) \
		out[i] = (value);        \
	break

static void compare_ints(struct call *c, unsigned n)
{
	const int64_t *restrict a = c->in[0]->i, *restrict b = c->in[1]->i;
	int64_t *restrict out = c->out->i;
	fn_join_states(c, n);
	switch (c->fn->param) {
	case CMP_EQ:
		EACH(a[i] == b[i]);
	case CMP_NE:
		EACH(a[i] != b[i]);
	case CMP_LT:
		EACH(a[i] < b[i]);
	case CMP_LE:
		EACH(a[i] <= b[i]);
	case CMP_GT:
		EACH(a[i] > b[i]);
	case CMP_GE:
		EACH(a[i] >= b[i]);
	}
}

static void compare_floats(struct call *c, unsigned n)
{
	const double *restrict a = c->in[0]->f, *restrict b = c->in[1]->f;
	int64_t *restrict out = c->out->i;
	fn_join_states(c, n);
	switch (c->fn->param) {
	case CMP_EQ:
		EACH(compare_f64(a[i], b[i]) == 0);
	case CMP_NE:
		EACH(compare_f64(a[i], b[i]) != 0);
	case CMP_LT:
		EACH(compare_f64(a[i], b[i]) < 0);
	case CMP_LE:
		EACH(compare_f64(a[i], b[i]) <= 0);
	case CMP_GT:
		EACH(compare_f64(a[i], b[i]) > 0);
	case CMP_GE:
		EACH(compare_f64(a[i], b[i]) >= 0);
	}
}

/* Equality with a constant of up to eight bytes, which is what filters mostly ask for. */
static void equal_short(struct call *c, unsigned n, struct slice b)
{
	const struct slice *a = c->in[0]->s;
	const uint8_t *state = c->out->state;
	int64_t *out = c->out->i;
	int64_t differs = c->fn->param == CMP_NE;
	uint64_t want = bytes_pack(b.ptr, b.len);
	size_t len = b.len;
	for (unsigned i = 0; i < n; i++) {
		bool equal = state[i] == VEC_VALUE && a[i].len == len &&
			     bytes_pack(a[i].ptr, len) == want;
		out[i] = equal ^ differs;
	}
}

static void equal_texts(struct call *c, unsigned n)
{
	const struct slice *a = c->in[0]->s, *b = c->in[1]->s;
	int64_t *out = c->out->i;
	int64_t differs = c->fn->param == CMP_NE;
	fn_join_states(c, n);
	const uint8_t *state = c->out->state;
	if (n > 0 && (c->constants & 2) && c->in[1]->state[0] == VEC_VALUE && b[0].len <= 8) {
		equal_short(c, n, b[0]);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		bool equal = state[i] == VEC_VALUE && bytes_same(a[i], b[i]);
		out[i] = equal ^ differs;
	}
}

static bool holds(int32_t op, int d)
{
	switch (op) {
	case CMP_EQ:
		return d == 0;
	case CMP_NE:
		return d != 0;
	case CMP_LT:
		return d < 0;
	case CMP_LE:
		return d <= 0;
	case CMP_GT:
		return d > 0;
	default:
		return d >= 0;
	}
}

static uint8_t compare_cells(struct call *c, const union cell *in, union cell *ret)
{
	ret->i = holds(c->fn->param, cell_compare(c->in[0]->type, &in[0], &in[1]));
	return VEC_VALUE;
}

/* ---- IN, of constants ---- */

struct set {
	unsigned mask;
	bool has_null;
	uint8_t *used;
	uint64_t *words; /* bytes_word of texts, or integers */
	struct slice *s;
};

static void set_add(struct set *s, const struct vec *v)
{
	if (v->state[0] == VEC_NULL) {
		s->has_null = true;
		return;
	}
	bool text = cell_kind_of(v->type) == CELL_S;
	uint64_t word = text ? bytes_word(v->s[0]) : (uint64_t)v->i[0], at = bytes_mix(word);
	while (s->used[at & s->mask])
		at++;
	at &= s->mask;
	s->used[at] = 1;
	s->words[at] = word;
	if (text)
		s->s[at] = v->s[0];
}

static int prepare_in(struct fn_prep *p, const void **ret_aux)
{
	unsigned cap = 4;
	while (cap < 2 * p->n_args)
		cap *= 2;
	uint32_t at = arena_take8(p->a, sizeof(struct set)), used = arena_take(p->a, cap);
	uint32_t words = arena_take8(p->a, cap * sizeof(uint64_t));
	uint32_t texts = arena_take8(p->a, cap * sizeof(struct slice));
	if (!at || !used || !words || !texts)
		return err_set(p->e, -ENOSPC, "the list is too long");
	struct set *s = (struct set *)(p->a->base + at);
	*s = (struct set){.mask = cap - 1, .used = p->a->base + used};
	memset(s->used, 0, cap);
	s->words = (uint64_t *)(p->a->base + words);
	s->s = (struct slice *)(p->a->base + texts);
	for (unsigned i = 1; i < p->n_args; i++)
		set_add(s, p->constants[i]);
	*ret_aux = s;
	return 0;
}

static bool set_has_text(const struct set *s, struct slice x)
{
	uint64_t word = bytes_word(x);
	for (uint64_t at = bytes_mix(word);; at++) {
		at &= s->mask;
		if (!s->used[at])
			return false;
		if (s->words[at] == word && bytes_word_same(word, s->s[at], x))
			return true;
	}
}

static bool set_has_int(const struct set *s, int64_t x)
{
	for (uint64_t at = bytes_mix((uint64_t)x);; at++) {
		at &= s->mask;
		if (!s->used[at])
			return false;
		if (s->words[at] == (uint64_t)x)
			return true;
	}
}

static void run_in(struct call *c, unsigned n)
{
	const struct set s = *(const struct set *)c->aux; /* what is written here is not of it */
	const struct vec *v = c->in[0];
	bool text = cell_kind_of(v->type) == CELL_S;
	for (unsigned i = 0; i < n; i++) {
		uint8_t state = v->state[i];
		if (state == VEC_VALUE) {
			c->out->i[i] = text ? set_has_text(&s, v->s[i]) : set_has_int(&s, v->i[i]);
			if (s.has_null && !c->out->i[i])
				state = VEC_NULL;
		}
		c->out->state[i] = state;
	}
}

const struct fn fn_in = {
	"IN", SQL_BOOL, 1, .flags = FN_VARIADIC, .n_run = 1, .vec = run_in, .prepare = prepare_in};

#define COMPARE(a, b, equal, order)                                  \
	{"=", SQL_BOOL, 2, {a, b}, .param = CMP_EQ, equal},          \
		{"<>", SQL_BOOL, 2, {a, b}, .param = CMP_NE, equal}, \
		{"<", SQL_BOOL, 2, {a, b}, .param = CMP_LT, order},  \
		{"<=", SQL_BOOL, 2, {a, b}, .param = CMP_LE, order}, \
		{">", SQL_BOOL, 2, {a, b}, .param = CMP_GT, order},  \
	{                                                            \
		">=", SQL_BOOL, 2, {a, b}, .param = CMP_GE, order    \
	}
#define COMPARE_INTS(t)      COMPARE(t, t, .vec = compare_ints, .vec = compare_ints)
#define COMPARE_FLOATS(a, b) COMPARE(a, b, .vec = compare_floats, .vec = compare_floats)
#define COMPARE_CELLS(t)     COMPARE(t, t, .row = compare_cells, .row = compare_cells)
#define COMPARE_TEXTS(t)     COMPARE(t, t, .vec = equal_texts, .row = compare_cells)

static const struct fn fns[] = {
	COMPARE_INTS(SQL_BOOL),
	COMPARE_INTS(SQL_INT2),
	COMPARE_INTS(SQL_INT4),
	COMPARE_INTS(SQL_INT8),
	COMPARE_INTS(SQL_DATE),
	COMPARE_INTS(SQL_TIME),
	COMPARE_INTS(SQL_TIMESTAMP),
	COMPARE_INTS(SQL_TIMESTAMPTZ),
	COMPARE_FLOATS(SQL_FLOAT4, SQL_FLOAT4),
	COMPARE_FLOATS(SQL_FLOAT4, SQL_FLOAT8),
	COMPARE_FLOATS(SQL_FLOAT8, SQL_FLOAT4),
	COMPARE_FLOATS(SQL_FLOAT8, SQL_FLOAT8),
	COMPARE_CELLS(SQL_NUMERIC),
	COMPARE_TEXTS(SQL_TEXT),
	COMPARE_TEXTS(SQL_BYTEA),
	COMPARE_CELLS(SQL_INTERVAL),
	COMPARE_CELLS(SQL_INET),
};

const struct fn_table fns_compare = FN_TABLE(fns);
