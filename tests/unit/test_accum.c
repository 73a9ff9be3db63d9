#include "tests/unit/unit.h"

#include "dataplane/base/mem.h"
#include "dataplane/graph/accum.h"

static void calls_are_read_and_nothing_else(void **state)
{
	enum accum_kind kind;
	struct slice arg;
	assert_true(accum_parse(" Sum( a + (b) ) ", &kind, &arg));
	assert_int_equal(kind, ACCUM_SUM);
	assert_true(slice_eq(arg, SLICE_LIT(" a + (b) ")));
	assert_true(accum_parse("count( * )", &kind, &arg));
	assert_int_equal(kind, ACCUM_COUNT_ALL);
	assert_true(accum_parse("count(')')", &kind, &arg));
	assert_int_equal(kind, ACCUM_COUNT);
	static const char *const wrong[] = {"",          "sum",        "sum(",    "sum(x",
					    "sum(x))",   "sum(x) + 1", "sum(')",  "(x)",
					    "sum(a)(b)", "sums(x)",    "sum(x)(", "sum x"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(accum_parse(wrong[i], &kind, &arg));
}

/* Standard error 1.6 %: five times that is a fault. */
static void distinct_values_are_counted_within_the_error_that_is_promised(void **state)
{
	struct accum x = {.kind = ACCUM_DISTINCT, .in = SQL_INT8};
	assert_null(accum_type(&x));
	uint8_t *at = mem_alloc(accum_bytes(&x));
	struct vec v;
	union cell c;
	assert_int_equal(vec_init(&v, SQL_INT8), 0);
	v.state[0] = VEC_NULL;
	accum_add(&x, at, &v, 0);
	assert_int_equal(accum_get(&x, at, &c), VEC_VALUE);
	assert_int_equal(c.i, 0);
	v.state[0] = VEC_VALUE;
	for (int64_t n = 1; n <= 1000000; n++) {
		v.i[0] = n;
		accum_add(&x, at, &v, 0);
		accum_add(&x, at, &v, 0);
		if (n != 1 && n != 10 && n != 1000 && n != 10000 && n != 100000 && n != 1000000)
			continue;
		accum_get(&x, at, &c);
		assert_true(c.i >= n - n * 8 / 100 && c.i <= n + n * 8 / 100);
	}
	vec_fini(&v);
	mem_free(at);
}

static void types_that_have_no_sum_are_refused(void **state)
{
	struct accum x = {.kind = ACCUM_SUM, .in = SQL_TEXT};
	assert_non_null(accum_type(&x));
	x = (struct accum){.kind = ACCUM_MIN, .in = SQL_TEXT};
	assert_non_null(accum_type(&x));
	x = (struct accum){.kind = ACCUM_SUM, .in = SQL_INT4};
	assert_null(accum_type(&x));
	assert_int_equal(x.out, SQL_INT8);
	x = (struct accum){.kind = ACCUM_AVG, .in = SQL_INT4};
	assert_null(accum_type(&x));
	assert_int_equal(x.out, SQL_NUMERIC);
}

static void a_sum_that_its_type_does_not_hold_is_out_of_range(void **state)
{
	struct accum x = {.kind = ACCUM_SUM, .in = SQL_INT8};
	struct vec v;
	union cell c;
	__int128 at[4] = {0};
	assert_null(accum_type(&x));
	assert_int_equal(x.out, SQL_NUMERIC);
	assert_true(accum_bytes(&x) <= sizeof(at));
	assert_int_equal(accum_get(&x, at, &c), VEC_NULL);
	assert_int_equal(vec_init(&v, SQL_INT8), 0);
	v.state[0] = VEC_VALUE;
	v.i[0] = INT64_MAX;
	for (unsigned i = 0; i < 4; i++)
		accum_add(&x, at, &v, 0);
	assert_int_equal(accum_get(&x, at, &c), VEC_VALUE);
	assert_true(c.n.coef == (__int128)INT64_MAX * 4);
	x.in = SQL_INT4; /* whose sum is a bigint */
	accum_type(&x);
	assert_int_equal(accum_get(&x, at, &c), VEC_OUT_OF_RANGE);
	vec_fini(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_are_read_and_nothing_else),
		cmocka_unit_test(distinct_values_are_counted_within_the_error_that_is_promised),
		cmocka_unit_test(types_that_have_no_sum_are_refused),
		cmocka_unit_test(a_sum_that_its_type_does_not_hold_is_out_of_range),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
