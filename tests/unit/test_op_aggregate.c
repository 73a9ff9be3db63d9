#include "tests/unit/unit.h"

#include "tests/support/op_rig.h"

static struct op_rig rig;

#define AGGREGATE(more)                                                                           \
	"pipeline: { a: { op: aggregate, from: app, window: 10s, group_by: { k: k }, " more " } " \
	"}\n"
#define SUMS "aggregates: { n: count(*), s: \"sum(v::int)\", m: \"max(v::int)\" }"

static const char *const objects[] = {"{\"k\":\"a\",\"v\":1}", "{\"k\":\"b\",\"v\":5}",
				      "{\"k\":\"a\",\"v\":2}", "{\"k\":\"a\"}"};
#define FIRST "{\"window_start\":\"1970-01-01T00:00:00Z\",\"window_end\":\"1970-01-01T00:00:10Z\","

static void a_record_comes_out_for_each_group_of_a_window(void **state)
{
	op_rig_init(&rig, AGGREGATE(SUMS), "a");
	OP_RIG_FEED(&rig, objects);
	assert_int_equal(rig.n, 0);
	assert_int_equal(op_rig_row(&rig, "a", "in_flight"), 4);
	op_rig_finish(&rig);
	op_rig_assert(&rig, FIRST "\"k\":\"a\",\"n\":3,\"s\":3,\"m\":2}\n" FIRST
				  "\"k\":\"b\",\"n\":1,\"s\":5,\"m\":5}\n");
	assert_int_equal(op_rig_row(&rig, "a", "merged"), 4);
	op_rig_fini(&rig);
}

static void what_comes_behind_its_window_is_late_and_named(void **state)
{
	op_rig_init(&rig, AGGREGATE("lateness: 1s, time: \"to_timestamp(t::float8)\", " SUMS), "a");
	op_rig_add(&rig, "{\"k\":\"a\",\"v\":1,\"t\":1}");
	op_rig_push(&rig);
	rig.time_ns = 30000000000;
	op_rig_add(&rig, "{\"k\":\"a\",\"v\":1,\"t\":30}");
	op_rig_push(&rig);
	graph_advance(rig.graph, 30000000000, &rig.batch);
	assert_int_equal(rig.n, 1);
	op_rig_add(&rig, "{\"k\":\"a\",\"v\":1,\"t\":2}");
	op_rig_push(&rig);
	op_rig_finish(&rig);
	assert_int_equal(rig.n, 2);
	assert_int_equal(op_rig_row(&rig, "a", "late_lost"), 1);
	op_rig_fini(&rig);
}

static void groups_beyond_the_most_that_may_be_open_are_lost_by_name(void **state)
{
	op_rig_init(&rig, AGGREGATE("groups_max: 1, " SUMS), "a");
	OP_RIG_FEED(&rig, objects);
	op_rig_finish(&rig);
	assert_int_equal(rig.n, 1);
	assert_int_equal(op_rig_row(&rig, "a", "no_group"), 1);
	op_rig_fini(&rig);
}

/* Its groups are below nothing in the new row what they are above it in the old one. */
static void a_window_that_is_open_over_a_reload_is_written_once(void **state)
{
	op_rig_init(&rig, AGGREGATE(SUMS), "a");
	OP_RIG_FEED(&rig, objects);
	op_rig_reload(&rig, AGGREGATE(SUMS) "formats: { x: { grok: \"%{INT:n}\" } }\n", "a");
	assert_int_equal(rig.n, 0);
	OP_RIG_FEED(&rig, objects);
	op_rig_finish(&rig);
	op_rig_assert(&rig, FIRST "\"k\":\"a\",\"n\":6,\"s\":6,\"m\":2}\n" FIRST
				  "\"k\":\"b\",\"n\":2,\"s\":10,\"m\":5}\n");
	assert_int_equal(op_rig_row(&rig, "a", "merged"), 8);
	assert_int_equal(op_rig_row(&rig, "a", "in_flight") + 4, 0);
	op_rig_fini(&rig);
}

static void groups_of_another_form_go_out_at_the_reload(void **state)
{
	op_rig_init(&rig, AGGREGATE(SUMS), "a");
	OP_RIG_FEED(&rig, objects);
	op_rig_reload(&rig, AGGREGATE("aggregates: { n: count(*), s: \"sum(v::float8)\" }"), "a");
	assert_int_equal(rig.n, 2);
	OP_RIG_FEED(&rig, objects);
	op_rig_finish(&rig);
	assert_int_equal(rig.n, 4);
	assert_int_equal(op_rig_row(&rig, "a", "merged"), 4);
	op_rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_comes_out_for_each_group_of_a_window),
		cmocka_unit_test(what_comes_behind_its_window_is_late_and_named),
		cmocka_unit_test(groups_beyond_the_most_that_may_be_open_are_lost_by_name),
		cmocka_unit_test(a_window_that_is_open_over_a_reload_is_written_once),
		cmocka_unit_test(groups_of_another_form_go_out_at_the_reload),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
