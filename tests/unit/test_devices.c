#include "tests/unit/unit.h"

#include "tests/support/command_run.h"

static int devices(const struct config *c)
{
	return cmd_devices();
}

static void every_interface_is_shown_as_it_would_be_configured(void **state)
{
	if (access("/sys/class/net/lo", F_OK) != 0)
		skip();
	struct command cmd = command_run(devices, NULL);
	assert_int_equal(cmd.code, 0);
	assert_string_equal(cmd.err, "");
	assert_non_null(strstr(cmd.out, "\n  lo "));
	assert_non_null(strstr(cmd.out, "device: \"net_af_packet0,iface=lo\"\n"));
	assert_non_null(strstr(cmd.out, "\nnetwork cards on PCI:\n"));
	command_fini(&cmd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_interface_is_shown_as_it_would_be_configured),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
