/* Needs DPDK: rings stand between workers and sinks. Both sides are played by one thread here. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/mman.h>

#include "dataplane/sink/handoff.h"

#define CAP ((size_t)OUT_BATCH_BYTES + 1000)

/* Two queues of sink 0, one of sink 1. */
static const uint16_t sink_of_queue[] = {0, 1, 0};

static struct handoff *make_of(struct handoff_spec spec)
{
	struct handoff *h = NULL;
	struct err e;
	assert_int_equal(handoff_create(&spec, &h, &e), 0);
	return h;
}

static struct handoff *make(unsigned n_workers, bool wait)
{
	return make_of((struct handoff_spec){.n_workers = n_workers,
					     .n_queues = 3,
					     .n_sinks = 2,
					     .sink_of_queue = sink_of_queue,
					     .batch_cap = CAP,
					     .wait = wait});
}

static bool put(struct handoff *h, unsigned worker, unsigned queue, size_t len, uint64_t time_ns)
{
	uint8_t *room = handoff_room(h, worker, queue, len);
	if (!room)
		return false;
	memset(room, 'x', len);
	handoff_commit(h, worker, queue, len, time_ns);
	return true;
}

static void assert_balanced(const struct handoff *h, unsigned worker, unsigned queue)
{
	assert_int_equal(ledger_imbalance(&handoff_ledger, handoff_row(h, worker, queue)), 0);
}

static void what_is_left_out_is_counted_and_balances(void **state)
{
	struct handoff *h = make(1, false);
	handoff_leave_out(h, 0, 1, HANDOFF_no_form);
	handoff_leave_out(h, 0, 1, HANDOFF_ddl);
	assert_int_equal(handoff_row(h, 0, 1)[HANDOFF_records_in], 2);
	assert_int_equal(handoff_row(h, 0, 1)[HANDOFF_no_form], 1);
	assert_int_equal(handoff_row(h, 0, 1)[HANDOFF_ddl], 1);
	assert_balanced(h, 0, 1);
	handoff_destroy(h);
}

static void a_queue_that_is_foreseen_is_as_it_was(void **state)
{
	struct handoff *h = make(2, false);
	handoff_soon(h, 1, 2);
	handoff_flush(h, 1, true);
	assert_null(handoff_take(h, 0)); /* none was opened for it */
	assert_true(put(h, 1, 2, CAP, 5));
	handoff_soon(h, 1, 2);
	struct out_batch *b = handoff_take(h, 0);
	assert_int_equal(b->n_recs, 1);
	assert_int_equal(b->len, CAP);
	handoff_give_back(h, b);
	assert_true(put(h, 1, 2, 10, 6));
	handoff_soon(h, 1, 2);
	assert_int_equal(handoff_row(h, 1, 2)[HANDOFF_records_in], 2);
	assert_balanced(h, 1, 2);
	handoff_destroy(h);
}

static void a_flush_hands_over_what_is_open_and_nothing_else(void **state)
{
	struct handoff *h = make(1, false);
	assert_true(put(h, 0, 2, 10, 5) && put(h, 0, 2, 20, 7));
	assert_null(handoff_take(h, 0));
	assert_int_equal(handoff_row(h, 0, 2)[HANDOFF_in_flight], 2);
	handoff_flush(h, 0, false);
	struct out_batch *b = handoff_take(h, 0);
	assert_int_equal(b->queue, 2);
	assert_int_equal(b->n_recs, 2);
	assert_int_equal(b->len, 30);
	assert_int_equal(b->ends[0], 10);
	assert_int_equal(b->ends[1], 30);
	assert_int_equal(b->first_ns, 5);
	assert_int_equal(b->last_ns, 7);
	assert_null(handoff_take(h, 0));
	assert_null(handoff_take(h, 1));
	assert_balanced(h, 0, 2);
	handoff_give_back(h, b);
	handoff_flush(h, 0, false);
	assert_null(handoff_take(h, 0));
	handoff_destroy(h);
}

