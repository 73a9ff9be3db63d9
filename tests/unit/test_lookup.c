#include "tests/unit/unit.h"

#include "ctl/lookup.h"
#include "ctl/memlist.h"

static void distance_counts_slips_of_the_fingers(void **state)
{
	assert_int_equal(lookup_distance("", ""), 0);
	assert_int_equal(lookup_distance("", "abc"), 3);
	assert_int_equal(lookup_distance("workers", "workers"), 0);
	assert_int_equal(lookup_distance("workers", "Workers"), 0);
	assert_int_equal(lookup_distance("worker", "workers"), 1);
	assert_int_equal(lookup_distance("wrokers", "workers"), 1);
	assert_int_equal(lookup_distance("wprkers", "workers"), 1);
	assert_int_equal(lookup_distance("kitten", "sitting"), 3);
}

static void long_names_are_infinitely_far(void **state)
{
	char a[LOOKUP_NEAR_MAX + 2];
	memset(a, 'a', sizeof(a));
	a[LOOKUP_NEAR_MAX + 1] = '\0';
	assert_true(lookup_distance(a, "a") == SIZE_MAX);
	a[LOOKUP_NEAR_MAX] = '\0';
	assert_int_equal(lookup_distance(a, "a"), LOOKUP_NEAR_MAX - 1);
	assert_int_equal(lookup_distance(a, a), 0);
}

static void only_a_near_name_is_offered(void **state)
{
	const char *best = NULL;
	lookup_offer("udp", "tcp", &best);
	assert_null(best);
	lookup_offer("tcp_idel", "udp_idle", &best);
	lookup_offer("tcp_idel", "tcp_idle", &best);
	lookup_offer("tcp_idel", "tcp_ideal", &best);
	assert_string_equal(best, "tcp_idle");
}

static void names_are_found_and_the_first_of_two_wins(void **state)
{
	struct row {
		int other;
		const char *name;
	} rows[] = {{0, "pear"}, {0, "apple"}, {0, "fig"}, {0, "apple"}};
	struct memlist mem = {0};
	struct lookup l;
	assert_int_equal(lookup_init(&l, &mem, &rows[0].name, 4, sizeof(rows[0])), 0);
	assert_int_equal(lookup_find(&l, "pear"), 0);
	assert_int_equal(lookup_find(&l, "apple"), 1);
	assert_int_equal(lookup_find(&l, "fig"), 2);
	assert_int_equal(lookup_find(&l, ""), -1);
	assert_int_equal(lookup_find(&l, "zoo"), -1);
	assert_string_equal(lookup_nearest(&l, "appel"), "apple");
	assert_null(lookup_nearest(&l, "banana"));
	assert_int_equal(lookup_init(&l, &mem, NULL, 0, 1), 0);
	assert_int_equal(lookup_find(&l, "pear"), -1);
	memlist_fini(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distance_counts_slips_of_the_fingers),
		cmocka_unit_test(long_names_are_infinitely_far),
		cmocka_unit_test(only_a_near_name_is_offered),
		cmocka_unit_test(names_are_found_and_the_first_of_two_wins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
