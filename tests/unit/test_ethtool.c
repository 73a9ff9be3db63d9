#include "tests/unit/unit.h"

#include "ctl/ethtool.h"

static void the_kernel_tells_of_an_interface_that_is_there(void **state)
{
	struct ethtool_facts f = {.queues = 99};
	assert_true(ethtool_ask("lo", &f));
	assert_false(f.lro);
	assert_true(f.queues < 99);
	assert_true(f.key_len <= RSS_KEY_MAX);
}

static void of_one_that_is_not_there_nothing_is_known(void **state)
{
	struct ethtool_facts f = {.queues = 99};
	assert_false(ethtool_ask("no-such-iface", &f));
	assert_false(ethtool_ask("", &f));
	assert_int_equal(f.queues, 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_tells_of_an_interface_that_is_there),
		cmocka_unit_test(of_one_that_is_not_there_nothing_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
