#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/latency_row.h"

static json_int_t number(const json_t *row, const char *name)
{
	return json_integer_value(json_object_get(row, name));
}

static void a_row_is_read_back_as_it_was_written(void **state)
{
	struct latency l = {0};
	struct latency_sum s = {0}, back;
	(void)state;
	latency_add(&l, 3000, 98);
	latency_add(&l, 2000000, 2);
	latency_read(&l, &s);
	json_t *row = latency_row("ack", "web/beacons", &s);
	assert_string_equal(json_string_value(json_object_get(row, "scope")), "web/beacons");
	assert_int_equal(number(row, "records"), 100);
	assert_int_equal(number(row, "mean_us"), (98 * 3 + 2 * 2000) / 100);
	assert_int_equal(number(row, "p50_us"), 4);
	assert_in_range(number(row, "p99_us"), 2000, 2500);
	latency_row_read(row, &back);
	assert_memory_equal(back.n, s.n, sizeof(s.n));
	assert_int_equal(back.total, 100);
	assert_int_equal(back.sum_ns, s.sum_ns);
	json_decref(row);
}

static void percentiles_of_the_time_between_two_rows(void **state)
{
	struct latency l = {0};
	struct latency_sum s1 = {0}, s2 = {0};
	(void)state;
	latency_add(&l, 5000, 1000000);
	latency_read(&l, &s1);
	json_t *before = latency_row("ack", "q", &s1);
	latency_add(&l, 50000000, 10);
	latency_read(&l, &s2);
	json_t *row = latency_row("ack", "q", &s2);
	assert_in_range(number(row, "p99_us"), 5, 7);
	latency_row_since(row, before);
	assert_int_equal(number(row, "records"), 10);
	assert_in_range(number(row, "p50_us"), 50000, 62500);
	json_decref(row);

	row = latency_row("ack", "q", &s1); /* a sink that began anew */
	json_t *more = latency_row("ack", "q", &s2);
	latency_row_since(row, more);
	json_decref(more);
	assert_int_equal(number(row, "records"), 1000000);
	json_decref(row);

	row = latency_row("ack", "q", &s1); /* nothing came */
	latency_row_since(row, before);
	assert_int_equal(number(row, "records"), 0);
	assert_true(json_is_null(json_object_get(row, "p50_us")));
	json_decref(row);
	json_decref(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_is_read_back_as_it_was_written),
		cmocka_unit_test(percentiles_of_the_time_between_two_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
