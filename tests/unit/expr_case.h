/* expr_case.h - expressions over one row of known columns, and what comes out, as text.
 *
 * In:     an expression.
 * Out:    its value in PostgreSQL's spelling, "NULL", "!error", or "? what is wrong".
 * Owns:   all of it, until the end of the call.
 * Runs:   main of a test.
 * Limits: 1 MiB of text.
 */
#ifndef SL_TESTS_UNIT_EXPR_CASE_H
#define SL_TESTS_UNIT_EXPR_CASE_H

#include "tests/unit/unit.h"

#include <stdio.h>

#include "dataplane/base/mem.h"
#include "dataplane/graph/expr.h"
#include "dataplane/graph/literal.h"

struct expr_case_column {
	const char *name;
	enum sql_type type;
	const char *value; /* NULL: NULL */
};

static const struct expr_case_column expr_case_columns[] = {
	{"i", SQL_INT4, "7"},
	{"zero", SQL_INT4, "0"},
	{"big", SQL_INT8, "9223372036854775807"},
	{"f", SQL_FLOAT8, "1.5"},
	{"n", SQL_NUMERIC, "12.50"},
	{"t", SQL_TEXT, "Hello, w\xc3\xb6rld"},
	{"empty", SQL_TEXT, ""},
	{"nothing", SQL_TEXT, NULL},
	{"yes", SQL_BOOL, "true"},
	{"unknown", SQL_BOOL, NULL},
	{"d", SQL_DATE, "2026-11-25"},
	{"ts", SQL_TIMESTAMP, "2026-11-25 04:43:16.5"},
	{"_time", SQL_TIMESTAMPTZ, "2026-07-25 04:43:16+00"},
	{"j", SQL_JSON, "{\"a\":{\"b\":[1,\"x\\ny\",null]},\"a2\":true}"},
	{"ip", SQL_INET, "10.1.2.3/24"},
	{"Mixed", SQL_INT4, "1"},
};
#define EXPR_CASE_COLUMNS (sizeof(expr_case_columns) / sizeof(expr_case_columns[0]))

static inline struct expr_set *expr_case_set(const char *zone)
{
	static struct expr_column columns[EXPR_CASE_COLUMNS];
	struct expr_set *s;
	struct err e;
	for (unsigned i = 0; i < EXPR_CASE_COLUMNS; i++)
		columns[i] =
			(struct expr_column){expr_case_columns[i].name, expr_case_columns[i].type};
	struct expr_scope scope = {
		.columns = columns, .n_columns = EXPR_CASE_COLUMNS, .zone = zone};
	assert_int_equal(expr_set_create(&scope, &s, &e), 0);
	return s;
}

static inline void expr_case_fill(const struct expr_set *s, struct expr_run *r, unsigned row)
{
	unsigned n;
	const struct expr_column *inputs = expr_set_inputs(s, &n);
	for (unsigned i = 0; i < n; i++)
		for (unsigned c = 0; c < EXPR_CASE_COLUMNS; c++) {
			const char *value = expr_case_columns[c].value;
			struct vec *v = expr_run_input(r, i);
			union cell cell;
			if (strcmp(inputs[i].name, expr_case_columns[c].name) != 0)
				continue;
			v->state[row] = value ? VEC_VALUE : VEC_NULL;
			if (!value)
				continue;
			cell.s = slice_str(value);
			if (v->type != SQL_TEXT && v->type != SQL_JSON)
				assert_int_equal(
					literal_read(v->type, slice_str(value), NULL, &cell), 0);
			cell_store(v, row, &cell);
		}
}

static inline void expr_case_print(const struct vec *v, unsigned row, char *out, size_t size)
{
	union cell c;
	if (v->state[row] >= VEC_ERROR) {
		snprintf(out, size, "!%s", vec_error_name(v->state[row]));
	} else if (v->state[row] == VEC_NULL) {
		snprintf(out, size, "NULL");
	} else {
		cell_load(v, row, &c);
		if (v->type == SQL_TEXT || v->type == SQL_JSON || v->type == SQL_BYTEA)
			snprintf(out, size, "%.*s", (int)c.s.len, (const char *)c.s.ptr);
		else
			out[literal_put(v->type, &c, NULL, out)] = '\0';
	}
}

/* Writes what becomes of @text over the row of expr_case_columns. */
static inline void expr_case_run(const char *text, const char *zone, char *out, size_t size)
{
	struct expr_set *s = expr_case_set(zone);
	struct expr_run *r;
	struct expr_place at;
	struct arena a;
	struct err e;
	int expr = expr_set_add(s, slice_str(text), &at, &e);
	if (expr < 0) {
		snprintf(out, size, "? %zu: %s", at.off, e.text);
		expr_set_destroy(s);
		return;
	}
	assert_int_equal(expr_set_finish(s, &e), 0);
	assert_int_equal(expr_run_create(s, &r, &e), 0);
	assert_int_equal(arena_init(&a, 1 << 20), 0);
	arena_reset(&a);
	expr_case_fill(s, r, 0);
	mem_seal(true);
	expr_run_all(r, 1, &a);
	mem_seal(false);
	expr_case_print(expr_run_result(r, (unsigned)expr), 0, out, size);
	arena_fini(&a);
	expr_run_destroy(r);
	expr_set_destroy(s);
}

static inline void expr_is(const char *text, const char *result)
{
	char out[1024];
	expr_case_run(text, NULL, out, sizeof(out));
	if (strcmp(out, result) != 0)
		fail_msg("%s: got <%s>, expected <%s>", text, out, result);
}

/* Refused at byte @off with a message that has @part in it. */
static inline void expr_refused(const char *text, size_t off, const char *part)
{
	char out[1024], place[32];
	expr_case_run(text, NULL, out, sizeof(out));
	snprintf(place, sizeof(place), "? %zu: ", off);
	if (strncmp(out, place, strlen(place)) != 0 || !strstr(out, part))
		fail_msg("%.60s: got <%s>, expected <%s...%s>", text, out, place, part);
}

#endif