static void records_added_many_at_a_time_count_as_one_by_one(void **state)
{
	struct handoff *h = make(1, false);
	struct out_batch *b = handoff_open(h, 0, 1, 100);
	unsigned n = 0;
	for (; out_batch_holds(b, 100); n++) {
		memset(b->buf + b->len, 'x', 100);
		out_batch_add(b, 100, 7 + n);
	}
	/* Not less than what one by one would have filled. */
	assert_true(b->len >= OUT_BATCH_BYTES || n == OUT_BATCH_RECS_MAX);
	handoff_added(h, 0, 1, n);
	handoff_flush(h, 0, true);
	assert_int_equal(handoff_row(h, 0, 1)[HANDOFF_records_in], n);
	assert_int_equal(handoff_row(h, 0, 1)[HANDOFF_records_out], n);
	assert_balanced(h, 0, 1);
	b = handoff_take(h, 1);
	assert_int_equal(b->n_recs, n);
	assert_int_equal(b->ends[n - 1], 100 * n);
	assert_int_equal(b->first_ns, 7);
	assert_int_equal(b->last_ns, 7 + n - 1);
	assert_null(handoff_open(h, 0, 1, 2 * CAP)); /* as for one */
	assert_int_equal(handoff_row(h, 0, 1)[HANDOFF_too_large], 1);
	handoff_destroy(h);
}

static void records_that_trickle_in_wait_for_a_late_sink_in_one_batch(void **state)
{
	struct handoff *h = make(1, false);
	unsigned n = 0, n_recs = 0;
	for (unsigned i = 0; i < 1000; i++) {
		assert_true(put(h, 0, 0, 10, 1));
		handoff_flush(h, 0, false);
	}
	assert_int_equal(handoff_row(h, 0, 0)[HANDOFF_shed], 0);
	handoff_flush(h, 0, true);
	for (struct out_batch *b; (b = handoff_take(h, 0)); n++) {
		n_recs += b->n_recs;
		handoff_give_back(h, b);
	}
	assert_int_equal(n, HANDOFF_BATCHES);
	assert_int_equal(n_recs, 1000);
	assert_balanced(h, 0, 0);
	handoff_destroy(h);
}

static void a_worker_has_its_batches_beside_those_that_a_sink_keeps(void **state)
{
	const unsigned kept = 4, n = HANDOFF_BATCHES + kept;
	struct handoff *h = make_of((struct handoff_spec){.n_workers = 1,
							  .n_queues = 3,
							  .n_sinks = 2,
							  .sink_of_queue = sink_of_queue,
							  .n_held = kept,
							  .batch_cap = CAP,
							  .wait = true});
	struct out_batch *taken[HANDOFF_BATCHES + 4];
	assert_int_equal(handoff_batches(h), n);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < n; i++)
			assert_true(put(h, 0, 0, OUT_BATCH_BYTES, 1));
		for (unsigned i = 0; i < n; i++) {
			taken[i] = handoff_take(h, 0);
			assert_non_null(taken[i]);
			assert_int_equal(taken[i]->len, OUT_BATCH_BYTES);
		}
		for (unsigned i = 0; i < n; i++)
			handoff_give_back(h, taken[i]);
	}
	assert_int_equal(handoff_row(h, 0, 0)[HANDOFF_waits], 0);
	assert_balanced(h, 0, 0);
	handoff_destroy(h);
}

static void keys_and_ids_stand_beside_the_records_of_a_queue_that_wants_them(void **state)
{
	static char long_key[2 * OUT_KEY_MAX];
	struct handoff *h = make(1, false);
	handoff_mark_queue(h, 1);
	for (unsigned i = 0; i < 200; i++) { /* more than the room for keys of a batch */
		assert_non_null(handoff_room(h, 0, 1, 10));
		struct slice key = i % 3 ? slice_of(long_key, sizeof(long_key)) : SLICE_LIT("k");
		handoff_mark(h, 0, 1, i % 5 ? key : (struct slice){0}, SLICE_LIT("id"));
		handoff_commit(h, 0, 1, 10, 1);
	}
	handoff_flush(h, 0, true);
	unsigned n = 0;
	for (struct out_batch *b; (b = handoff_take(h, 1)); handoff_give_back(h, b)) {
		for (unsigned i = 0; i < b->n_recs; i++, n++) {
			const struct out_mark *m = &b->marks[i];
			assert_int_equal(m->key_len, n % 5 == 0 ? 0 : n % 3 ? OUT_KEY_MAX : 1);
			assert_memory_equal(b->mark_buf + m->off + m->key_len, "id", 2);
			assert_true(m->off + m->key_len + m->id_len <= OUT_MARK_BYTES);
		}
	}
	assert_int_equal(n, 200);
	assert_balanced(h, 0, 1);
	handoff_destroy(h);
}

