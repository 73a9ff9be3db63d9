#include "expr_case.h"

static void operators_have_the_types_and_results_of_sql(void **state)
{
	expr_is("i + 1", "8");
	expr_is("i / 2", "3");
	expr_is("i % 4", "3");
	expr_is("-i", "-7");
	expr_is("i * 0.5", "3.5");
	expr_is("n / 3", "4.1666666666666667");
	expr_is("f * 2", "3");
	expr_is("2 ^ 10", "1024");
	expr_is("i > 5 AND yes", "true");
	expr_is("t || i", "Hello, w\xc3\xb6rld7");
	expr_is("i BETWEEN SYMMETRIC 9 AND 3", "true");
	expr_is("i NOT IN (1, 2, 3)", "true");
	expr_is("t IN ('a', 'Hello, w\xc3\xb6rld')", "true");
	expr_is("greatest(i, f, NULL)", "7");
	expr_is("nullif(i, 7)", "NULL");
	expr_is("coalesce(nothing, t)", "Hello, w\xc3\xb6rld");
	expr_is("mixed", "? 0: no column mixed; did you mean Mixed?");
	expr_is("Mixed", "1");
	expr_is("\"Mixed\" + I", "8");
}

static void unknown_is_neither_true_nor_false(void **state)
{
	expr_is("unknown AND yes", "NULL");
	expr_is("unknown AND NOT yes", "false");
	expr_is("unknown OR yes", "true");
	expr_is("unknown IS NULL", "true");
	expr_is("unknown IS NOT TRUE", "true");
	expr_is("nothing = 'x'", "NULL");
	expr_is("nothing IS DISTINCT FROM 'x'", "true");
	expr_is("nothing IS NOT DISTINCT FROM NULL", "true");
	expr_is("i IN (1, NULL)", "NULL");
	expr_is("i IN (7, NULL)", "true");
	expr_is("i NOT IN (1, NULL)", "NULL");
	expr_is("CASE WHEN unknown THEN 1 ELSE 2 END", "2");
}

static void an_error_counts_only_where_it_would_be_evaluated(void **state)
{
	expr_is("1 / zero", "!division_by_zero");
	expr_is("CASE WHEN zero = 0 THEN -1 ELSE 1 / zero END", "-1");
	expr_is("CASE WHEN 1 / zero > 0 THEN 1 END", "!division_by_zero");
	expr_is("zero <> 0 AND 1 / zero > 0", "false");
	expr_is("zero = 0 OR 1 / zero > 0", "true");
	expr_is("zero = 0 AND 1 / zero > 0", "!division_by_zero");
	expr_is("unknown AND 1 / zero > 0", "!division_by_zero");
	expr_is("coalesce(i, 1 / zero)", "7");
	expr_is("coalesce(nothing::int, 1 / zero)", "!division_by_zero");
	expr_is("greatest(i, 1 / zero)", "!division_by_zero");
	expr_is("big + 1", "!out_of_range");
	expr_is("t::int", "!bad_input");
	expr_is("repeat('x', 2000000 + i)", "!no_room");
	expr_is("nothing || (1 / zero)", "!division_by_zero");
}

static void what_is_refused_is_named_with_its_place_and_what_there_is_instead(void **state)
{
	expr_refused("i + lowr(t)", 4, "did you mean lower?");
	expr_refused("t = 5", 2, "x::bigint");
	expr_refused("i = 'abc'", 4, "'abc' is no integer");
	expr_refused("tt", 0, "did you mean t?");
	expr_refused("i +", 3, "syntax error");
	expr_refused("(SELECT 1)", 0, "enrich");
	expr_refused("count(*)", 0, "aggregate");
	expr_refused("i::integr", 1, "did you mean integer");
	expr_refused("i, t", 3, "not a list");
	expr_refused("i AS x", 0, "no meaning");
	expr_refused("t ~ nothing", 2, "constant");
	expr_refused("t ~ 'a(?=b)'", 2, "look-around");
	expr_refused("substring(t from 'l+')", 0, "split_part");
	expr_refused("regexp_like(t, 'l', 'x')", 0, "i and c");
	expr_refused("regexp_replace(t, 'l', 'x')", 0, "replace");
	expr_refused("random()", 0, "the same each time");
	expr_refused("j = j", 2, "->>");
	expr_refused("sqrt(n)", 0, "float8");
	expr_refused("i WHERE i", 0, "filter");
	expr_refused("1 / 0", 2, "division_by_zero");
	expr_refused("date_trunc('dya', ts)", 0, "day, week");
	expr_refused("ts AT TIME ZONE 'Europe/Berlim'", 3, "IANA");
	expr_refused("d.x", 0, "->>");
	expr_refused("t COLLATE \"C\"", 2, "byte by byte");
	expr_refused("\xff", 0, "UTF-8");
}

