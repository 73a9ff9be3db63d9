#include "tests/unit/unit.h"

#include <float.h>
#include <math.h>

#include "dataplane/graph/exact.h"

static double sum(const double *v, size_t n)
{
	struct exact_f64 x = {0};
	for (size_t i = 0; i < n; i++)
		exact_f64_add(&x, v[i]);
	return exact_f64_get(&x);
}

#define SUM(...) sum((const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / 8)

static void a_sum_of_doubles_is_rounded_once(void **state)
{
	assert_true(SUM(0.0) == 0);
	assert_true(SUM(1e16, 1, -1e16) == 1);
	assert_true(SUM(0.1, 0.2, 0.3) == 0.6); /* the nearest to the sum of the three doubles */
	assert_true(SUM(1e308, 1e308, -1e308) == 1e308); /* beyond the range on the way */
	assert_true(SUM(DBL_MAX, DBL_MAX) == INFINITY);
	assert_true(SUM(-1.5, 0.5) == -1);
	assert_true(SUM(0x1p-1074, 0x1p-1074) == 0x1p-1073); /* the smallest there is */
	assert_true(SUM(0x1p-1074, -0x1p-1022) == -0x1.ffffffffffffep-1023);
	assert_true(SUM(1, 0x1p-53) == 1); /* ties to even */
	assert_true(SUM(1, 0x1p-53, 0x1p-1074) == 0x1.0000000000001p0);
	assert_true(SUM(0x1.0000000000001p0, 0x1p-53) == 0x1.0000000000002p0);
	assert_true(SUM(0x1.fffffffffffffp0, 0x1p-53) == 2);
	assert_true(isnan(SUM(INFINITY, -INFINITY)));
	assert_true(isnan(SUM(NAN, 1)));
	assert_true(SUM(-INFINITY, 1) == -INFINITY);
}

static void the_order_of_doubles_does_not_matter(void **state)
{
	double v[500];
	uint64_t seed = 7;
	for (unsigned i = 0; i < 500; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		v[i] = ldexp((double)(int64_t)seed, (int)(seed >> 40) % 200 - 100);
	}
	double forward = sum(v, 500);
	for (unsigned i = 0; i < 250; i++) {
		double swap = v[i];
		v[i] = v[499 - i];
		v[499 - i] = swap;
	}
	assert_true(sum(v, 500) == forward);
	for (unsigned i = 0; i < 500; i++)
		v[i] = i % 2 ? -v[i - 1] : v[i];
	assert_true(sum(v, 500) == 0);
}

static void decimals_add_up_beyond_what_one_can_hold(void **state)
{
	struct exact_numeric x = {0};
	struct numeric big, small, n;
	assert_int_equal(numeric_parse(SLICE_LIT("99999999999999999999999999999999999999"), &big),
			 0);
	assert_int_equal(numeric_parse(SLICE_LIT("-0.01"), &small), 0);
	exact_numeric_add(&x, small);
	for (unsigned i = 0; i < 1000; i++)
		exact_numeric_add(&x, big);
	assert_int_equal(exact_numeric_get(&x, &n), VEC_OUT_OF_RANGE);
	big.coef = -big.coef;
	for (unsigned i = 0; i < 1000; i++)
		exact_numeric_add(&x, big);
	assert_int_equal(exact_numeric_get(&x, &n), VEC_VALUE);
	assert_true(n.coef == -1);
	assert_int_equal(n.scale, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sum_of_doubles_is_rounded_once),
		cmocka_unit_test(the_order_of_doubles_does_not_matter),
		cmocka_unit_test(decimals_add_up_beyond_what_one_can_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
