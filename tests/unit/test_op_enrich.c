#include "tests/unit/unit.h"

#include <unistd.h>

#include "tests/support/op_rig.h"

static struct op_rig rig;

static char path[] = "/tmp/sluice-op-enrich-XXXXXX";

/* The dimension of two rows, and a node with @options behind it. */
static void init(const char *options)
{
	static char yaml[1024];
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs("vid,title,n\n7,seven,70\n8,eight,80\n", f);
	fclose(f);
	snprintf(yaml, sizeof(yaml),
		 "dimensions:\n"
		 "  video: { from: { file: { path: %s } }, key: vid, fields: { title: string, n: "
		 "int } "
		 "}\n"
		 "pipeline: { e: { op: enrich, from: app, dimension: video, key: v%s } }\n",
		 path, options);
	op_rig_init(&rig, yaml, "e");
}

static const char *const objects[] = {"{\"v\":7}", "{\"v\":\"9\"}", "{\"title\":\"mine\",\"v\":8}",
				      "{}"};

static void a_record_gets_the_fields_of_its_row_and_nulls_without_one(void **state)
{
	init("");
	OP_RIG_FEED(&rig, objects);
	op_rig_assert(&rig, "{\"v\":7,\"title\":\"seven\",\"n\":70}\n"
			    "{\"v\":\"9\",\"title\":null,\"n\":null}\n"
			    "{\"title\":\"eight\",\"v\":8,\"n\":80}\n"
			    "{\"title\":null,\"n\":null}\n");
	assert_int_equal(op_rig_row(&rig, "e", "hits"), 2);
	assert_int_equal(op_rig_row(&rig, "e", "misses"), 2);
	assert_int_equal(op_rig_row(&rig, "e", "no_key"), 1);
	op_rig_fini(&rig);
}

static void fields_are_chosen_and_have_a_prefix(void **state)
{
	init(", fields: [n], prefix: video_");
	op_rig_feed(&rig, objects, 1);
	op_rig_assert(&rig, "{\"v\":7,\"video_n\":70}\n");
	op_rig_fini(&rig);
}

static void a_record_without_a_row_is_dropped_or_lost_as_asked(void **state)
{
	init(", missing: drop");
	OP_RIG_FEED(&rig, objects);
	assert_int_equal(rig.n, 2);
	assert_int_equal(op_rig_row(&rig, "e", "dropped"), 2);
	op_rig_fini(&rig);
	init(", missing: lose");
	OP_RIG_FEED(&rig, objects);
	assert_int_equal(op_rig_row(&rig, "e", "missing"), 2);
	op_rig_fini(&rig);
}

static void a_record_that_waits_goes_on_when_its_time_is_over(void **state)
{
	init(", missing: hold, hold: 5s");
	OP_RIG_FEED(&rig, objects);
	assert_int_equal(rig.n, 3); /* one has no key to wait for */
	assert_int_equal(op_rig_row(&rig, "e", "held"), 1);
	graph_advance(rig.graph, 6000000000, &rig.batch);
	assert_int_equal(rig.n, 3);
	graph_advance(rig.graph, 7000000000, &rig.batch);
	assert_int_equal(rig.n, 4);
	assert_string_equal(rig.got[3], "{\"v\":\"9\",\"title\":null,\"n\":null}");
	op_rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_gets_the_fields_of_its_row_and_nulls_without_one),
		cmocka_unit_test(fields_are_chosen_and_have_a_prefix),
		cmocka_unit_test(a_record_without_a_row_is_dropped_or_lost_as_asked),
		cmocka_unit_test(a_record_that_waits_goes_on_when_its_time_is_over),
	};
	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}
