/* An expression, compiled and run over a few rows: the text up to the first NUL, behind it the
 * values. */
#include "fuzz.h"

#include "dataplane/base/mem.h"
#include "dataplane/graph/expr.h"

static const struct expr_column columns[] = {
	{"i", SQL_INT4},     {"b", SQL_INT8},
	{"f", SQL_FLOAT8},   {"n", SQL_NUMERIC},
	{"t", SQL_TEXT},     {"y", SQL_BOOL},
	{"d", SQL_DATE},     {"ts", SQL_TIMESTAMP},
	{"v", SQL_INTERVAL}, {"j", SQL_JSON},
	{"ip", SQL_INET},    {"q", SQL_BYTEA},
	{"c", SQL_TIME},     {"_time", SQL_TIMESTAMPTZ},
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))
#define N_ROWS    4

/* Any bytes as a value of any type: what the type does not take becomes an error of the row. */
static void fill(struct vec *v, struct arena *a, struct slice bytes)
{
	static const enum val_type types[] = {VAL_STR, VAL_NUM,   VAL_I64,
					      VAL_F64, VAL_BYTES, VAL_TIME};
	for (unsigned row = 0; row < N_ROWS; row++) {
		enum val_type t = types[(row + bytes.len) % 6];
		uint64_t word = 0;
		memcpy(&word, bytes.ptr, bytes.len < 8 ? bytes.len : 8);
		uint32_t off = arena_take8(a, 8), text = arena_copy(a, bytes.ptr, bytes.len);
		if (!off || !text)
			return;
		memcpy(a->base + off, &word, 8);
		bool is_word = t == VAL_I64 || t == VAL_F64 || t == VAL_TIME;
		if (v->type == SQL_TEXT)
			vec_put(v, row, val_of(VAL_STR, text, bytes.len), a);
		else if (t != VAL_NUM) /* that a number is one was looked at where it was made */
			vec_put(v, row, val_of(t, is_word ? off : text, is_word ? 8 : bytes.len),
				a);
		else
			vec_put(v, row, (struct val){.type = row & 1 ? VAL_TRUE : VAL_NULL}, a);
	}
}

static void run(struct expr_set *s, struct slice bytes)
{
	struct expr_run *r;
	struct arena a;
	struct err e;
	unsigned n;
	if (expr_set_finish(s, &e) < 0 || expr_run_create(s, &r, &e) < 0)
		return;
	if (arena_init(&a, 1 << 20) < 0)
		abort();
	arena_reset(&a);
	expr_set_inputs(s, &n);
	for (unsigned i = 0; i < n; i++)
		fill(expr_run_input(r, i), &a, slice_from(bytes, i % (bytes.len + 1)));
	mem_seal(true);
	expr_run_all(r, N_ROWS, &a);
	mem_seal(false);
	const struct vec *v = expr_run_result(r, 0);
	for (unsigned row = 0; row < N_ROWS; row++)
		if (v->state[row] < VEC_ERROR)
			vec_get(v, row, &a);
	arena_fini(&a);
	expr_run_destroy(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct expr_scope scope = {
		.columns = columns, .n_columns = N_COLUMNS, .zone = "Europe/Berlin"};
	struct expr_set *s;
	struct expr_place at;
	struct err e;
	const uint8_t *nul = len ? memchr(data, 0, len) : NULL;
	struct slice text = slice_of(data, nul ? (size_t)(nul - data) : len);
	struct slice bytes = nul ? slice_of(nul + 1, len - text.len - 1) : SLICE_LIT("12");
	if (expr_set_create(&scope, &s, &e) < 0)
		abort();
	if (expr_set_add(s, text, &at, &e) >= 0)
		run(s, bytes);
	else if (at.off > text.len)
		abort();
	expr_set_destroy(s);
	return 0;
}