static void a_batch_leaves_when_it_is_full_or_the_next_record_does_not_fit(void **state)
{
	struct handoff *h = make(1, false);
	assert_true(put(h, 0, 0, OUT_BATCH_BYTES, 1));
	struct out_batch *b = handoff_take(h, 0);
	assert_int_equal(b->n_recs, 1);
	handoff_give_back(h, b);
	assert_true(put(h, 0, 0, 2000, 1) && put(h, 0, 0, CAP - 1000, 1));
	b = handoff_take(h, 0);
	assert_int_equal(b->len, 2000);
	assert_int_equal(handoff_take(h, 0)->len, CAP - 1000);
	assert_balanced(h, 0, 0);
	handoff_destroy(h);
}

static void a_live_worker_sheds_when_the_sink_gives_nothing_back(void **state)
{
	struct handoff *h = make(1, false);
	for (unsigned i = 0; i < HANDOFF_BATCHES + HANDOFF_SPARES; i++)
		assert_true(put(h, 0, 1, OUT_BATCH_BYTES, 1));
	assert_false(put(h, 0, 1, 10, 1));
	assert_true(put(h, 0, 0, 10, 1)); /* the other queues are not touched by it */
	const uint64_t *row = handoff_row(h, 0, 1);
	assert_int_equal(row[HANDOFF_records_in], HANDOFF_BATCHES + HANDOFF_SPARES + 1);
	assert_int_equal(row[HANDOFF_records_out], HANDOFF_BATCHES + HANDOFF_SPARES);
	assert_int_equal(row[HANDOFF_shed], 1);
	assert_balanced(h, 0, 1);
	handoff_give_back(h, handoff_take(h, 1));
	assert_true(put(h, 0, 1, 10, 1));
	handoff_destroy(h);
}

static void spare_batches_are_used_only_while_the_others_are_out(void **state)
{
	struct handoff *h = make(1, false);
	struct out_batch *out[HANDOFF_BATCHES + 1];
	for (unsigned i = 0; i < HANDOFF_BATCHES + 1; i++) {
		assert_true(put(h, 0, 0, OUT_BATCH_BYTES, 1));
		out[i] = handoff_take(h, 0);
	}
	for (unsigned i = 0; i < HANDOFF_BATCHES + 1; i++)
		handoff_give_back(h, out[i]);
	for (unsigned i = 0; i < 3 * HANDOFF_BATCHES; i++) {
		assert_true(put(h, 0, 0, OUT_BATCH_BYTES, 1));
		struct out_batch *b = handoff_take(h, 0);
		assert_ptr_not_equal(b, out[HANDOFF_BATCHES]);
		handoff_give_back(h, b);
	}
	handoff_destroy(h);
}

static void a_replay_that_waits_gives_up_when_it_is_told_to(void **state)
{
	struct handoff *h = make(1, true);
	for (unsigned i = 0; i < HANDOFF_BATCHES; i++)
		assert_true(put(h, 0, 1, OUT_BATCH_BYTES, 1));
	handoff_stop_waiting(h);
	assert_false(put(h, 0, 1, 10, 1));
	assert_int_equal(handoff_row(h, 0, 1)[HANDOFF_waits], 1);
	assert_balanced(h, 0, 1);
	handoff_destroy(h);
}

static void a_record_larger_than_a_batch_is_lost_and_counted(void **state)
{
	struct handoff *h = make(1, true);
	assert_false(put(h, 0, 0, CAP + 1, 1));
	assert_true(put(h, 0, 0, CAP, 1));
	assert_int_equal(handoff_row(h, 0, 0)[HANDOFF_too_large], 1);
	assert_balanced(h, 0, 0);
	handoff_destroy(h);
}

static void a_sink_takes_from_all_workers_and_queues_in_turn(void **state)
{
	struct handoff *h = make(2, false);
	static const struct {
		unsigned worker, queue;
	} turns[] = {{0, 0}, {0, 2}, {1, 0}, {1, 2}};
	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0; i < 4; i++)
			assert_true(put(h, turns[i].worker, turns[i].queue, OUT_BATCH_BYTES, 1));
	for (unsigned i = 0; i < 8; i++) {
		struct out_batch *b = handoff_take(h, 0);
		assert_int_equal(b->worker, turns[i % 4].worker);
		assert_int_equal(b->queue, turns[i % 4].queue);
		handoff_give_back(h, b);
	}
	assert_null(handoff_take(h, 0));
	handoff_destroy(h);
}

