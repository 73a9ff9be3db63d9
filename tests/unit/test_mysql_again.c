/* Changes that became dead letters, read again in another run: the same records. */
#include "mysql_wire.h"

#include "parsers/mysql/log.h"

static struct wire_rig w, later;

static int set_up(void **state)
{
	wire_init(&w);
	wire_init(&later);
	w.run.keep_ground = true;
	w.run.time_ns = later.run.time_ns = 1795581796000000000ull;
	((struct mysql_conf *)w.run.conf)->query = true;
	wire_begin(&w);
	return 0;
}

static int tear_down(void **state)
{
	wire_fini(&w);
	wire_fini(&later);
	return 0;
}

/* Of shop.t, whose map does not name the columns. */
static void insert_unnamed(uint32_t first, unsigned n)
{
	wire_bare_map(&w, 9, "\3\x0f", 2, "\x40\0", 2);
	wire_rows(&w, 9, first, n);
	wire_send(&w);
}

static const struct run_frame *again(size_t i)
{
	const struct run_frame *k = &w.run.frames[i];
	size_t n = later.run.n_frames;
	assert_true(k->ground_len > 0);
	parser_run_again(&later.run, k, slice_of(k->ground, k->ground_len));
	assert_true(later.run.n_frames > n);
	return &later.run.frames[n];
}

/* Each frame becomes a letter, and its letter the same frame with the same record. */
static void all_come_again_as_they_were(size_t n)
{
	wire_records_are(&w, n);
	for (size_t i = 0; i < n; i++)
		if (!run_frame_same(again(i), &w.run.frames[i]))
			fail_msg("%s\n%s", later.run.frames[i].record, w.run.frames[i].record);
	assert_int_equal(later.run.n_frames, n);
}

static void rows_come_with_their_place_and_transaction(void **state)
{
	wire_statement(&w, "CREATE TABLE orders (id INT, name VARCHAR(64))");
	wire_gtid(&w, 7);
	wire_send(&w);
	wire_statement(&w, "BEGIN");
	wire_insert(&w, 9, "orders", 1, 3);
	wire_insert(&w, 9, "orders", 4, 1);
	wire_xid(&w);
	wire_send(&w);
	all_come_again_as_they_were(5);
	wire_record_has(&later, 1, "\"after\":{\"id\":1,");
	wire_record_has(&later, 4, "\"tx_index\":3,\"last\":true");
}

/* The table is another by then; its letter has it as it was. */
static void rows_come_with_the_names_that_the_log_had_told(void **state)
{
	wire_statement(&w, "CREATE TABLE t (a INT, b VARCHAR(64))");
	insert_unnamed(1, 1);
	wire_statement(&w, "ALTER TABLE t RENAME COLUMN a TO z");
	insert_unnamed(2, 1);
	all_come_again_as_they_were(4);
	wire_record_has(&later, 1, "\"a\":1");
	wire_record_has(&later, 3, "\"z\":2");
}

static void an_event_that_stopped_comes_as_all_of_its_rows(void **state)
{
	wire_statement(&w, "CREATE TABLE t (id INT)"); /* with a column too few */
	insert_unnamed(1, 600);                        /* more than a burst holds */
	wire_records_are(&w, 2);
	assert_non_null(w.run.frames[1].unparsed);
	again(1);
	wire_records_are(&later, 600); /* nobody has told their names there */
	for (size_t i = 0; i < 600; i++) {
		assert_int_equal(later.run.frames[i].idx, i);
		assert_true(later.run.frames[i].identity == w.run.frames[1].identity);
		assert_true(later.run.frames[i].stream_off == w.run.frames[1].stream_off);
	}
	wire_record_has(&later, 599, "\"after\":{\"c1\":600,");
}

static void what_is_not_mended_fails_again_under_its_id(void **state)
{
	wire_statement(&w, "CREATE TABLE t (id INT)");
	insert_unnamed(1, 2);
	wire_begin(&later);
	wire_statement(&later, "CREATE TABLE t (id INT)");
	const struct run_frame *k = again(1);
	assert_non_null(k->unparsed);
	assert_int_equal(k->idx, 0);
	assert_true(k->stream_off == w.run.frames[1].stream_off);
}

/* What stays behind counts: rows behind it have the numbers that they have when it is mended. */
static void an_event_that_stopped_leaves_the_places_of_its_rows_free(void **state)
{
	wire_statement(&w, "CREATE TABLE t (id INT)");
	wire_gtid(&w, 7);
	wire_send(&w);
	wire_statement(&w, "BEGIN");
	insert_unnamed(1, 3);
	wire_insert(&w, 10, "users", 4, 1);
	wire_xid(&w);
	wire_send(&w);
	wire_records_are(&w, 3);
	wire_record_has(&w, 2, "\"tx_index\":3");
}

static void a_letter_that_was_damaged_is_one_again(void **state)
{
	wire_insert(&w, 9, "orders", 1, 1);
	const struct run_frame *k = &w.run.frames[0];
	for (size_t n = 0; n < k->ground_len; n++) {
		size_t before = later.run.n_frames;
		parser_run_again(&later.run, k, slice_of(k->ground, n));
		assert_int_equal(later.run.n_frames, before + 1);
		assert_string_equal(later.run.frames[before].unparsed,
				    "what its letter keeps of it cannot be read");
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_come_with_their_place_and_transaction),
		TEST(rows_come_with_the_names_that_the_log_had_told),
		TEST(an_event_that_stopped_comes_as_all_of_its_rows),
		TEST(what_is_not_mended_fails_again_under_its_id),
		TEST(an_event_that_stopped_leaves_the_places_of_its_rows_free),
		TEST(a_letter_that_was_damaged_is_one_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
