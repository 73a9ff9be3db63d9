#include "tests/unit/unit.h"

#include "tests/support/op_rig.h"

static struct op_rig rig;

static const char *const objects[] = {"{\"n\":\"1\",\"t\":\"a\"}", "{\"n\":\"5\",\"t\":\"b\"}",
				      "{\"n\":\"x\",\"t\":\"c\"}", "{\"t\":\"d\"}"};

static void records_go_on_for_which_the_condition_holds(void **state)
{
	op_rig_init(&rig, "pipeline: { f: { op: filter, from: app, where: \"n::int > 2\" } }\n",
		    "f");
	OP_RIG_FEED(&rig, objects);
	op_rig_assert(&rig, "{\"n\":\"5\",\"t\":\"b\"}\n");
	assert_int_equal(op_rig_row(&rig, "f", "filtered"), 2); /* false, and null */
	assert_int_equal(op_rig_row(&rig, "f", "bad_input"), 1);
	op_rig_fini(&rig);
}

static void a_condition_that_is_none_is_refused_with_its_type(void **state)
{
	op_rig_build(&rig, "pipeline: { f: { op: filter, from: app, where: \"1 + 1\" } }\n");
	assert_non_null(strstr(rig.says, "this is of type integer; expected a condition"));
	op_rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_go_on_for_which_the_condition_holds),
		cmocka_unit_test(a_condition_that_is_none_is_refused_with_its_type),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
