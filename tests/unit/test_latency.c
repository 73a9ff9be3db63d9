#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/base/latency.h"

static void a_duration_lies_below_the_edge_of_its_bucket_and_not_below_the_one_before(void **state)
{
	(void)state;
	for (uint64_t ns = 0; ns < 3600ull * 1000000000; ns = ns * 9 / 8 + 113) {
		unsigned i = latency_bucket(ns);
		assert_true(ns < latency_bound_ns(i));
		assert_true(i == 0 || ns >= latency_bound_ns(i - 1));
	}
	assert_int_equal(latency_bucket(UINT64_MAX), LATENCY_BUCKETS - 1);
	assert_true(latency_bound_ns(LATENCY_BUCKETS - 1) > 3600ull * 1000000000);
}

static void edges_grow_by_a_quarter_at_most_from_4_us_on(void **state)
{
	(void)state;
	for (unsigned i = 4; i < LATENCY_BUCKETS; i++)
		assert_true(latency_bound_ns(i) * 4 <= latency_bound_ns(i - 1) * 5);
}

static void quantiles_are_edges_of_the_buckets_they_fall_into(void **state)
{
	static struct latency l;
	struct latency_sum s = {0};
	(void)state;
	assert_int_equal(latency_quantile_ns(&s, 500), 0);
	latency_add(&l, 1500, 900);
	latency_add(&l, 1000000, 99);
	latency_add(&l, 3000000000, 1);
	latency_read(&l, &s);
	assert_int_equal(s.total, 1000);
	assert_int_equal(s.sum_ns, 1500ull * 900 + 1000000ull * 99 + 3000000000);
	assert_int_equal(latency_quantile_ns(&s, 500), 2000);
	assert_int_equal(latency_quantile_ns(&s, 900), 2000);
	assert_in_range(latency_quantile_ns(&s, 990), 1000000, 1250000);
	assert_in_range(latency_quantile_ns(&s, 1000), 3000000000, 3750000000);
	latency_read(&l, &s); /* two of them */
	assert_int_equal(s.total, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_duration_lies_below_the_edge_of_its_bucket_and_not_below_the_one_before),
		cmocka_unit_test(edges_grow_by_a_quarter_at_most_from_4_us_on),
		cmocka_unit_test(quantiles_are_edges_of_the_buckets_they_fall_into),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
