#include "unit.h"

#include "dataplane/graph/numeric.h"

static struct numeric num(const char *text)
{
	struct numeric n = {0};
	assert_int_equal(numeric_parse(slice_str(text), &n), VEC_VALUE);
	return n;
}

static const char *text(struct numeric n)
{
	static char out[NUMERIC_TEXT_MAX + 1];
	out[numeric_put(out, n)] = '\0';
	return out;
}

static void text_keeps_its_scale(void **state)
{
	static const char *const same[] = {"0",
					   "1",
					   "-1",
					   "0.00",
					   "12.50",
					   "-0.001",
					   "99999999999999999999999999999999999999",
					   "0.00000000000000000000000000000000000001"};
	for (unsigned i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		assert_string_equal(text(num(same[i])), same[i]);
	assert_string_equal(text(num(" +1.5e3 ")), "1500");
	assert_string_equal(text(num("1.234e1")), "12.34");
	assert_string_equal(text(num(".5")), "0.5");
	assert_string_equal(text(num("5.")), "5");
	assert_string_equal(text(num("0e999")), "0");
}

static void what_is_no_number_or_too_long_is_told_apart(void **state)
{
	static const char *const bad[] = {"",   " ",   ".",   "-",   "1e",
					  "1x", "1 2", "--1", "NaN", "0x10"};
	struct numeric n;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(numeric_parse(slice_str(bad[i]), &n), VEC_BAD_INPUT);
	assert_int_equal(numeric_parse(SLICE_LIT("1e38"), &n), VEC_OUT_OF_RANGE);
	assert_int_equal(numeric_parse(SLICE_LIT("1e-39"), &n), VEC_OUT_OF_RANGE);
	assert_int_equal(numeric_parse(SLICE_LIT("301278172389471623894716238947162389471"), &n),
			 VEC_OUT_OF_RANGE);
	assert_int_equal(numeric_parse(SLICE_LIT("100000000000000000000000000000000000000"), &n),
			 VEC_OUT_OF_RANGE);
}

static void arithmetic_has_the_scales_of_postgresql(void **state)
{
	struct numeric n;
	assert_int_equal(numeric_add(num("1.5"), num("0.25"), &n), VEC_VALUE);
	assert_string_equal(text(n), "1.75");
	assert_int_equal(numeric_mul(num("1.50"), num("2.0"), &n), VEC_VALUE);
	assert_string_equal(text(n), "3.000");
	assert_int_equal(numeric_div(num("1"), num("3"), &n), VEC_VALUE);
	assert_string_equal(text(n), "0.33333333333333333333");
	assert_int_equal(numeric_div(num("2"), num("3"), &n), VEC_VALUE);
	assert_string_equal(text(n), "0.66666666666666666667");
	assert_int_equal(numeric_div(num("-100000"), num("7"), &n), VEC_VALUE);
	assert_string_equal(text(n), "-14285.714285714286");
	assert_int_equal(numeric_mod(num("-7.5"), num("2"), &n), VEC_VALUE);
	assert_string_equal(text(n), "-1.5");
	assert_int_equal(numeric_div(num("1"), num("0.0"), &n), VEC_DIVISION_BY_ZERO);
	assert_int_equal(numeric_mul(num("1e30"), num("1e30"), &n), VEC_OUT_OF_RANGE);
	assert_int_equal(numeric_add(num("9e37"), num("9e37"), &n), VEC_OUT_OF_RANGE);
	assert_int_equal(numeric_sub(num("-9e37"), num("9e37"), &n), VEC_OUT_OF_RANGE);
}

static void divisors_of_38_digits_do_not_overflow(void **state)
{
	struct numeric n;
	assert_int_equal(numeric_div(num("99999999999999999999999999999999999998"),
				     num("99999999999999999999999999999999999999"), &n),
			 VEC_VALUE);
	assert_string_equal(text(n), "1.00000000000000000000");
	assert_int_equal(numeric_div(num("33333333333333333333333333333333333333"),
				     num("99999999999999999999999999999999999999"), &n),
			 VEC_VALUE);
	assert_string_equal(text(n), "0.33333333333333333333");
}

static void halves_are_rounded_away_from_zero(void **state)
{
	struct numeric n;
	int64_t v;
	numeric_round(num("2.5"), 0, NUMERIC_HALF_UP, &n);
	assert_string_equal(text(n), "3");
	numeric_round(num("-2.5"), 0, NUMERIC_HALF_UP, &n);
	assert_string_equal(text(n), "-3");
	numeric_round(num("1250"), -2, NUMERIC_HALF_UP, &n);
	assert_string_equal(text(n), "1300");
	numeric_round(num("1.5"), 3, NUMERIC_HALF_UP, &n);
	assert_string_equal(text(n), "1.500");
	numeric_round(num("-2.1"), 0, NUMERIC_FLOOR, &n);
	assert_string_equal(text(n), "-3");
	numeric_round(num("-2.9"), 0, NUMERIC_CEIL, &n);
	assert_string_equal(text(n), "-2");
	assert_int_equal(numeric_to_i64(num("9223372036854775807.4"), &v), VEC_VALUE);
	assert_true(v == INT64_MAX);
	assert_int_equal(numeric_to_i64(num("9223372036854775807.5"), &v), VEC_OUT_OF_RANGE);
}

static void numbers_of_any_scale_are_compared(void **state)
{
	assert_int_equal(numeric_cmp(num("1.0"), num("1.00")), 0);
	assert_true(numeric_cmp(num("1e37"), num("0.00000000000000000000000000000000000001")) > 0);
	assert_true(numeric_cmp(num("-1e37"), num("0.00000000000000000000000000000000000001")) < 0);
	assert_true(numeric_cmp(num("0.00000000000000000000000000000000000001"), num("-1e37")) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_keeps_its_scale),
		cmocka_unit_test(what_is_no_number_or_too_long_is_told_apart),
		cmocka_unit_test(arithmetic_has_the_scales_of_postgresql),
		cmocka_unit_test(divisors_of_38_digits_do_not_overflow),
		cmocka_unit_test(halves_are_rounded_away_from_zero),
		cmocka_unit_test(numbers_of_any_scale_are_compared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
