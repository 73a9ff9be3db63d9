/* AND, OR, NOT, IS, CASE, COALESCE: what looks at NULLs and errors itself. An error counts only
 * where PostgreSQL, which goes from left to right and stops as soon as the result is known, would
 * have evaluated it.
 */
#include "dataplane/graph/fn.h"

/* Are all of the first @n rows values? */
static bool all_values(const struct vec *v, unsigned n)
{
	uint8_t any = 0;
	for (unsigned i = 0; i < n; i++)
		any |= v->state[i];
	return any == VEC_VALUE;
}

/* Joins @v to what is known so far; @ends (false for AND, true for OR) ends the search. */
static void join(struct vec *out, const struct vec *v, unsigned n, bool ends)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t s = v->state[i], known = out->state[i];
		bool is = v->i[i];
		if (known >= VEC_ERROR || (known == VEC_VALUE && out->i[i] == ends))
			continue;
		if (s != VEC_VALUE) {
			out->state[i] = s;
		} else if (is == ends) {
			out->state[i] = VEC_VALUE;
			out->i[i] = ends;
		}
	}
}

static void run_and_or(struct call *c, unsigned n, bool ends)
{
	struct vec *out = c->out;
	int64_t *restrict is = out->i;
	memcpy(out->state, c->in[0]->state, n);
	memcpy(is, c->in[0]->i, n * sizeof(*is));
	bool clean = all_values(out, n);
	for (unsigned k = 1; k < c->n_in; k++) {
		const struct vec *v = c->in[k];
		const int64_t *restrict more = v->i;
		if (!clean || !all_values(v, n)) {
			clean = false;
			join(out, v, n, ends);
		} else if (ends) {
			for (unsigned i = 0; i < n; i++)
				is[i] |= more[i];
		} else {
			for (unsigned i = 0; i < n; i++)
				is[i] &= more[i];
		}
	}
}

static void run_and(struct call *c, unsigned n)
{
	run_and_or(c, n, false);
}

static void run_or(struct call *c, unsigned n)
{
	run_and_or(c, n, true);
}

static void run_not(struct call *c, unsigned n)
{
	const int64_t *restrict in = c->in[0]->i;
	int64_t *restrict out = c->out->i;
	memcpy(c->out->state, c->in[0]->state, n);
	for (unsigned i = 0; i < n; i++)
		out[i] = in[i] ^ 1;
}

static void run_is_null(struct call *c, unsigned n)
{
	const uint8_t *restrict in = c->in[0]->state;
	uint8_t *restrict state = c->out->state;
	int64_t *restrict out = c->out->i;
	for (unsigned i = 0; i < n; i++)
		out[i] = in[i] == VEC_NULL;
	for (unsigned i = 0; i < n; i++)
		state[i] = in[i] >= VEC_ERROR ? in[i] : VEC_VALUE;
}

/* IS TRUE, IS FALSE: param is which. */
static void run_is_bool(struct call *c, unsigned n)
{
	const struct vec *v = c->in[0];
	for (unsigned i = 0; i < n; i++) {
		c->out->i[i] = v->state[i] == VEC_VALUE && v->i[i] == c->fn->param;
		c->out->state[i] = v->state[i] >= VEC_ERROR ? v->state[i] : VEC_VALUE;
	}
}

/* IS DISTINCT FROM: the two, and whether they are equal. */
static void run_distinct(struct call *c, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t a = c->in[0]->state[i], b = c->in[1]->state[i];
		uint8_t worst = a > b ? a : b;
		c->out->state[i] = worst >= VEC_ERROR ? worst : VEC_VALUE;
		c->out->i[i] = worst == VEC_VALUE ? !c->in[2]->i[i] : a != b;
	}
}

/* Row i of the result is that of argument from[i]; FROM_NONE: NULL; state says what is not a value.
 */
#define FROM_NONE  UINT16_MAX
#define FROM_STATE (UINT16_MAX - 1)

static void copy_picked(struct call *c, unsigned n, const uint16_t *from, const uint8_t *states)
{
	enum cell_kind kind = cell_kind_of(c->out->type);
	for (unsigned i = 0; i < n; i++) {
		if (from[i] >= FROM_STATE) {
			c->out->state[i] = from[i] == FROM_NONE ? VEC_NULL : states[i];
			continue;
		}
		const struct vec *v = c->in[from[i]];
		c->out->state[i] = v->state[i];
		if (v->state[i] != VEC_VALUE)
			continue;
		if (kind == CELL_S)
			c->out->s[i] = v->s[i];
		else if (kind == CELL_I)
			c->out->i[i] = v->i[i];
		else {
			union cell x;
			cell_load(v, i, &x);
			cell_store(c->out, i, &x);
		}
	}
}

