#include "tests/unit/unit.h"

#include <stdio.h>

#include "dataplane/record_pairs.h"

static struct record_pairs *pairs;

static void add(enum pair_side side, unsigned queue, const char *id, const char *rest)
{
	char line[256];
	int n = snprintf(line, sizeof(line), "{\"_id\":\"%s\",%s}\n", id, rest);
	record_pairs_add(pairs, side, queue, slice_of(line, (size_t)n));
}

static void assert_counts(unsigned queue, uint64_t same, uint64_t changed, uint64_t removed,
			  uint64_t added)
{
	assert_int_equal(record_pairs_count(pairs, queue, PAIR_SAME), same);
	assert_int_equal(record_pairs_count(pairs, queue, PAIR_CHANGED), changed);
	assert_int_equal(record_pairs_count(pairs, queue, PAIR_ONLY_OLD), removed);
	assert_int_equal(record_pairs_count(pairs, queue, PAIR_ONLY_NEW), added);
}

static void a_record_meets_its_other_whichever_comes_first(void **state)
{
	pairs = record_pairs_create(2, 5);
	add(PAIR_OLD, 0, "a", "\"n\":1");
	add(PAIR_NEW, 0, "b", "\"n\":1");
	assert_counts(0, 0, 0, 0, 0);
	add(PAIR_OLD, 0, "b", "\"n\":1");
	add(PAIR_NEW, 0, "a", "\"n\":2");
	assert_counts(0, 1, 1, 0, 0);
	assert_true(record_pairs_finish(pairs));
	assert_counts(0, 1, 1, 0, 0);
	record_pairs_destroy(pairs);
}

static void records_of_one_id_are_paired_in_their_order_and_by_queue(void **state)
{
	pairs = record_pairs_create(2, 5);
	add(PAIR_OLD, 0, "a", "\"n\":1");
	add(PAIR_OLD, 0, "a", "\"n\":2");
	add(PAIR_NEW, 1, "a", "\"n\":1");
	add(PAIR_NEW, 0, "a", "\"n\":1");
	add(PAIR_NEW, 0, "a", "\"n\":2");
	assert_true(record_pairs_finish(pairs));
	assert_counts(0, 2, 0, 0, 0);
	assert_counts(1, 0, 0, 0, 1);
	record_pairs_destroy(pairs);
}

static void what_waits_too_long_or_to_the_end_is_alone(void **state)
{
	pairs = record_pairs_create(1, 5);
	record_pairs_advance(pairs, 1000);
	add(PAIR_OLD, 0, "a", "\"n\":1");
	record_pairs_advance(pairs, 1000 + PAIRS_WAIT_NS - 1);
	assert_counts(0, 0, 0, 0, 0);
	record_pairs_advance(pairs, 1000 + PAIRS_WAIT_NS);
	assert_counts(0, 0, 0, 1, 0);
	add(PAIR_NEW, 0, "a", "\"n\":1");
	assert_true(record_pairs_finish(pairs));
	assert_counts(0, 0, 0, 1, 1);
	record_pairs_destroy(pairs);
}

static void beyond_what_may_wait_the_first_is_alone(void **state)
{
	char id[16];
	pairs = record_pairs_create(1, 5);
	for (unsigned i = 0; i < PAIRS_WAITING_MAX + 3; i++) {
		snprintf(id, sizeof(id), "%u", i);
		add(PAIR_OLD, 0, id, "\"n\":1");
	}
	assert_counts(0, 0, 0, 3, 0);
	for (unsigned i = 3; i < PAIRS_WAITING_MAX + 3; i++) {
		snprintf(id, sizeof(id), "%u", i);
		add(PAIR_NEW, 0, id, "\"n\":1");
	}
	add(PAIR_NEW, 0, "0", "\"n\":1");
	while (!record_pairs_finish(pairs)) /* what has gone in between stands there, too */
		;
	assert_counts(0, PAIRS_WAITING_MAX, 0, 3, 1);
	record_pairs_destroy(pairs);
}

static void an_end_is_settled_piece_by_piece(void **state)
{
	char id[16];
	unsigned n_pieces = 1;
	pairs = record_pairs_create(1, 5);
	for (unsigned i = 0; i < PAIRS_WAITING_MAX; i++) {
		snprintf(id, sizeof(id), "%u", i);
		add(PAIR_OLD, 0, id, "\"n\":1");
	}
	/* All of them have waited long enough, and are not given up in one turn either. */
	record_pairs_advance(pairs, PAIRS_WAIT_NS);
	assert_counts(0, 0, 0, PAIRS_DROPPED_AT_ONCE, 0);
	while (!record_pairs_finish(pairs))
		assert_counts(0, 0, 0, ++n_pieces * PAIRS_DROPPED_AT_ONCE, 0);
	assert_counts(0, 0, 0, PAIRS_WAITING_MAX, 0);
	assert_true(record_pairs_finish(pairs));
	record_pairs_destroy(pairs);
}

static void samples_have_both_records_and_are_few(void **state)
{
	struct pair_sample s;
	pairs = record_pairs_create(1, 2);
	for (unsigned i = 0; i < 4; i++) {
		char id[16];
		snprintf(id, sizeof(id), "%u", i);
		add(PAIR_OLD, 0, id, "\"n\":1");
		add(PAIR_NEW, 0, id, "\"n\":2");
	}
	add(PAIR_NEW, 0, "x", "\"n\":3");
	assert_true(record_pairs_finish(pairs));
	assert_counts(0, 0, 4, 0, 1);
	assert_true(record_pairs_sample(pairs, 0, &s));
	assert_int_equal(s.fate, PAIR_CHANGED);
	assert_memory_equal(s.old.ptr, "{\"_id\":\"0\",\"n\":1}\n", s.old.len);
	assert_memory_equal(s.new.ptr, "{\"_id\":\"0\",\"n\":2}\n", s.new.len);
	assert_true(record_pairs_sample(pairs, 1, &s));
	assert_true(record_pairs_sample(pairs, 2, &s));
	assert_int_equal(s.fate, PAIR_ONLY_NEW);
	assert_null(s.old.ptr);
	assert_false(record_pairs_sample(pairs, 3, &s));
	record_pairs_destroy(pairs);
}

/* Lines of more than the room for texts: they are compared all the same, and not shown. */
static void what_is_too_long_to_keep_is_counted(void **state)
{
	static char line[1 << 17];
	struct pair_sample s;
	pairs = record_pairs_create(1, 2);
	int n = snprintf(line, sizeof(line), "{\"_id\":\"a\",\"n\":\"%0*d\"}\n", 100000, 1);
	record_pairs_add(pairs, PAIR_OLD, 0, slice_of(line, (size_t)n));
	line[20] = 'x';
	record_pairs_add(pairs, PAIR_NEW, 0, slice_of(line, (size_t)n));
	assert_counts(0, 0, 1, 0, 0);
	assert_true(record_pairs_sample(pairs, 0, &s));
	assert_null(s.old.ptr);
	assert_int_equal(s.new.len, n);
	record_pairs_destroy(pairs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_meets_its_other_whichever_comes_first),
		cmocka_unit_test(records_of_one_id_are_paired_in_their_order_and_by_queue),
		cmocka_unit_test(what_waits_too_long_or_to_the_end_is_alone),
		cmocka_unit_test(beyond_what_may_wait_the_first_is_alone),
		cmocka_unit_test(an_end_is_settled_piece_by_piece),
		cmocka_unit_test(samples_have_both_records_and_are_few),
		cmocka_unit_test(what_is_too_long_to_keep_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
