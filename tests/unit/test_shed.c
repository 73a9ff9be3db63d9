#include "tests/unit/unit.h"

#include "dataplane/extract/shed.h"

static unsigned levels[4];
static unsigned shed_of[3];

/* In place of extract's: this test has none. */
void extract_shed(struct extract *x, unsigned source)
{
	shed_of[source]++;
}

static unsigned level(void *arg, unsigned worker, unsigned queue)
{
	assert_int_equal(worker, 1);
	return levels[queue];
}

static const uint16_t logs_to[] = {0, 2}, rows_to[] = {2}, beacons_to[] = {3};
static const struct shed_source sources[] = {
	{.at = 1, .keep = 4, .queues = logs_to, .n_queues = 2},
	{.at = 0, .keep = 4, .queues = rows_to, .n_queues = 1},
	{.at = 3, .keep = 10, .queues = beacons_to, .n_queues = 1},
};

static struct shed *s;
static struct err e;

static int set_up(void **unused)
{
	memset(levels, 0, sizeof(levels));
	memset(shed_of, 0, sizeof(shed_of));
	return shed_create(sources, 3, &s, &e);
}

static int tear_down(void **unused)
{
	shed_destroy(s);
	return 0;
}

/* A burst of all three sources in turn; frames know their place by `place`. */
static unsigned burst(struct frame frames[90])
{
	memset(frames, 0, 90 * sizeof(*frames));
	for (unsigned i = 0; i < 90; i++) {
		frames[i].source = i % 3;
		frames[i].time_ns = i;
	}
	shed_look(s, level, NULL, 1);
	return shed_active(s) ? shed_frames(s, NULL, frames, 90) : 90;
}

static void nothing_is_shed_while_there_is_room(void **unused)
{
	struct frame frames[90];
	assert_int_equal(burst(frames), 90);
	assert_int_equal(shed_of[0] + shed_of[1] + shed_of[2], 0);
}

static void row_changes_go_on_when_logs_of_the_same_queue_are_shed(void **unused)
{
	struct frame frames[90];
	levels[2] = 3;
	unsigned n = burst(frames), rows = 0, logs = 0;
	for (unsigned i = 0; i < n; i++) {
		assert_true(i == 0 || frames[i].time_ns > frames[i - 1].time_ns);
		rows += frames[i].source == 1;
		logs += frames[i].source == 0;
	}
	assert_int_equal(rows, 30);
	assert_int_equal(logs, 30 / 4);
	assert_int_equal(shed_of[0], 30 - 30 / 4);
	assert_int_equal(shed_of[1] + shed_of[2], 0);
	assert_int_equal(n, 90 - shed_of[0]);
}

static void each_source_is_shed_from_its_level_on_and_no_longer(void **unused)
{
	struct frame frames[90];
	levels[0] = levels[3] = 2;
	burst(frames);
	assert_true(shed_of[0] > 0);
	assert_int_equal(shed_of[2], 0);
	levels[3] = 3;
	burst(frames);
	assert_int_equal(shed_of[2], 27);
	levels[0] = levels[3] = 0;
	memset(shed_of, 0, sizeof(shed_of));
	assert_int_equal(burst(frames), 90);
}

static void many_queues_are_looked_at_more_seldom(void **unused)
{
	static uint16_t many[4000];
	const struct shed_source wide = {.at = 1, .keep = 2, .queues = many, .n_queues = 4000};
	struct shed *w;
	assert_int_equal(shed_look_turns(s), 16 + (3 + 3) / 4);
	assert_int_equal(shed_create(&wide, 1, &w, &e), 0);
	assert_int_equal(shed_look_turns(w), 16 + 4001 / 4);
	shed_destroy(w);
}

static void sources_that_are_never_shed_cost_nothing(void **unused)
{
	struct shed *none;
	assert_int_equal(shed_create(&sources[1], 1, &none, &e), 0);
	assert_null(none);
	assert_false(shed_active(none));
	shed_destroy(none);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_shed_while_there_is_room),
		TEST(row_changes_go_on_when_logs_of_the_same_queue_are_shed),
		TEST(each_source_is_shed_from_its_level_on_and_no_longer),
		TEST(many_queues_are_looked_at_more_seldom),
		TEST(sources_that_are_never_shed_cost_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
