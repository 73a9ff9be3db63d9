#include "tests/unit/unit.h"

#include <unistd.h>

#include "tests/support/op_rig.h"

static struct op_rig rig;

static char path[] = "/tmp/sluice-op-enrich-XXXXXX";

/* The dimension of two rows, a node with @options behind it, and more of the configuration. */
static void init_with(const char *options, const char *more)
{
	static char yaml[2048];
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs("vid,title,n\n7,seven,70\n8,eight,80\n", f);
	fclose(f);
	snprintf(yaml, sizeof(yaml),
		 "dimensions:\n"
		 "  video: { from: { file: { path: %s } }, key: vid, fields: { title: string, n: "
		 "int } "
		 "}\n"
		 "pipeline:\n  e: { op: enrich, from: app, dimension: video, key: v%s }\n%s",
		 path, options, more);
	op_rig_init(&rig, yaml, "e");
}

static void init(const char *options)
{
	init_with(options, "");
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
	assert_int_equal(op_rig_row(&rig, "e", "in_flight"), 1);
	graph_advance(rig.graph, 6000000000, &rig.batch);
	assert_int_equal(rig.n, 3);
	graph_advance(rig.graph, 7000000000, &rig.batch);
	assert_int_equal(rig.n, 4);
	assert_string_equal(rig.got[3], "{\"v\":\"9\",\"title\":null,\"n\":null}");
	op_rig_fini(&rig);
}

/* What comes to queue @queue of a pipeline behind p, which has no one else to look at it. */
static void assert_queued(const char *nodes, unsigned queue, const char *want)
{
	static const char *const beacons[] = {"{\"v\":7,\"w\":8}", "{\"w\":7}",
					      "{\"v\":8,\"w\":9}"};
	static char more[1024];
	struct err e;
	snprintf(more, sizeof(more),
		 "  p: { op: project, from: app, select: \"v, w\" }\n%s"
		 "sinks: { out: { \"null\": {} } }\n",
		 nodes);
	init_with("", more);
	graph_destroy(rig.graph);
	assert_int_equal(graph_create(&rig.pipeline->graph, op_rig_put, &rig, &rig.graph, &e), 0);
	rig.origin = queue;
	OP_RIG_FEED(&rig, beacons);
	op_rig_assert(&rig, want);
	op_rig_fini(&rig);
}

/* It makes room for what they add; they put it there. */
static void enrichments_behind_a_projection_add_their_fields_in_its_records(void **state)
{
	assert_queued("  x: { op: enrich, from: p, dimension: video, key: v }\n"
		      "  y: { op: enrich, from: x, dimension: video, key: w, prefix: w_ }\n"
		      "queues: { q/q: { from: y, sink: out } }\n",
		      0,
		      "{\"v\":\"7\",\"w\":\"8\",\"title\":\"seven\",\"n\":70,\"w_title\":\"eight\","
		      "\"w_n\":80}\n"
		      "{\"v\":null,\"w\":\"7\",\"title\":null,\"n\":null,\"w_title\":\"seven\",\"w_"
		      "n\":70}\n"
		      "{\"v\":\"8\",\"w\":\"9\",\"title\":\"eight\",\"n\":80,\"w_title\":null,\"w_"
		      "n\":null}\n");
}

/* It keeps what else is there, and fields of the same names as those that are added. */
static void a_projection_with_a_star_makes_room_as_well(void **state)
{
	assert_queued("  s: { op: project, from: app, select: \"*, lower(w) AS title\" }\n"
		      "  x: { op: enrich, from: s, dimension: video, key: v }\n"
		      "queues: { q/q: { from: x, sink: out } }\n",
		      0,
		      "{\"v\":7,\"w\":8,\"title\":\"seven\",\"n\":70}\n"
		      "{\"w\":7,\"title\":null,\"n\":null}\n"
		      "{\"v\":8,\"w\":9,\"title\":\"eight\",\"n\":80}\n");
}

/* How many pairs a record of {"v":7,"w":8} has when it went through @nodes, which are behind app.
 */
