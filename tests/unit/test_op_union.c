#include "tests/unit/unit.h"

#include "tests/support/op_rig.h"

static struct op_rig rig;

static void records_of_all_inputs_come_out_once_each(void **state)
{
	static const char *const objects[] = {"{\"n\":1}", "{\"n\":2}", "{\"n\":3}"};
	op_rig_init(&rig,
		    "pipeline:\n"
		    "  a: { op: filter, from: app, where: \"n::int <= 2\" }\n"
		    "  b: { op: filter, from: app, where: \"n::int >= 3\" }\n"
		    "  u: { op: union, from: [a, b] }\n",
		    "u");
	OP_RIG_FEED(&rig, objects);
	op_rig_assert(&rig, "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
	assert_int_equal(op_rig_row(&rig, "u", "records_in"), 3);
	op_rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_of_all_inputs_come_out_once_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
