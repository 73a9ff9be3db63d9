#include "tests/unit/unit.h"

#include "dataplane/sink/queued.h"

struct flight {
	struct queued q;
	int mine;
};

static struct flight flights[3];
static struct queued_lists lists;
static struct out_batch batches[4];

static int set_up(void **state)
{
	(void)state;
	queued_init(&lists, flights, 3, sizeof(flights[0]));
	for (unsigned i = 0; i < 4; i++)
		batches[i].n_recs = 10 + i;
	return 0;
}

static void as_many_batches_are_taken_as_there_is_room_for(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct queued *q = queued_begin(&lists, &batches[i]);
		assert_ptr_equal(q, &flights[i].q);
		assert_int_equal(q->n_left, 10 + i);
		assert_ptr_equal(q->report.b, &batches[i]);
		assert_ptr_equal(q->report.fates, q->fates);
	}
	assert_int_equal(lists.n_flying, 3);
	assert_null(queued_begin(&lists, &batches[3]));
	assert_int_equal(lists.n_flying, 3);
}

static void batches_are_reported_in_the_order_in_which_they_ended(void **state)
{
	struct queued *q[3];
	struct sink_report r;
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		q[i] = queued_begin(&lists, &batches[i]);
	assert_false(queued_report(&lists, &r));
	queued_end(&lists, q[1]);
	queued_end(&lists, q[0]);
	assert_int_equal(lists.n_flying, 1);
	assert_true(queued_report(&lists, &r));
	assert_ptr_equal(r.b, &batches[1]);
	assert_non_null(queued_begin(&lists, &batches[3])); /* there is room again */
	assert_true(queued_report(&lists, &r));
	assert_ptr_equal(r.b, &batches[0]);
	assert_false(queued_report(&lists, &r));
	queued_end(&lists, q[2]);
	assert_true(queued_report(&lists, &r));
	assert_ptr_equal(r.b, &batches[2]);
}

static void notices_come_first_and_what_is_too_much_is_left_out(void **state)
{
	struct sink_report r;
	char text[16];
	(void)state;
	queued_end(&lists, queued_begin(&lists, &batches[0]));
	for (unsigned i = 0; i < QUEUED_NOTICES_MAX + 2; i++) {
		snprintf(text, sizeof(text), "notice %u", i);
		queued_tell(&lists, text);
	}
	for (unsigned i = 0; i < QUEUED_NOTICES_MAX; i++) {
		snprintf(text, sizeof(text), "notice %u", i);
		assert_true(queued_report(&lists, &r));
		assert_null(r.b);
		assert_string_equal(r.why.text, text);
	}
	assert_true(queued_report(&lists, &r));
	assert_ptr_equal(r.b, &batches[0]);
	assert_false(queued_report(&lists, &r));
}

#define TEST(f) cmocka_unit_test_setup(f, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(as_many_batches_are_taken_as_there_is_room_for),
		TEST(batches_are_reported_in_the_order_in_which_they_ended),
		TEST(notices_come_first_and_what_is_too_much_is_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