static void a_queue_without_a_sink_is_taken_by_itself_from_all_workers_in_turn(void **state)
{
	static const uint16_t nobody[] = {HANDOFF_NO_SINK, 0};
	struct handoff *h = make_of((struct handoff_spec){.n_workers = 2,
							  .n_queues = 2,
							  .n_sinks = 1,
							  .sink_of_queue = nobody,
							  .batch_cap = CAP});
	for (unsigned w = 0; w < 2; w++)
		for (unsigned i = 0; i < 2; i++) {
			assert_true(put(h, w, 0, 10, 1));
			handoff_flush(h, w, false);
		}
	assert_null(handoff_take(h, 0));
	for (unsigned i = 0; i < 4; i++) {
		struct out_batch *b = handoff_take_queue(h, 0);
		assert_int_equal(b->worker, i % 2);
		handoff_give_back(h, b);
	}
	assert_null(handoff_take_queue(h, 0));
	assert_null(handoff_take_queue(h, 1));
	handoff_destroy(h);
}

static void the_level_rises_while_batches_are_out_and_falls_when_they_are_back(void **state)
{
	struct handoff *h = make(1, false);
	static struct out_batch *out[HANDOFF_BATCHES + HANDOFF_SPARES];
	unsigned n = 0, level = 0;
	assert_int_equal(handoff_level(h, 0, 0), 0);
	while (put(h, 0, 0, OUT_BATCH_BYTES, 1)) {
		assert_true(handoff_level(h, 0, 0) >= level);
		level = handoff_level(h, 0, 0);
		out[n++] = handoff_take(h, 0);
	}
	assert_int_equal(level, HANDOFF_LEVEL_MAX);
	assert_int_equal(handoff_level(h, 0, 1), 0);
	while (n)
		handoff_give_back(h, out[--n]);
	assert_int_equal(handoff_level(h, 0, 0), 0);
	handoff_destroy(h);
	h = make(1, true); /* a replay waits */
	assert_true(put(h, 0, 0, OUT_BATCH_BYTES, 1));
	assert_int_equal(handoff_level(h, 0, 0), 0);
	handoff_destroy(h);
}

/* Pages of the batch's buffer that are in memory, from @from on. */
static size_t resident(const struct out_batch *b, size_t from, size_t len)
{
	unsigned char there[1024];
	uintptr_t at = ((uintptr_t)b->buf + from + 4095) & ~(uintptr_t)4095;
	size_t n = 0, pages = len / 4096 - 1;
	assert_true(pages <= sizeof(there));
	assert_int_equal(mincore((void *)at, pages * 4096, there), 0);
	for (size_t i = 0; i < pages; i++)
		n += there[i] & 1;
	return n;
}

static void what_a_large_record_took_is_given_back_with_its_batch(void **state)
{
	const size_t large = 3u << 20;
	struct handoff *h = make_of((struct handoff_spec){.n_workers = 1,
							  .n_queues = 3,
							  .n_sinks = 2,
							  .sink_of_queue = sink_of_queue,
							  .batch_cap = OUT_BATCH_BYTES + large});
	assert_true(put(h, 0, 0, large, 1));
	struct out_batch *b = handoff_take(h, 0);
	assert_int_equal(b->len, large);
	assert_true(resident(b, OUT_BATCH_KEPT, large - OUT_BATCH_KEPT) > 500);
	handoff_give_back(h, b);
	assert_int_equal(resident(b, OUT_BATCH_KEPT, large - OUT_BATCH_KEPT), 0);
	assert_true(resident(b, 0, OUT_BATCH_KEPT) > 100);
	handoff_destroy(h);
}

static unsigned place_of(const struct out_batch *b)
{
	return (uintptr_t)b->buf % OUT_BATCH_PAGE;
}

static void a_batch_begins_where_in_a_page_its_file_has_it(void **state)
{
	const size_t len = OUT_BATCH_BYTES + 100;
	struct handoff *h = make(1, false);
	struct out_batch *b[HANDOFF_BATCHES];
	for (unsigned i = 0; i < HANDOFF_BATCHES; i++) {
		assert_true(put(h, 0, 1, len, 1));
		b[i] = handoff_take(h, 1);
		assert_int_equal(place_of(b[i]), i * len % OUT_BATCH_PAGE);
	}
	/* A new file began with the last 7 bytes of the last of them. */
	out_batch_ends_at(b[7], 7);
	handoff_give_back(h, b[7]);
	assert_true(put(h, 0, 1, len, 1));
	assert_int_equal(place_of(b[7]), 7);
	handoff_give_back(h, handoff_take(h, 1));
	assert_true(put(h, 0, 1, len, 1));
	assert_int_equal(place_of(b[7]), (7 + len) % OUT_BATCH_PAGE);
	handoff_destroy(h);
}

