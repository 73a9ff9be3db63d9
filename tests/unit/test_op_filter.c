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

static void whether_a_field_is_null_is_told_of_whatever_it_holds(void **state)
{
	static const char *const holds[] = {"{\"a\":\"x\"}",
					    "{\"a\":5}",
					    "{\"a\":null}",
					    "{}",
					    "{\"z\":0,\"a\":\"\\u00e9\"}",
					    "{\"a\":{}}",
					    "{\"a\":false}",
					    "{\"b\":1,\"a\":\"\"}"};
	op_rig_init(&rig, "pipeline: { f: { op: filter, from: app, where: a IS NOT NULL } }\n",
		    "f");
	OP_RIG_FEED(&rig, holds);
	op_rig_assert(&rig, "{\"a\":\"x\"}\n{\"a\":5}\n{\"z\":0,\"a\":\"\\u00e9\"}\n"
			    "{\"a\":{}}\n{\"a\":false}\n{\"b\":1,\"a\":\"\"}\n");
	assert_int_equal(op_rig_row(&rig, "f", "filtered"), 2);
	op_rig_fini(&rig);
}

/* Keys of up to eight bytes are compared as words, longer ones beyond them. */
static void a_field_is_told_by_the_whole_of_its_name(void **state)
{
	static const char *const names[] = {
		"{\"duration_ms\":\"1\"}", "{\"duration_us\":\"1\"}", "{\"duration\":\"1\"}",
		"{\"x\":0,\"duration_ms\":\"1\"}", "{\"duration_ms\":\"2\"}"};
	op_rig_init(&rig,
		    "pipeline: { f: { op: filter, from: app, where: \"duration_ms = '1'\" } }\n",
		    "f");
	OP_RIG_FEED(&rig, names);
	op_rig_assert(&rig, "{\"duration_ms\":\"1\"}\n{\"x\":0,\"duration_ms\":\"1\"}\n");
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
		cmocka_unit_test(whether_a_field_is_null_is_told_of_whatever_it_holds),
		cmocka_unit_test(a_field_is_told_by_the_whole_of_its_name),
		cmocka_unit_test(a_condition_that_is_none_is_refused_with_its_type),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