static void deep_and_long_texts_are_refused_without_harm(void **state)
{
	static char text[EXPR_TEXT_BYTES_MAX + 2];
	for (unsigned i = 0; i < 36000; i += 4)
		memcpy(text + i, "NOT ", 4);
	memcpy(text + 36000, "yes", 4);
	expr_refused(text, 0, "levels");
	memset(text, '(', 50000);
	text[50000] = '\0';
	expr_refused(text, 0, "levels");
	for (unsigned i = 0; i + 2 < 60000; i += 2)
		memcpy(text + i, "i+", 3);
	expr_refused(text, 0, "levels");
	text[59997] = '\0'; /* 29,999 levels */
	expr_refused(text, 0, "levels");
	for (unsigned i = 0; i < 18000; i += 2) /* the deepest for its length */
		memcpy(text + i, "- ", 3);
	memcpy(text + 18000, "i", 2);
	expr_refused(text, 0, "levels");
	memset(text, ' ', EXPR_TEXT_BYTES_MAX + 1);
	expr_refused(text, 0, "bytes");
}

/* @head, then @part so often, then @tail. */
static const char *many(const char *head, const char *part, unsigned n, const char *tail)
{
	static char text[EXPR_TEXT_BYTES_MAX];
	size_t at = (size_t)snprintf(text, sizeof(text), "%s", head);
	for (unsigned i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s", part);
	snprintf(text + at, sizeof(text) - at, "%s", tail);
	return text;
}

static void wide_texts_are_not_deep(void **state)
{
	expr_is(many("i IN (1", ", 2 + 3", 3000, ", 7)"), "true");
	expr_is(many("i = 7", " AND NOT i * 2 + 1 > 16", 2000, ""), "true");
	expr_is(many("CASE", " WHEN i = 1 THEN i + 1", 1000, " ELSE 5 END"), "5");
	expr_is(many("length(concat(t", ", t || i", 90, "))"), "1182");
	expr_is(many("i", " + 1", 90, ""), "97");
	expr_refused(many("i", " + 1", 110, ""), 0, "levels");
	expr_refused(many("", "CASE WHEN yes THEN ", 3000, "i"), 0, "levels");
	expr_refused(many("", "ARRAY[1, ", 5000, "i"), 0, "levels");
	expr_refused(many("i FROM a", " JOIN b ON x AND y", 3000, ""), 0, "levels");
	expr_refused(many("i", " UNION SELECT i", 3000, ""), 0, "levels");
	expr_refused(many("i", "::int", 3000, ""), 0, "levels");
}

static void items_of_a_list_have_the_names_that_sql_gives_them(void **state)
{
	struct expr_set *s = expr_case_set(NULL);
	const struct expr_item *items;
	struct expr_place at;
	struct err e;
	unsigned n;
	static const char *const names[] = {NULL, "i",    "seconds", "lower",
					    "n",  "case", "date",    "now"};
	const char *text = "*, i, f::int AS seconds, lower(t), n::int, CASE WHEN yes THEN d END, "
			   "'2026-01-01'::date, now()";
	assert_int_equal(expr_set_add_list(s, slice_str(text), &items, &n, &at, &e), 0);
	assert_int_equal(n, 8);
	assert_int_equal(items[0].expr, -1);
	for (unsigned i = 1; i < n; i++) {
		assert_string_equal(items[i].name, names[i]);
		assert_true(items[i].expr >= 0);
	}
	assert_int_equal(expr_set_type(s, (unsigned)items[2].expr), SQL_INT4);
	assert_int_equal(expr_set_add_list(s, SLICE_LIT("i, i + 1"), &items, &n, &at, &e), -EINVAL);
	assert_int_equal(at.off, 5);
	assert_non_null(strstr(e.text, "AS name"));
	expr_set_destroy(s);
}

static void an_open_scope_makes_columns_of_names_once(void **state)
{
	struct expr_scope scope = {.open = true};
	struct expr_set *s;
	struct expr_place at;
	struct err e;
	unsigned n;
	const struct vec *v;
	assert_int_equal(expr_set_create(&scope, &s, &e), 0);
	int first = expr_set_add(s, SLICE_LIT("Uid = '15' AND vid IS NOT NULL"), &at, &e);
	int second = expr_set_add(s, SLICE_LIT("Uid || 'x'"), &at, &e);
	int third = expr_set_add(s, SLICE_LIT("1 + 1"), &at, &e);
	assert_true(first == 0 && second == 1 && third == 2);
	assert_int_equal(expr_set_finish(s, &e), 0);
	const struct expr_column *inputs = expr_set_inputs(s, &n);
	assert_int_equal(n, 2);
	assert_string_equal(inputs[0].name, "Uid");
	assert_int_equal(inputs[0].type, SQL_TEXT);
	assert_false(expr_set_constant(s, 0, &v));
	assert_true(expr_set_constant(s, 2, &v));
	assert_int_equal(v->i[0], 2);
	expr_set_destroy(s);
}

/* The members that a set of expressions reads of its only column; "*": all of it may be read. */
static const char *members_of(const char *list)
{
	static const struct expr_column columns[] = {{"after", SQL_JSON}, {"k", SQL_TEXT}};
	static char text[256];
	struct expr_scope scope = {.columns = columns, .n_columns = 2};
	const struct expr_item *items;
	struct expr_set *s;
	struct expr_place at;
	struct err e;
	unsigned n_items, n_inputs, n;
	assert_int_equal(expr_set_create(&scope, &s, &e), 0);
	if (expr_set_add_list(s, slice_str(list), &items, &n_items, &at, &e) < 0)
		fail_msg("%s: %s", list, e.text);
	assert_int_equal(expr_set_finish(s, &e), 0);
	const struct expr_column *inputs = expr_set_inputs(s, &n_inputs);
	assert_string_equal(inputs[0].name, "after");
	const struct slice *keys = expr_set_members(s, 0, &n);
	text[0] = 0;
	for (unsigned i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%.*s", i ? "," : "",
			 (int)keys[i].len, (const char *)keys[i].ptr);
	expr_set_destroy(s);
	return n ? text : "*";
}

static void a_column_of_which_members_are_read_by_name_says_which(void **state)
{
	assert_string_equal(members_of("after->>'id' AS a"), "id");
	assert_string_equal(members_of("after->>'id' AS a, after->'id' AS b, after->>'t' AS c"),
			    "id,t");
	assert_string_equal(members_of("upper(after->'doc'->>'x') AS a"), "doc");
	assert_string_equal(members_of("after->>'id' AS a, after"), "*");
	assert_string_equal(members_of("after->>'id' AS a, after IS NULL AS b"), "*");
	assert_string_equal(members_of("after->>k AS a"), "*");
	assert_string_equal(members_of("after->0 AS a"), "*");
	assert_string_equal(members_of("after#>>'{id}' AS a"), "*");
	assert_string_equal(members_of("after->>'a' AS a, after->>'b' AS b, after->>'c' AS c,"
				       "after->>'d' AS d, after->>'e' AS e, after->>'f' AS f,"
				       "after->>'g' AS g, after->>'h' AS h, after->>'i' AS i,"
				       "after->>'j' AS j, after->>'k' AS k, after->>'l' AS l,"
				       "after->>'m' AS m, after->>'n' AS n, after->>'o' AS o,"
				       "after->>'p' AS p, after->>'q' AS q"),
			    "*");
}

/* Many expressions over a full burst: vectors are reused, common parts are shared. */
static void expressions_of_one_set_do_not_disturb_each_other(void **state)
{
	struct expr_set *s = expr_case_set(NULL);
	struct expr_run *r;
	struct expr_place at;
	struct arena a;
	struct err e;
	char text[128], out[128], want[128];
	for (int k = 0; k < 200; k++) {
		snprintf(text, sizeof(text), "(i + %d) * 2 + length(t || '%d') + (i + %d) %% 3", k,
			 k, k / 2);
		assert_int_equal(expr_set_add(s, slice_str(text), &at, &e), k);
	}
	assert_int_equal(expr_set_finish(s, &e), 0);
	assert_int_equal(expr_run_create(s, &r, &e), 0);
	assert_int_equal(arena_init(&a, 8 << 20), 0);
	for (unsigned row = 0; row < VEC_ROWS_MAX; row++)
		expr_case_fill(s, r, row);
	for (int round = 0; round < 2; round++) {
		arena_reset(&a);
		expr_run_all(r, VEC_ROWS_MAX, &a);
		for (int k = 0; k < 200; k++) {
			int digits = k < 10 ? 1 : k < 100 ? 2 : 3;
			snprintf(want, sizeof(want), "%d",
				 (7 + k) * 2 + 12 + digits + (7 + k / 2) % 3);
			expr_case_print(expr_run_result(r, (unsigned)k), VEC_ROWS_MAX - 1, out,
					sizeof(out));
			assert_string_equal(out, want);
		}
	}
	arena_fini(&a);
	expr_run_destroy(r);
	expr_set_destroy(s);
}

static void text_that_finds_no_room_is_an_error_of_its_row(void **state)
{
	struct expr_set *s = expr_case_set(NULL);
	struct expr_run *r;
	struct expr_place at;
	struct arena a;
	struct err e;
	assert_int_equal(expr_set_add(s, SLICE_LIT("upper(t)"), &at, &e), 0);
	assert_int_equal(expr_set_finish(s, &e), 0);
	assert_int_equal(expr_run_create(s, &r, &e), 0);
	assert_int_equal(arena_init(&a, 2048), 0);
	for (unsigned row = 0; row < VEC_ROWS_MAX; row++)
		expr_case_fill(s, r, row);
	arena_reset(&a);
	expr_run_all(r, VEC_ROWS_MAX, &a);
	const struct vec *v = expr_run_result(r, 0);
	unsigned n_full = 0;
	for (unsigned row = 0; row < VEC_ROWS_MAX; row++)
		n_full += v->state[row] == VEC_VALUE;
	assert_int_equal(n_full, (2048 - 8) / strlen("Hello, w\xc3\xb6rld"));
	assert_int_equal(v->state[VEC_ROWS_MAX - 1], VEC_NO_ROOM);
	arena_fini(&a);
	expr_run_destroy(r);
	expr_set_destroy(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operators_have_the_types_and_results_of_sql),
		cmocka_unit_test(unknown_is_neither_true_nor_false),
		cmocka_unit_test(an_error_counts_only_where_it_would_be_evaluated),
		cmocka_unit_test(what_is_refused_is_named_with_its_place_and_what_there_is_instead),
		cmocka_unit_test(deep_and_long_texts_are_refused_without_harm),
		cmocka_unit_test(wide_texts_are_not_deep),
		cmocka_unit_test(items_of_a_list_have_the_names_that_sql_gives_them),
		cmocka_unit_test(an_open_scope_makes_columns_of_names_once),
		cmocka_unit_test(a_column_of_which_members_are_read_by_name_says_which),
		cmocka_unit_test(expressions_of_one_set_do_not_disturb_each_other),
		cmocka_unit_test(text_that_finds_no_room_is_an_error_of_its_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
