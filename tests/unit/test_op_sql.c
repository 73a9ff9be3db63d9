#include "tests/unit/unit.h"

#include "tests/support/op_rig.h"

static struct op_rig rig;

static void assert_query(const char *query, const char *const *objects, unsigned n,
			 const char *want)
{
	char yaml[1024];
	snprintf(yaml, sizeof(yaml), "pipeline: { q: { op: sql, from: app, query: \"%s\" } }\n",
		 query);
	op_rig_init(&rig, yaml, "q");
	op_rig_feed(&rig, objects, n);
	op_rig_finish(&rig);
	op_rig_assert(&rig, want);
}

static const char *const objects[] = {"{\"k\":\"a\",\"v\":1}", "{\"k\":\"b\",\"v\":5}",
				      "{\"k\":\"a\",\"v\":2}"};

static void a_select_filters_and_projects(void **state)
{
	assert_query("SELECT upper(k) AS k, x.v::int * 2 AS w FROM app x WHERE x.v::int < 5",
		     objects, OP_RIG_N(objects), "{\"k\":\"A\",\"w\":2}\n{\"k\":\"A\",\"w\":4}\n");
	assert_int_equal(op_rig_row(&rig, "q", "filtered"), 1);
	op_rig_fini(&rig);
}

static void a_select_with_group_by_aggregates_and_having_leaves_groups_out(void **state)
{
	assert_query("SELECT k, count(*) AS n, sum(v::int) / count(*) AS mean FROM app "
		     "GROUP BY tumble(_time, '1 minute'), k HAVING count(*) > 1",
		     objects, OP_RIG_N(objects), "{\"k\":\"a\",\"n\":2,\"mean\":1}\n");
	assert_int_equal(op_rig_row(&rig, "q", "groups_filtered"), 1);
	op_rig_fini(&rig);
}

static void a_group_of_a_select_is_written_once_over_a_reload(void **state)
{
	static const char *const two[] = {"{\"k\":\"a\"}", "{\"k\":\"b\"}"};
	static const char yaml[] =
		"pipeline: { q: { op: sql, from: app, query: \"SELECT k, count(*) AS n FROM app "
		"GROUP BY tumble(_time, '1 minute'), k\" } }\n";
	op_rig_init(&rig, yaml, "q");
	OP_RIG_FEED(&rig, two);
	op_rig_reload(&rig, yaml, "q");
	OP_RIG_FEED(&rig, two);
	op_rig_finish(&rig);
	op_rig_assert(&rig, "{\"k\":\"a\",\"n\":2}\n{\"k\":\"b\",\"n\":2}\n");
	assert_int_equal(op_rig_row(&rig, "q", "merged"), 4);
	op_rig_fini(&rig);
}

static void what_is_not_supported_is_refused_with_its_place(void **state)
{
	static const char *const queries[] = {
		"SELECT k FROM app ORDER BY k",    "SELECT DISTINCT k FROM app",
		"SELECT k FROM app LIMIT 1",       "SELECT k FROM app UNION SELECT k FROM app",
		"SELECT (SELECT 1) AS a FROM app", "INSERT INTO a SELECT 1"};
	for (unsigned i = 0; i < OP_RIG_N(queries); i++) {
		char yaml[256];
		snprintf(yaml, sizeof(yaml),
			 "pipeline: { q: { op: sql, from: app, query: \"%s\" } }\n", queries[i]);
		op_rig_build(&rig, yaml);
		assert_non_null(strstr(rig.says, "rig.yaml:2:"));
		assert_non_null(strstr(rig.says, "pipeline.q.query: "));
		op_rig_fini(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_select_filters_and_projects),
		cmocka_unit_test(a_select_with_group_by_aggregates_and_having_leaves_groups_out),
		cmocka_unit_test(a_group_of_a_select_is_written_once_over_a_reload),
		cmocka_unit_test(what_is_not_supported_is_refused_with_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