/* All rows of @v, NULL: of NULLs. */
static void copy_all(struct vec *out, const struct vec *v, unsigned n)
{
	static const uint8_t bytes[] = {[CELL_I] = sizeof(int64_t),
					[CELL_F] = sizeof(double),
					[CELL_S] = sizeof(struct slice),
					[CELL_N] = sizeof(struct numeric),
					[CELL_V] = sizeof(struct interval)};
	if (!v) {
		memset(out->state, VEC_NULL, n);
		return;
	}
	memcpy(out->state, v->state, n);
	memcpy(out->i, v->i, n * bytes[cell_kind_of(out->type)]);
}

/* Rows of @v where @when is true; where it is an error, that. */
static void copy_where(struct vec *out, const struct vec *when, const struct vec *v, unsigned n)
{
	enum cell_kind kind = cell_kind_of(out->type);
	for (unsigned i = 0; i < n; i++) {
		if (when->state[i] >= VEC_ERROR)
			out->state[i] = when->state[i];
		if (when->state[i] != VEC_VALUE || !when->i[i])
			continue;
		out->state[i] = v->state[i];
		if (kind == CELL_S) {
			out->s[i] = v->s[i];
		} else if (kind == CELL_I || kind == CELL_F) { /* eight bytes */
			out->i[i] = v->i[i];
		} else if (v->state[i] == VEC_VALUE) {
			union cell x;
			cell_load(v, i, &x);
			cell_store(out, i, &x);
		}
	}
}

/* (when, then) .., and an else when the number of arguments is odd. From the last to the first, so
 * that the first that holds stands.
 */
static void run_case(struct call *c, unsigned n)
{
	copy_all(c->out, c->n_in % 2 ? c->in[c->n_in - 1] : NULL, n);
	for (unsigned k = c->n_in / 2; k-- > 0;)
		copy_where(c->out, c->in[2 * k], c->in[2 * k + 1], n);
}

static void run_coalesce(struct call *c, unsigned n)
{
	uint16_t from[VEC_ROWS_MAX];
	for (unsigned i = 0; i < n; i++) {
		unsigned k = 0;
		while (k + 1 < c->n_in && c->in[k]->state[i] == VEC_NULL)
			k++;
		from[i] = (uint16_t)k;
	}
	copy_picked(c, n, from, NULL);
}

/* GREATEST, LEAST: param is the sign that wins. NULLs do not take part; any error does. */
static void run_extreme(struct call *c, unsigned n)
{
	uint16_t from[VEC_ROWS_MAX];
	uint8_t states[VEC_ROWS_MAX];
	for (unsigned i = 0; i < n; i++) {
		union cell best, x;
		from[i] = FROM_NONE;
		for (unsigned k = 0; k < c->n_in && from[i] != FROM_STATE; k++) {
			states[i] = c->in[k]->state[i];
			if (states[i] >= VEC_ERROR)
				from[i] = FROM_STATE;
			if (states[i] != VEC_VALUE)
				continue;
			cell_load(c->in[k], i, &x);
			if (from[i] == FROM_NONE ||
			    cell_compare(c->out->type, &x, &best) * c->fn->param > 0) {
				best = x;
				from[i] = (uint16_t)k;
			}
		}
	}
	copy_picked(c, n, from, states);
}

const struct fn fn_and = {"AND", SQL_BOOL, 1, {SQL_BOOL}, FN_VARIADIC, .vec = run_and};
const struct fn fn_or = {"OR", SQL_BOOL, 1, {SQL_BOOL}, FN_VARIADIC, .vec = run_or};
const struct fn fn_not = {"NOT", SQL_BOOL, 1, {SQL_BOOL}, .vec = run_not};
const struct fn fn_is_null = {"IS NULL", SQL_BOOL, 1, .vec = run_is_null};
const struct fn fn_is_true = {"IS TRUE", SQL_BOOL, 1, {SQL_BOOL}, .param = 1, .vec = run_is_bool};
const struct fn fn_is_false = {"IS FALSE", SQL_BOOL, 1, {SQL_BOOL}, .param = 0, .vec = run_is_bool};
const struct fn fn_distinct = {"IS DISTINCT FROM", SQL_BOOL, 3, .vec = run_distinct};
const struct fn fn_case = {"CASE", SQL_BOOL, 1, .flags = FN_VARIADIC, .vec = run_case};
const struct fn fn_coalesce = {"COALESCE", SQL_BOOL, 1, .flags = FN_VARIADIC, .vec = run_coalesce};
const struct fn fn_greatest = {"GREATEST",           SQL_BOOL,   1,
			       .flags = FN_VARIADIC, .param = 1, .vec = run_extreme};
const struct fn fn_least = {"LEAST",     SQL_BOOL,          1, .flags = FN_VARIADIC,
			    .param = -1, .vec = run_extreme};