static unsigned pairs_of_source(const char *nodes, unsigned *ret_room)
{
	static const char *const want = "{\"v\":7,\"w\":8,\"title\":\"seven\",\"n\":70}\n";
	static char more[1024];
	struct err e;
	snprintf(more, sizeof(more), "%ssinks: { out: { \"null\": {} } }\n", nodes);
	init_with("", more);
	graph_destroy(rig.graph);
	assert_int_equal(graph_create(&rig.pipeline->graph, op_rig_put, &rig, &rig.graph, &e), 0);
	rig.origin = 0;
	*ret_room = rig.batch.room = graph_room(rig.graph);
	op_rig_add(&rig, "{\"v\":7,\"w\":8}");
	const struct rec *r = rig.batch.recs[0];
	op_rig_push(&rig);
	op_rig_assert(&rig, want);
	unsigned n_pairs = r->n_pairs;
	op_rig_fini(&rig);
	return n_pairs;
}

static void the_only_node_behind_a_source_adds_its_fields_in_its_records(void **state)
{
	unsigned room;
	assert_int_equal(pairs_of_source("queues: { q/q: { from: e, sink: out } }\n", &room), 4);
	assert_int_equal(room, 2);
	assert_int_equal(pairs_of_source("  f: { op: filter, from: app, where: \"v IS NULL\" }\n"
					 "queues: { q/q: { from: [e, f], sink: out } }\n",
					 &room),
			 2);
	assert_int_equal(room, 0);
}

static void a_record_that_another_node_sees_is_not_changed_by_an_enrichment(void **state)
{
	assert_queued("  x: { op: enrich, from: p, dimension: video, key: v }\n"
		      "  y: { op: filter, from: p, where: \"v IS NOT NULL\" }\n"
		      "queues: { q/x: { from: x, sink: out }, q/y: { from: y, sink: out } }\n",
		      1, "{\"v\":\"7\",\"w\":\"8\"}\n{\"v\":\"8\",\"w\":\"9\"}\n");
	assert_queued(
		"  x: { op: enrich, from: p, dimension: video, key: v }\n"
		"queues: { q/x: { from: x, sink: out }, q/y: { from: p, sink: out } }\n",
		1,
		"{\"v\":\"7\",\"w\":\"8\"}\n{\"v\":null,\"w\":\"7\"}\n{\"v\":\"8\",\"w\":\"9\"}\n");
}

#define HOLDING(from, more)                                                     \
	"pipeline:\n"                                                           \
	"  s: { op: project, from: app, select: \"v, w, zz AS first\" }\n" more \
	"  e: { op: enrich, from: " from ", dimension: video, key: v, missing: hold, hold: 9s }\n"

static void with_dimension(char *yaml, size_t cap, const char *rows, const char *rest)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(rows, f);
	fclose(f);
	snprintf(yaml, cap,
		 "dimensions:\n"
		 "  video: { from: { file: { path: %s } }, key: vid, fields: { title: string } "
		 "}\n%s",
		 path, rest);
}

/* By their fixed fields, or as pairs; in another pipeline, whose names have other numbers. */
static void waits_over_a_reload(const char *from, const char *want)
{
	static char yaml[2048];
	static const char *const waits[] = {"{\"v\":9,\"w\":\"x\",\"other\":[1]}"};
	char rest[1024];
	snprintf(rest, sizeof(rest), HOLDING("%s", ""), from);
	with_dimension(yaml, sizeof(yaml), "vid,title\n7,seven\n", rest);
	op_rig_init(&rig, yaml, "e");
	OP_RIG_FEED(&rig, waits);
	assert_int_equal(op_rig_row(&rig, "e", "in_flight"), 1);
	snprintf(rest, sizeof(rest),
		 HOLDING("%s", "  n: { op: project, from: s, select: \"first AS zzz, v AS a\" }\n"),
		 from);
	with_dimension(yaml, sizeof(yaml), "vid,title\n9,nine\n", rest);
	op_rig_reload(&rig, yaml, "e");
	assert_int_equal(rig.n, 0);
	graph_advance(rig.graph, 3000000000, &rig.batch);
	op_rig_assert(&rig, want);
	assert_int_equal(op_rig_row(&rig, "e", "late_hits"), 1);
	assert_int_equal(op_rig_row(&rig, "e", "in_flight") + 1, 0); /* as the old row has it */
	op_rig_fini(&rig);
}

static void a_record_waits_on_over_a_reload(void **state)
{
	waits_over_a_reload("app", "{\"v\":9,\"w\":\"x\",\"other\":[1],\"title\":\"nine\"}\n");
	waits_over_a_reload("s", "{\"v\":\"9\",\"w\":\"x\",\"first\":null,\"title\":\"nine\"}\n");
}