/* Numbers, so that each record tells which one it is. */
static void put_number(struct handoff *h, unsigned queue, uint32_t i, size_t len)
{
	uint8_t *room = handoff_room(h, 0, queue, len);
	assert_non_null(room);
	memset(room, 'x', len);
	memcpy(room, &i, sizeof(i));
	handoff_commit(h, 0, queue, len, i);
}

static void expect_numbers(struct handoff *h, unsigned queue, uint32_t n, size_t len)
{
	struct out_batch *b = handoff_take(h, 0);
	assert_non_null(b);
	assert_int_equal(b->queue, queue);
	assert_int_equal(b->n_recs, n);
	assert_int_equal(b->len, n * len);
	for (uint32_t i = 0, at; i < n; i++) {
		memcpy(&at, b->buf + i * len, sizeof(at));
		assert_int_equal(at, i);
		assert_int_equal(b->ends[i], (i + 1) * len);
	}
	assert_int_equal(b->first_ns, 0);
	assert_int_equal(b->last_ns, n - 1);
	handoff_give_back(h, b);
	assert_balanced(h, 0, queue);
}

/* Many short ones, and many bytes: either way past what a small batch holds, and twice, since it is
 * large the second time. A batch of the same size has the same records, whatever it began as.
 */
static void the_first_batch_of_one_of_many_queues_grows_with_what_it_has(void **state)
{
	static const uint16_t all_zero[100] = {0};
	struct handoff *h = make_of((struct handoff_spec){.n_workers = 1,
							  .n_queues = 100,
							  .n_sinks = 1,
							  .sink_of_queue = all_zero,
							  .batch_cap = CAP,
							  .wait = true});
	for (unsigned round = 0; round < 2; round++) {
		static const size_t sizes[] = {8, 400, 3000, 9000, 100};
		static const unsigned n[] = {500, 100, 7, 2, 10};
		for (unsigned q = 0; q < 5; q++) {
			for (unsigned i = 0; i < n[q]; i++)
				put_number(h, q, i, sizes[q]);
		}
		handoff_flush(h, 0, true);
		for (unsigned q = 0; q < 5; q++)
			expect_numbers(h, q, n[q], sizes[q]);
	}
	put_number(h, 99, 0, CAP);
	expect_numbers(h, 99, 1, CAP);
	handoff_destroy(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_out_is_counted_and_balances),
		cmocka_unit_test(records_added_many_at_a_time_count_as_one_by_one),
		cmocka_unit_test(records_that_trickle_in_wait_for_a_late_sink_in_one_batch),
		cmocka_unit_test(a_queue_that_is_foreseen_is_as_it_was),
		cmocka_unit_test(a_flush_hands_over_what_is_open_and_nothing_else),
		cmocka_unit_test(keys_and_ids_stand_beside_the_records_of_a_queue_that_wants_them),
		cmocka_unit_test(a_batch_leaves_when_it_is_full_or_the_next_record_does_not_fit),
		cmocka_unit_test(a_live_worker_sheds_when_the_sink_gives_nothing_back),
		cmocka_unit_test(spare_batches_are_used_only_while_the_others_are_out),
		cmocka_unit_test(a_replay_that_waits_gives_up_when_it_is_told_to),
		cmocka_unit_test(a_record_larger_than_a_batch_is_lost_and_counted),
		cmocka_unit_test(a_sink_takes_from_all_workers_and_queues_in_turn),
		cmocka_unit_test(
			a_queue_without_a_sink_is_taken_by_itself_from_all_workers_in_turn),
		cmocka_unit_test(
			the_level_rises_while_batches_are_out_and_falls_when_they_are_back),
		cmocka_unit_test(a_worker_has_its_batches_beside_those_that_a_sink_keeps),
		cmocka_unit_test(a_batch_begins_where_in_a_page_its_file_has_it),
		cmocka_unit_test(the_first_batch_of_one_of_many_queues_grows_with_what_it_has),
		cmocka_unit_test(what_a_large_record_took_is_given_back_with_its_batch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
