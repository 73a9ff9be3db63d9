#include "tests/unit/unit.h"

#include "tests/support/op_rig.h"

static struct op_rig rig;

#define DEDUP(more) "pipeline: { d: { op: dedup, from: app, key: k, window: 10s" more " } }\n"

static void the_first_of_a_key_goes_on_and_again_when_its_window_is_over(void **state)
{
	/* one a second: the window of the first is over at the eleventh */
	static const char *const objects[] = {"{\"k\":\"a\",\"n\":1}", "{\"k\":\"b\",\"n\":2}",
					      "{\"k\":\"a\",\"n\":3}"};
	op_rig_init(&rig, DEDUP(""), "d");
	OP_RIG_FEED(&rig, objects);
	rig.time_ns = 11000000000;
	OP_RIG_FEED(&rig, objects);
	op_rig_assert(&rig, "{\"k\":\"a\",\"n\":1}\n{\"k\":\"b\",\"n\":2}\n{\"k\":\"a\",\"n\":1}\n"
			    "{\"k\":\"b\",\"n\":2}\n");
	assert_int_equal(op_rig_row(&rig, "d", "duplicates"), 2);
	op_rig_fini(&rig);
}

static void a_record_without_a_key_goes_on(void **state)
{
	static const char *const objects[] = {"{\"n\":1}", "{\"k\":null,\"n\":1}"};
	op_rig_init(&rig, DEDUP(""), "d");
	OP_RIG_FEED(&rig, objects);
	assert_int_equal(rig.n, 2);
	assert_int_equal(op_rig_row(&rig, "d", "no_key"), 2);
	op_rig_fini(&rig);
}

static void beyond_its_entries_the_oldest_key_is_forgotten_and_counted(void **state)
{
	static const char *const objects[] = {"{\"k\":\"a\"}", "{\"k\":\"b\"}", "{\"k\":\"c\"}",
					      "{\"k\":\"c\"}", "{\"k\":\"a\"}"};
	op_rig_init(&rig, DEDUP(", entries_max: 2"), "d");
	OP_RIG_FEED(&rig, objects);
	assert_int_equal(rig.n, 4);
	assert_int_equal(op_rig_row(&rig, "d", "duplicates"), 1);
	assert_int_equal(op_rig_row(&rig, "d", "evicted"), 2);
	op_rig_fini(&rig);
}

static void a_key_is_remembered_over_a_reload(void **state)
{
	static const char *const objects[] = {"{\"k\":\"a\"}", "{\"k\":\"b\"}"};
	op_rig_init(&rig, DEDUP(""), "d");
	OP_RIG_FEED(&rig, objects);
	op_rig_reload(&rig, DEDUP(""), "d");
	OP_RIG_FEED(&rig, objects);
	assert_int_equal(rig.n, 2);
	assert_int_equal(op_rig_row(&rig, "d", "duplicates"), 2);
	op_rig_fini(&rig);
}

/* What a changed node gives out at the reload comes to the memory of the one behind it. */
static void what_goes_out_at_a_reload_is_remembered_behind_it(void **state)
{
#define BOTH(ahead)                                                                               \
	"pipeline: {\n a: { op: aggregate, from: app, window: 10s, " ahead "group_by: { k: k }, " \
	"aggregates: { n: count(*) } },\n d: { op: dedup, from: a, key: k, window: 1h } }\n"
	static const char *const objects[] = {"{\"k\":\"a\"}", "{\"k\":\"b\"}"};
	op_rig_init(&rig, BOTH(""), "d");
	OP_RIG_FEED(&rig, objects);
	op_rig_reload(&rig, BOTH("groups_max: 9, "), "d");
	assert_int_equal(rig.n, 2);
	OP_RIG_FEED(&rig, objects);
	op_rig_finish(&rig);
	assert_int_equal(rig.n, 2);
	assert_int_equal(op_rig_row(&rig, "d", "duplicates"), 2);
	op_rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_of_a_key_goes_on_and_again_when_its_window_is_over),
		cmocka_unit_test(a_record_without_a_key_goes_on),
		cmocka_unit_test(beyond_its_entries_the_oldest_key_is_forgotten_and_counted),
		cmocka_unit_test(a_key_is_remembered_over_a_reload),
		cmocka_unit_test(what_goes_out_at_a_reload_is_remembered_behind_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