#define N_ROWS 40

/* Rows of three fields, of which the texts are 0 to 195 bytes, some without numbers. */
static void put_rows(void)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs("vid,title,n,m\n", f);
	for (int i = 0; i < N_ROWS; i++)
		fprintf(f, i % 7 ? "%d,x%0*d,%d,%d\n" : "%d,x%0*d,,\n", i, i * 5, 1, i, i + 1);
	fclose(f);
}

static void put_wanted(char *out, size_t cap, int i, bool in_order)
{
	char numbers[2][24] = {"null", "null"};
	if (i % 7) {
		snprintf(numbers[0], sizeof(numbers[0]), "%d", i);
		snprintf(numbers[1], sizeof(numbers[1]), "%d", i + 1);
	}
	if (in_order)
		snprintf(out, cap,
			 "{\"v\":\"%d\",\"title\":\"x%0*d\",\"n\":%s,\"m\":%s,\"w_title\":\"x%0*"
			 "d\"}",
			 i, i * 5, 1, numbers[0], numbers[1], i * 5, 1);
	else
		snprintf(out, cap,
			 "{\"v\":\"%d\",\"m\":%s,\"title\":\"x%0*d\",\"n\":%s,\"w_title\":\"x%0*"
			 "d\"}",
			 i, numbers[1], i * 5, 1, numbers[0], i * 5, 1);
}

/* Another enrichment behind it adds its field to the same records; a few keys are not there. */
static void check_fields(const char *fields, bool in_order)
{
	static char yaml[2048];
	struct err e;
	put_rows();
	snprintf(yaml, sizeof(yaml),
		 "dimensions:\n"
		 "  video: { from: { file: { path: %s } }, key: vid, fields: { title: string, n: "
		 "int, m: "
		 "int } }\n"
		 "pipeline:\n"
		 "  p: { op: project, from: app, select: \"v\" }\n"
		 "  x: { op: enrich, from: p, dimension: video, key: v, fields: [%s], missing: "
		 "drop }\n"
		 "  y: { op: enrich, from: x, dimension: video, key: v, fields: [title], prefix: "
		 "w_ }\n"
		 "sinks: { out: { \"null\": {} } }\n"
		 "queues: { q/q: { from: y, sink: out } }\n",
		 path, fields);
	op_rig_init(&rig, yaml, "x");
	graph_destroy(rig.graph);
	assert_int_equal(graph_create(&rig.pipeline->graph, op_rig_put, &rig, &rig.graph, &e), 0);
	rig.origin = 0;
	for (int i = 0; i < N_ROWS; i++) {
		char object[32];
		snprintf(object, sizeof(object), "{\"v\":%d}", i % 11 == 5 ? -i : i);
		op_rig_add(&rig, object);
	}
	op_rig_push(&rig);
	unsigned n = 0;
	for (int i = 0; i < N_ROWS; i++) {
		char want[1024];
		if (i % 11 == 5)
			continue;
		put_wanted(want, sizeof(want), i, in_order);
		assert_true(n < rig.n);
		assert_string_equal(rig.got[n++], want);
	}
	assert_int_equal(rig.n, n);
	op_rig_fini(&rig);
}

static void rows_of_any_length_are_added_in_the_order_that_is_asked_for(void **state)
{
	check_fields("", true);
	check_fields("title, n, m", true);
	check_fields("m, title, n", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_gets_the_fields_of_its_row_and_nulls_without_one),
		cmocka_unit_test(fields_are_chosen_and_have_a_prefix),
		cmocka_unit_test(a_record_without_a_row_is_dropped_or_lost_as_asked),
		cmocka_unit_test(a_record_that_waits_goes_on_when_its_time_is_over),
		cmocka_unit_test(rows_of_any_length_are_added_in_the_order_that_is_asked_for),
		cmocka_unit_test(enrichments_behind_a_projection_add_their_fields_in_its_records),
		cmocka_unit_test(a_projection_with_a_star_makes_room_as_well),
		cmocka_unit_test(the_only_node_behind_a_source_adds_its_fields_in_its_records),
		cmocka_unit_test(a_record_that_another_node_sees_is_not_changed_by_an_enrichment),
		cmocka_unit_test(a_record_waits_on_over_a_reload),
	};
	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}
